//! Where weight decay holds a single layer: ridge regression.

use super::TheoryError;
use crate::problem::{Problem, Spectral};

/// F = E‖∇ℓ‖² of one layer under weight decay λ, whose only minimum is that of ridge regression, W = V Σx(Σx + λ)⁻¹.
///
/// (Beyond the paper.) With Δ = W − V = −λ V(Σx + λ)⁻¹ the gradient is Δx xᵀ − ε xᵀ, so that for Gaussian x
/// F = tr Σε tr Σx + E‖Δx‖²‖x‖² = tr Σε tr Σx + tr ΔΣxΔᵀ tr Σx + 2 tr ΔΣx²Δᵀ.
/// T = d_y tr Σx and λ_max(Σx) are the same at any weights.
///
/// ```
/// use thalweg::faer::Mat;
/// use thalweg::problem::Problem;
/// use thalweg::theory::ridge_fluctuation;
///
/// // y = x + ε learnt by w with λ = 1: w = 1/2, and E (−x/2 − ε)² x² = 3/4 + 1.
/// let one = || Mat::identity(1, 1);
/// let problem = Problem::new(one(), one(), one(), 1)?;
/// assert!((ridge_fluctuation(&problem, 1.0)? - 1.75).abs() < 1e-12);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// When the eigenvalues of Σx do not converge.
pub fn ridge_fluctuation(problem: &Problem, decay: f64) -> Result<f64, TheoryError> {
    let input = problem.input_covariance();
    let spectral = Spectral::of(input).ok_or(TheoryError::NotConverged {
        what: "eigenvalue iteration of the inputs' covariance",
    })?;
    let size = problem.input_factor().matrix().squared_norm_l2();
    // ΔX and ΔΣx, X Xᵀ = Σx.
    let shrunk = |power: f64| {
        let part = spectral.map(|x| x.max(0.0).powf(power) * decay / (x.max(0.0) + decay));
        (problem.teacher() * part).squared_norm_l2()
    };
    let label = problem.noise_factor().matrix().squared_norm_l2();
    Ok((label + shrunk(0.5)) * size + 2.0 * shrunk(1.0))
}
