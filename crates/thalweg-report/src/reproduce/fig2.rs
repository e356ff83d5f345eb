//! Figure 2: sharpness under anisotropic and isotropic noise, and below it what SGD lowers.

use super::exhibit::Exhibit;
use super::ran::Ran;
use super::two_noises::{self, Row};
use super::{Context, ReproduceError};
use crate::claims::paper;
use thalweg_lab::quantity::{FLUCTUATION, SHARPNESS};

pub use super::two_noises::plan;

/// Draws and judges the figure.
pub fn show(ran: &Ran, context: Context<'_>) -> Result<Exhibit, ReproduceError> {
    let sharpness = Row {
        quantity: SHARPNESS,
        sources: || ["Theorem 1 (eq. 14)", "Theorem 1, T_{min} (eq. 15)"].map(paper),
    };
    let fluctuation = Row {
        quantity: FLUCTUATION,
        sources: || ["Theorem 1"; 2].map(paper),
    };
    two_noises::show(
        "Figure 2",
        &[sharpness, fluctuation],
        "Anisotropic label noise sharpens; isotropic noise stays near the flattest minimum. The linear \
         network has not converged after 10^{5} steps at this η: the limit, the flow and the measurement are \
         three different curves. The paper does not say whether the ReLU network has biases: both are shown. Below \
         (beyond the paper) the gradient's fluctuation over the same runs.",
        ran,
        context,
    )
}
