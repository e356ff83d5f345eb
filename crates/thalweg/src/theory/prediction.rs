//! The whole answer for one problem: sharpness, its excess over the flattest, fluctuation, λ_max.

use super::dense::{singular_values, trace};
use super::{LayerShare, Minimum, TheoryError};
use crate::problem::Problem;

/// What SGD converges to as η → 0⁺. Loss convention: ½‖y − f‖², summed over outputs.
#[derive(Clone, Debug)]
pub struct Prediction<'p> {
    /// T = tr Hessian at SGD's minimum (eq. 14).
    pub sharpness: f64,
    /// T_min, the least sharpness of any global minimum (eq. 15).
    pub min_sharpness: f64,
    /// Δ_SGD = T − T_min ≥ 0; for D ≥ 2 and V of full row rank, zero if and only if Σε ∝ I (see
    /// [`noise_mismatch`](super::noise_mismatch) for other V).
    pub excess: f64,
    /// F = E‖∇ℓ‖² of one sample there, the least of any global minimum; a minibatch of B has F/B.
    pub fluctuation: f64,
    /// The largest Hessian eigenvalue there.
    pub lambda_max: f64,
    /// Each layer's share of T and F, W_1 first.
    pub layers: Vec<LayerShare>,
    /// The minimum itself, for what costs more: weights, spectrum, layer conditioning.
    pub minimum: Minimum<'p>,
}

/// Predicts what SGD converges to, in O(d³ + D) time.
///
/// # Errors
/// For D ≥ 2, when Σε is zero or singular on directions that the teacher uses; when the answer is
/// beyond double precision.
pub fn predict(problem: &Problem) -> Result<Prediction<'_>, TheoryError> {
    let minimum = Minimum::of_sgd(problem)?;
    let functionals = minimum.functionals();
    let min_sharpness = least(problem, minimum.teacher_singular_values());
    let lambda_max = minimum.lambda_max()?;
    for (what, value) in [
        ("the sharpness", functionals.sharpness),
        ("the fluctuation", functionals.fluctuation),
        ("the largest eigenvalue", lambda_max),
    ] {
        if !value.is_finite() {
            return Err(TheoryError::NotRepresentable { what, value });
        }
    }
    Ok(Prediction {
        sharpness: functionals.sharpness,
        min_sharpness,
        // Where the two are equal their computed difference is rounding of either sign.
        excess: (functionals.sharpness - min_sharpness).max(0.0),
        fluctuation: functionals.fluctuation,
        lambda_max,
        layers: functionals.layers,
        minimum,
    })
}

/// T_min = D (tr Ŝ)^{2−2/D} (d_y b)^{1/D}, Ŝ the singular values of V√Σx, b = tr Σx (eq. 15).
///
/// # Errors
/// When the singular value decomposition does not converge.
pub fn min_sharpness(problem: &Problem) -> Result<f64, TheoryError> {
    let signal = problem.teacher() * problem.input_factor().matrix();
    Ok(least(problem, &singular_values(signal.as_ref())?))
}

pub(super) fn least(problem: &Problem, teacher_values: &[f64]) -> f64 {
    let depth = problem.depth() as f64;
    let total: f64 = teacher_values.iter().sum();
    let sizes = problem.output_dim() as f64 * trace(problem.input_covariance());
    depth * total.powf(2.0 - 2.0 / depth) * sizes.powf(1.0 / depth)
}
