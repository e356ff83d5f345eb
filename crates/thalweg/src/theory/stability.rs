//! How far a given step size and batch size are from the limit that the predictions are for.
//!
//! Beyond the paper. Near a minimum let δ = W_D … W_1 − V and U = δ X (X Xᵀ = Σx). To first order in
//! δ, with S_xx → Σx and the noise S_εx = E Z Xᵀ/√B, Z standard normal, one step is
//!
//!   U ← U − η K [U − E Z/√B].
//!
//! The stationary covariance P of vec U solves K P + P K − η K P K = (η/B) K Q K, Q = I ⊗ Σε, and to
//! leading order in η the third term drops. Multiplied by K⁻¹ its trace gives, at any minimum,
//!
//!   E‖δ √Σx‖² = tr P = (η/2B) tr(K Q) = η F / 2B,
//!
//! so that the excess loss is η F/4B, the entropic term of eq. 12. At SGD's minimum (and the flattest)
//! K falls into one block K_m for each eigenvector u_m of M, and so do the diagonal blocks of the
//! equation, K_m P_m + P_m K_m = (η/B) (u_mᵀ Σε u_m) K_m², whence P_m = (η/2B) (u_mᵀ Σε u_m) K_m and
//!
//!   E‖δ‖² = Σ_m tr((XᵀX)⁻¹ P_m) = (η/2B) Σ_k tr(A_kᵀ Σε A_k) tr(B_kᵀ B_k) on the support of Σx.

use super::dense::{squared_norm, trace};
use super::{Minimum, Prediction, TheoryError};

/// How well a prediction for η → 0⁺ can describe a run at a given η and B.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stability {
    /// η λ_max / 2 at the predicted minimum: gradient descent leaves it where this exceeds 1, the
    /// edge of stability, and corrections in η are of this size.
    pub stability_number: f64,
    /// E‖W_D … W_1 − V‖² around the minimum, on the support of Σx, to leading order in η.
    pub unweighted_fluctuation: f64,
    /// The same, relative to ‖V‖²; infinite for V = 0 with noise.
    pub relative_unweighted_fluctuation: f64,
    /// E‖(W_D … W_1 − V) √Σx‖² = η F / 2B to leading order: twice the excess loss.
    pub weighted_fluctuation: f64,
}

impl Prediction<'_> {
    /// The validity of this prediction at step size `learning_rate` and minibatches of `batch`.
    ///
    /// # Errors
    /// When `learning_rate` is not positive and finite or `batch` is 0.
    pub fn stability(&self, learning_rate: f64, batch: usize) -> Result<Stability, TheoryError> {
        if !(learning_rate > 0.0 && learning_rate.is_finite()) {
            return Err(TheoryError::Parameter {
                parameter: "learning_rate",
                found: learning_rate,
                expected: "a positive, finite number",
            });
        }
        if batch == 0 {
            return Err(TheoryError::Parameter {
                parameter: "batch",
                found: 0.0,
                expected: "at least one sample",
            });
        }
        let scale = 0.5 * learning_rate / batch as f64;
        let unweighted_fluctuation = scale * self.minimum.unweighted_fluctuation();
        let teacher = self.minimum.problem().teacher().squared_norm_l2();
        let relative = if unweighted_fluctuation > 0.0 {
            unweighted_fluctuation / teacher
        } else {
            0.0
        };
        Ok(Stability {
            stability_number: 0.5 * learning_rate * self.lambda_max,
            unweighted_fluctuation,
            relative_unweighted_fluctuation: relative,
            weighted_fluctuation: scale * self.fluctuation,
        })
    }
}

impl Minimum<'_> {
    /// Σ_k tr(A_kᵀ Σε A_k) tr(B_kᵀ B_k) over the support of Σx, which is F with Σx → I in every
    /// second factor: tr(B_kᵀB_k) is p for k = 1 and (b/s) ρ^{−(k−1)} ‖J‖² above.
    fn unweighted_fluctuation(&self) -> f64 {
        let depth = self.problem().depth();
        let support = self.problem().input_factor().rank() as f64;
        if depth == 1 {
            return trace(self.problem().noise_covariance()) * support;
        }
        if self.rank() == 0 {
            return 0.0;
        }
        let shares = self.functionals().layers;
        let input = trace(self.problem().input_covariance());
        let beyond = squared_norm(&self.input_directions()) / self.signal_trace();
        let above: f64 = shares[1..].iter().map(|share| share.fluctuation).sum();
        shares[0].fluctuation / input * support + above * beyond
    }
}
