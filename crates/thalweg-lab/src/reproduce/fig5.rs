//! Figure 5: the largest Hessian eigenvalue under anisotropic and isotropic noise.

use super::made::Made;
use super::network::NetworkObservable;
use super::observable::LAMBDA_MAX;
use super::two_noises::{self, Row};
use super::{Context, ReproduceError};

/// Runs, draws and judges the figure.
pub fn make(context: Context<'_>) -> Result<Made, ReproduceError> {
    let row = Row {
        linear: LAMBDA_MAX,
        exact: |prediction| prediction.lambda_max,
        sources: [
            "closed spectrum at Theorem 1's minimum (beyond the paper)",
            "eq. 71",
        ],
        network: NetworkObservable::LambdaMax,
    };
    two_noises::make(
        "Figure 5",
        &[row],
        "The largest Hessian eigenvalue in the runs of Figure 2. The linear network's anisotropic limit lies \
         close to the edge of stability, 2/η = 200, where the small-η theory ends.",
        context,
    )
}
