//! Figure 2, left: sharpness under anisotropic and isotropic noise.

use super::made::Made;
use super::observable::SHARPNESS;
use super::two_noises::{self, Shown};
use super::{Context, ReproduceError};

/// Runs, draws and judges the figure.
pub fn make(context: Context<'_>) -> Result<Made, ReproduceError> {
    let shown = Shown {
        observable: SHARPNESS,
        exact: |prediction| prediction.sharpness,
        anisotropic_source: "Theorem 1 (eq. 14)",
        isotropic_source: "Theorem 1, T_{min} (eq. 15)",
        caption: "Anisotropic label noise sharpens; isotropic noise stays near the flattest minimum. \
                  At this η and noise the runs are beyond the leading order in η, and 10^{5} steps are \
                  not convergence: the limit, the flow and the measurement are three different curves.",
    };
    two_noises::make(&shown, context)
}
