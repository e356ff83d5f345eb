//! Whether SGD's minimum is a flattest one: what the noise has to look like where the teacher acts.

use super::TheoryError;
use super::dense::{thin_svd, trace};
use crate::problem::{Problem, numerical_rank};

/// ‖(d_y/a) Π Σε Π − Π‖, Π the projection on the range of V√Σx; zero if and only if Δ_SGD = 0 (D ≥ 2).
///
/// For a teacher of full row rank it vanishes exactly for Σε ∝ I (Corollary 2, there for Σε = I). For
/// others, beyond the paper, it is enough that the noise has its average variance a/d_y in every
/// direction of the range: SGD's Y and the flattest one's are then both balanced, YᵀΣεY ∝ YᵀY.
/// So V = uuᵀ with u = (1, 1)/√2 is fitted flatly under Σε = diag(3, 1).
///
/// # Errors
/// When Σε is zero or a decomposition does not converge.
pub fn noise_mismatch(problem: &Problem) -> Result<f64, TheoryError> {
    let total = trace(problem.noise_covariance());
    if total == 0.0 {
        return Err(TheoryError::NoNoise);
    }
    let signal = problem.teacher() * problem.input_factor().matrix();
    let svd = thin_svd(signal.as_ref())?;
    let rank = numerical_rank(&svd.singular_values, signal.nrows(), signal.ncols());
    let range = svd.left.subcols(0, rank);
    let mut compressed = range.transpose() * problem.noise_covariance() * range;
    compressed *= faer::Scale(problem.output_dim() as f64 / total);
    for i in 0..rank {
        compressed[(i, i)] -= 1.0;
    }
    Ok(compressed.norm_l2())
}
