//! Figure 5, left: the largest Hessian eigenvalue under anisotropic and isotropic noise.

use super::made::Made;
use super::observable::LAMBDA_MAX;
use super::two_noises::{self, Shown};
use super::{Context, ReproduceError};

/// Runs, draws and judges the figure.
pub fn make(context: Context<'_>) -> Result<Made, ReproduceError> {
    let shown = Shown {
        observable: LAMBDA_MAX,
        exact: |prediction| prediction.lambda_max,
        anisotropic_source: "closed spectrum at Theorem 1's minimum (beyond the paper)",
        isotropic_source: "eq. 71",
        caption: "The largest Hessian eigenvalue in the runs of Figure 2. The anisotropic limit lies close \
                  to the edge of stability, 2/η = 200, where the small-η theory ends.",
    };
    two_noises::make(&shown, context)
}
