//! Exact observables of a network's weights; nothing here is sampled.

use faer::{Mat, MatRef};

use crate::lanes::condition::ratio;
use crate::lanes::dispatch;
use crate::problem::{Problem, Weights};

use super::Data;
use super::bidiagonal::Bidiagonal;
use super::lambda_max::lambda_max;
use super::meter::Meter;
use super::products::product;

/// What is measured of one seed's weights.
///
/// Losses follow the crate's convention, ℓ = ½‖y − f(x)‖² summed over outputs. Expectations are over
/// the population, also for runs on a finite data set.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// T = tr Hessian = Σ_k tr(A_kᵀA_k) tr(B_k Σx B_kᵀ) (eq. 44); exact at any weights, since the network
    /// is linear in each layer.
    pub sharpness: f64,
    /// The largest eigenvalue of K = Σ_k (√Σx B_kᵀB_k √Σx) ⊗ (A_kA_kᵀ): λ_max of the Gauss–Newton
    /// matrix, which is the Hessian's at a global minimum. Found by iteration until its residual ‖K x − λ x‖/λ is below 10⁻³:
    /// its relative error is at most that, and as a rule that squared over the relative distance to the next eigenvalue, some 10⁻⁶.
    /// `None` where the iteration fails, as it does if K overflows.
    pub lambda_max: Option<f64>,
    /// The label noise's part of E‖∇ℓ‖², for single samples: Σ_k tr(A_kᵀΣεA_k) tr(B_kΣxB_kᵀ), times
    /// 1 + 2c/d_x under heteroscedasticity c. Under dropout of inputs the noise depends on them, and E‖∇ℓ‖² at a minimum is what stands here.
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
        let layers: Vec<_> = weights.layers().iter().map(Mat::as_ref).collect();
        Self::of(&Meter::new(problem, data), &layers)
    }

    /// Measures the weights W_1 … W_D.
    ///
    /// With L_x in every B_k, and E = (W_D … W_1 − V) L_x, all traces are squares: tr(B_kΣxB_kᵀ) = ‖B_k‖², tr(A_kᵀΣεA_k) =
    /// ‖L_εᵀA_k‖², tr(M_kΣx) = ‖A_kᵀE‖² and tr(M_kΣxN_kΣx) = ‖A_kᵀE B_kᵀ‖².
    pub(super) fn of(meter: &Meter, layers: &[MatRef<'_, f64>]) -> Self {
        // From A_{D−1} = W_D down to A_1; A_D = I is left out.
        let depth = layers.len();
        let mut above: Vec<Mat<f64>> = Vec::with_capacity(depth);
        for layer in layers[1..].iter().rev() {
            let next = match above.last() {
                Some(last) => product(last.as_ref(), *layer),
                None => layer.to_owned(),
            };
            above.push(next);
        }
        above.reverse();
        // B_2 … B_D, and W_D … W_1 L_x; B_1 = L_x is left out.
        let mut below = vec![meter.input.behind(layers[0])];
        for layer in &layers[1..] {
            below.push(product(*layer, below[below.len() - 1].as_ref()));
        }
        let whole = match above.first() {
            Some(first) => product(first.as_ref(), layers[0]),
            None => layers[0].to_owned(),
        };
        let error = whole - &meter.teacher;
        let excess = meter.input.behind(error.as_ref());
        let inputs = meter.input.total(meter.inputs());

        let (mut sharpness, mut fluctuation, mut residual) = (0.0, 0.0, 0.0);
        for k in 0..depth {
            let weight = match k {
                0 => inputs,
                _ => below[k - 1].squared_norm_l2(),
            };
            let turned;
            let back = match above.get(k) {
                Some(a) => {
                    sharpness += a.squared_norm_l2() * weight;
                    fluctuation += meter.noise.square_before(a.as_ref()) * weight;
                    turned = product(a.transpose(), excess.as_ref());
                    &turned
                }
                None => {
                    sharpness += meter.outputs() as f64 * weight;
                    fluctuation += meter.total_noise * weight;
                    &excess
                }
            };
            let crossed = match k {
                0 => meter.input.transposed_behind(back.as_ref()),
                _ => product(back.as_ref(), below[k - 1].transpose()),
            };
            residual += back.squared_norm_l2() * weight + 2.0 * crossed.squared_norm_l2();
        }
        if let Some(dropped) = &meter.dropped {
            fluctuation += dropped.shares(layers).iter().sum::<f64>();
        }
        fluctuation *= meter.growth;
        Self {
            sharpness,
            lambda_max: lambda_max(meter, &above, &below[..depth - 1]),
            fluctuation,
            gradient_second_moment: fluctuation + residual,
            loss: 0.5 * (excess.squared_norm_l2() + meter.total_noise),
            product_error: error.squared_norm_l2(),
            condition_numbers: layers.iter().map(|w| condition(*w)).collect(),
        }
    }
}

/// σ_max/σ_min; `None` if that is undefined, as for a layer of zeros.
fn condition(layer: MatRef<'_, f64>) -> Option<f64> {
    let reduced = Bidiagonal::new(layer.nrows(), layer.ncols(), |i, j| layer[(i, j)]);
    let (diagonal, beside) = dispatch(reduced);
    Some(ratio(&diagonal, &beside)).filter(|x| !x.is_nan())
}
