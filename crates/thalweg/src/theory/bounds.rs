//! Bounds on sharpness by the noise's condition number (Corollary 1), and on fluctuation by sharpness
//! (Theorem 2).

use super::dense::{singular_values, thin_svd, trace};
use super::{Minimum, TheoryError, prediction};
use crate::problem::Problem;

/// c₁ D √κ ≤ T ≤ c₂ D κ with κ = κ(Σε) (Corollary 1), c₁ and c₂ free of Σε.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ConditionBounds {
    /// The noise's condition number κ = λ_max(Σε)/λ_min(Σε), 1 or more.
    pub condition_number: f64,
    /// c₁ D √κ ≤ T, in loss/weight².
    pub lower: f64,
    /// c₂ D κ ≥ T, in loss/weight².
    pub upper: f64,
    /// c₁ = (1 − 1/D) b^{1/D} v^{2−2/D}, v the d_y-th singular value of V√Σx (0 if there are fewer).
    pub lower_constant: f64,
    /// The constant of the upper bound T ≤ c₂ D κ: c₂ = T_min/D = (tr Ŝ)^{2−2/D} (d_y b)^{1/D}.
    pub upper_constant: f64,
}

/// Corollary 1 with constants of our own:
///
/// - Upper: T λ_min ≤ F at SGD's minimum, F there is at most F at the flattest one, and F ≤ λ_max T
///   there. So T ≤ κ T_min.
/// - Lower: VΣxVᵀ ≥ v² I, and the geometric mean is monotone, so M ≥ v Σε^{−1/2}; hence
///   τ ≥ v λ_min^{−1/2}, s ≥ v λ_max^{1/2} and a ≥ λ_max in T ≥ (D−1) (ab)^{1/D} s^{1−2/D} τ.
///
/// No lower bound that grows with κ holds for a rank-deficient V, which may not use the quiet outputs.
///
/// # Errors
/// When Σε is singular.
pub fn condition_bounds(problem: &Problem) -> Result<ConditionBounds, TheoryError> {
    let signal = problem.teacher() * problem.input_factor().matrix();
    from_teacher_values(problem, &singular_values(signal.as_ref())?)
}

/// κ(Σε) = λ_max(Σε)/λ_min(Σε), infinite where Σε is singular.
///
/// # Errors
/// When a decomposition does not converge.
pub fn noise_condition_number(problem: &Problem) -> Result<f64, TheoryError> {
    let (outputs, factor) = (problem.output_dim(), problem.noise_factor());
    if factor.rank() < outputs {
        return Ok(f64::INFINITY);
    }
    // Of a factor rather than of Σε itself: its least singular value keeps twice as many digits.
    let noise = thin_svd(factor.matrix())?.singular_values;
    Ok((noise[0] / noise[outputs - 1]).powi(2))
}

impl Minimum<'_> {
    /// [`condition_bounds`] of its problem, without decomposing V√Σx again.
    ///
    /// # Errors
    /// When Σε is singular.
    pub fn condition_bounds(&self) -> Result<ConditionBounds, TheoryError> {
        from_teacher_values(self.problem(), self.teacher_singular_values())
    }
}

/// Corollary 1 for `teacher`, the singular values of V√Σx.
fn from_teacher_values(problem: &Problem, teacher: &[f64]) -> Result<ConditionBounds, TheoryError> {
    let (outputs, depth) = (problem.output_dim(), problem.depth() as f64);
    let rank = problem.noise_factor().rank();
    if rank < outputs {
        return Err(TheoryError::InfiniteCondition {
            rank,
            dimension: outputs,
        });
    }
    let condition_number = noise_condition_number(problem)?;
    let weakest = teacher.get(outputs - 1).copied().unwrap_or(0.0);
    let input = trace(problem.input_covariance());
    let lower_constant =
        (1.0 - 1.0 / depth) * input.powf(1.0 / depth) * weakest.powf(2.0 - 2.0 / depth);
    let upper_constant = prediction::least(problem, teacher) / depth;
    Ok(ConditionBounds {
        condition_number,
        lower: lower_constant * depth * condition_number.sqrt(),
        upper: upper_constant * depth * condition_number,
        lower_constant,
        upper_constant,
    })
}

/// λ_min(C) T ≤ E‖∇ℓ‖² ≤ λ_max(C) T for any network with residual covariance C (Theorem 2; the
/// paper prints it the other way round).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FluctuationBounds {
    /// λ_min(C) T ≤ F, in loss²/weight².
    pub lower: f64,
    /// λ_max(C) T ≥ F, in loss²/weight².
    pub upper: f64,
}

/// Theorem 2 for a residual covariance with the extreme eigenvalues `smallest` and `largest`.
pub fn fluctuation_bounds(sharpness: f64, smallest: f64, largest: f64) -> FluctuationBounds {
    FluctuationBounds {
        lower: smallest * sharpness,
        upper: largest * sharpness,
    }
}
