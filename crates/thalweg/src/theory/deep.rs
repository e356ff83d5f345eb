//! The limit of many layers: T and T_min grow as D, and their ratio has a limit.

use super::{Minimum, TheoryError};
use crate::problem::Problem;

/// T/D, T_min/D and T/T_min for D → ∞ at fixed Σx, V and Σε (beyond the paper).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DeepLimit {
    /// lim T/D = s τ, since ρ → 1 in eq. 14.
    pub sharpness_per_layer: f64,
    /// The flattest minimum's sharpness for each layer as D → ∞, lim T_min/D = (tr Ŝ)² (eq. 15), in loss/weight².
    pub min_sharpness_per_layer: f64,
    /// lim T/T_min; 1 where both vanish.
    pub ratio: f64,
}

/// The limit of many layers; the depth of `problem` itself plays no part, but must be 2 or more.
///
/// # Errors
/// As [`Minimum::of_sgd`]; and for D = 1, whose minimum does not depend on the noise.
pub fn deep_limit(problem: &Problem) -> Result<DeepLimit, TheoryError> {
    if problem.depth() == 1 {
        return Err(TheoryError::Parameter {
            parameter: "depth",
            found: 1.0,
            expected: "2 or more: a single layer has no choice of minimum",
        });
    }
    let (sgd, flattest) = (Minimum::of_sgd(problem)?, Minimum::flattest(problem)?);
    let sharpness_per_layer = sgd.signal_trace() * sgd.tau();
    let min_sharpness_per_layer = flattest.signal_trace().powi(2);
    let ratio = if sgd.rank() == 0 {
        1.0
    } else {
        sharpness_per_layer / min_sharpness_per_layer
    };
    Ok(DeepLimit {
        sharpness_per_layer,
        min_sharpness_per_layer,
        ratio,
    })
}
