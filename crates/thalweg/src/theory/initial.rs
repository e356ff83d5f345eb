//! The expected sharpness of random initial weights (Proposition 1).

use super::TheoryError;
use super::dense::trace;
use crate::problem::Problem;

/// E T = d_y (Π_{k=1}^{D−1} h_k) tr Σx Σ_k Π_{j≠k} σ_j² for independent zero-mean entries of variance
/// σ_k² in layer k, of any law (Prop. 1; fan-ins d_k = h_{k−1} there).
///
/// `variances` are σ_1² … σ_D².
///
/// # Errors
/// When their number is not D, or one is negative or not finite.
pub fn initial_sharpness(problem: &Problem, variances: &[f64]) -> Result<f64, TheoryError> {
    let depth = problem.depth();
    if variances.len() != depth {
        return Err(TheoryError::Count {
            parameter: "variances",
            found: variances.len(),
            expected: depth,
        });
    }
    if let Some(&found) = variances.iter().find(|v| !(v.is_finite() && **v >= 0.0)) {
        return Err(TheoryError::Parameter {
            parameter: "variances",
            found,
            expected: "finite numbers, none negative",
        });
    }
    // E tr(B_kΣxB_kᵀ) = tr Σx Π_{j<k} h_jσ_j² and E tr(A_kᵀA_k) = h_k Π_{j>k} h_jσ_j², so with
    // g_j = h_jσ_j² each term is h_k times the product of all the other g_j.
    let widths = &problem.widths()[1..];
    let gains: Vec<f64> = widths
        .iter()
        .zip(variances)
        .map(|(&h, v)| h as f64 * v)
        .collect();
    let mut above = vec![1.0; depth];
    for k in (0..depth - 1).rev() {
        above[k] = above[k + 1] * gains[k + 1];
    }
    let (mut below, mut total) = (1.0, 0.0);
    for k in 0..depth {
        total += below * widths[k] as f64 * above[k];
        below *= gains[k];
    }
    Ok(trace(problem.input_covariance()) * total)
}

/// σ_k² = gain²/fan_in: Kaiming's scheme, gain 1 for linear networks and √2 for ReLU (eq. 67).
pub fn kaiming_variances(problem: &Problem, gain: f64) -> Vec<f64> {
    problem
        .widths()
        .windows(2)
        .map(|w| gain * gain / w[0] as f64)
        .collect()
}

/// σ_k² = 2 gain²/(fan_in + fan_out): Xavier's scheme (eq. 68).
pub fn xavier_variances(problem: &Problem, gain: f64) -> Vec<f64> {
    problem
        .widths()
        .windows(2)
        .map(|w| 2.0 * gain * gain / (w[0] + w[1]) as f64)
        .collect()
}
