//! Exact observables of a network's weights; nothing here is sampled.

use faer::{Mat, MatRef};

use crate::problem::{Problem, Weights, cholesky};

use super::Data;
use super::lambda_max::lambda_max;

/// What is measured of one seed's weights.
///
/// Losses follow the crate's convention, ℓ = ½‖y − f(x)‖² summed over outputs. Expectations are over
/// the population, also for runs on a finite data set.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// T = tr Hessian = Σ_k tr(A_kᵀA_k) tr(B_k Σx B_kᵀ) (eq. 44); exact at any weights, since the network
    /// is linear in each layer.
    pub sharpness: f64,
    /// The largest eigenvalue of K = Σ_k (A_kA_kᵀ) ⊗ (√Σx B_kᵀB_k √Σx): λ_max of the Gauss–Newton
    /// matrix, which is the Hessian's at a global minimum. Found by iteration until its residual is below 10⁻⁶: its relative
    /// error is at most that, and as a rule that squared over the relative distance to the next eigenvalue. `None` where the
    /// iteration fails, as it does if K overflows.
    pub lambda_max: Option<f64>,
    /// The label noise's part of E‖∇ℓ‖², for single samples: Σ_k tr(A_kᵀΣεA_k) tr(B_kΣxB_kᵀ), times
    /// 1 + 2c/d_x under heteroscedasticity c.
    pub fluctuation: f64,
    /// E‖∇ℓ‖² of single samples in full: the fluctuation and, with R = W_D … W_1 − V,
    /// Σ_k tr(M_kΣx) tr(N_kΣx) + 2 tr(M_kΣxN_kΣx), M_k = RᵀA_kA_kᵀR, N_k = B_kᵀB_k (Gaussian fourth
    /// moments of x). It holds for every noise law: ε enters by its covariance only.
    pub gradient_second_moment: f64,
    /// The population loss ½ tr(R Σx Rᵀ) + ½ tr Σε.
    pub loss: f64,
    /// How far the product of the weights is from the teacher, ‖W_D … W_1 − V‖²_F.
    pub product_error: f64,
    /// Largest over smallest singular value of W_1 … W_D; infinite for a singular layer, `None` where it is
    /// undefined (a layer of zeros) or the decomposition does not converge.
    pub condition_numbers: Vec<Option<f64>>,
}

impl Observation {
    /// Measures `weights` in `problem` under the law of `data`.
    pub fn new(problem: &Problem, data: &Data, weights: &Weights) -> Self {
        let (input, noise) = (problem.input_covariance(), problem.noise_covariance());
        let inputs = problem.input_dim() as f64;
        let error = weights.product() - problem.teacher();
        let (mut sharpness, mut fluctuation, mut residual) = (0.0, 0.0, 0.0);
        for (a, b) in weights.above().iter().zip(weights.below()) {
            let below = trace(&(&b * input * b.transpose()));
            sharpness += a.squared_norm_l2() * below;
            fluctuation += trace(&(a.transpose() * noise * a)) * below;
            let back = a.transpose() * &error;
            // tr(MΣxNΣx) = ‖back Σx bᵀ‖² since M = backᵀ back and N = bᵀ b.
            let crossed = &back * input * b.transpose();
            residual += trace(&(&back * input * back.transpose())) * below
                + 2.0 * crossed.squared_norm_l2();
        }
        fluctuation *= 1.0 + 2.0 * data.heteroscedasticity / inputs;
        Self {
            sharpness,
            lambda_max: lambda_max(weights, &cholesky(input)),
            fluctuation,
            gradient_second_moment: fluctuation + residual,
            loss: 0.5 * (trace(&(&error * input * error.transpose())) + trace(&noise.to_owned())),
            product_error: error.squared_norm_l2(),
            condition_numbers: weights
                .layers()
                .iter()
                .map(|w| condition(w.as_ref()))
                .collect(),
        }
    }
}

fn trace(m: &Mat<f64>) -> f64 {
    m.diagonal().column_vector().iter().sum()
}

/// σ_max/σ_min; `None` if the decomposition fails, or for a layer of zeros.
fn condition(layer: MatRef<'_, f64>) -> Option<f64> {
    let condition = match layer.singular_values().ok()?.as_slice() {
        [largest, .., smallest] => largest / smallest,
        [_] => 1.0,
        [] => return None,
    };
    (!condition.is_nan()).then_some(condition)
}
