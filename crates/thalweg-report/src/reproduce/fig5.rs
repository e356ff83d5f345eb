//! Figure 5: the largest Hessian eigenvalue under anisotropic and isotropic noise.

use super::exhibit::Exhibit;
use super::ran::Ran;
use super::two_noises::{self, Row};
use super::{Context, ReproduceError};
use crate::claims::{beyond, paper};
use thalweg_lab::quantity::LAMBDA_MAX;

pub use super::two_noises::plan;

/// Draws and judges the figure.
pub fn show(ran: &Ran, context: Context<'_>) -> Result<Exhibit, ReproduceError> {
    let row = Row {
        quantity: LAMBDA_MAX,
        sources: || {
            [
                beyond("closed spectrum at Theorem 1's minimum"),
                paper("eq. 71"),
            ]
        },
    };
    two_noises::show(
        "Figure 5",
        &[row],
        "The largest Hessian eigenvalue in the runs of Figure 2, the ReLU network without and with biases. The \
         linear network's anisotropic limit lies close to the edge of stability, 2/η = 200, where the small-η \
         theory ends.",
        ran,
        context,
    )
}
