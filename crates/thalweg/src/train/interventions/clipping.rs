//! Gradient clipping by the norm.

use crate::lanes::vectorise;
use crate::optimizer::{OptimizerError, require};
use crate::tensor::Number;

/// g ← g/max(1, ‖g‖/c): PyTorch's `clip_grad_norm_` but for the 10⁻⁶ that it adds to ‖g‖.
///
/// ```
/// use thalweg::train::clip;
///
/// let mut gradient = [3.0, 4.0];
/// clip(2.5, &mut gradient);
/// assert_eq!(gradient, [1.5, 2.0]);
/// ```
pub fn clip<N: Number>(limit: f64, gradient: &mut [N]) {
    let norm = norm(gradient);
    let scale = N::ONE / N::ONE.larger(norm / N::from_f64(limit));
    for g in gradient {
        *g = scale * *g;
    }
}

/// ‖g‖, summed in one order.
pub(super) fn norm<N: Number>(gradient: &[N]) -> N {
    vectorise(
        #[inline(always)]
        || {
            let mut sum = N::ZERO;
            for &g in gradient {
                sum = g.mul_add(g, sum);
            }
            sum.sqrt()
        },
    )
}

/// Checks the limit c.
pub(super) fn validate(limit: f64) -> Result<(), OptimizerError> {
    require(
        limit.is_finite() && limit > 0.0,
        "clipping",
        limit,
        "a norm above 0, such as 1 (leave it out for none)",
    )
}
