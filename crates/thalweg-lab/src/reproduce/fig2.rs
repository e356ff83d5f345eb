//! Figure 2: sharpness under anisotropic and isotropic noise, and below it what SGD lowers.

use super::made::Made;
use super::network::NetworkObservable;
use super::observable::{FLUCTUATION, SHARPNESS};
use super::two_noises::{self, Row};
use super::{Context, ReproduceError};

/// Runs, draws and judges the figure.
pub fn make(context: Context<'_>) -> Result<Made, ReproduceError> {
    let sharpness = Row {
        linear: SHARPNESS,
        exact: |prediction| prediction.sharpness,
        sources: ["Theorem 1 (eq. 14)", "Theorem 1, T_{min} (eq. 15)"],
        network: NetworkObservable::Sharpness,
    };
    let fluctuation = Row {
        linear: FLUCTUATION,
        exact: |prediction| prediction.fluctuation,
        sources: ["Theorem 1"; 2],
        network: NetworkObservable::Fluctuation,
    };
    two_noises::make(
        "Figure 2",
        &[sharpness, fluctuation],
        "Anisotropic label noise sharpens; isotropic noise stays near the flattest minimum. In the linear \
         network 10^{5} steps at this η are not convergence: the limit, the flow and the measurement are \
         three different curves. Below (beyond the paper) the gradient's fluctuation over the same runs.",
        context,
    )
}
