//! The minimum that SGD selects (Theorem 1), and the flattest one.
//!
//! Both minimise a sum Σ_k tr(A_kᵀ C A_k) tr(B_k Σx B_kᵀ) over the weights with W_D … W_1 = V: SGD with
//! C = Σε (least fluctuation), the flattest minimum with C = I (least sharpness). Both come from one
//! factorisation of the teacher, balanced between the metric C of outputs and Σx of inputs:
//!
//!   V = Y Jᵀ,  YᵀC Y = Jᵀ Σx J = S,  S diagonal: the singular values of √C V √Σx.
//!
//! With C = E Eᵀ, Σx = X Xᵀ (any factors) and the thin SVD EᵀVX = L S R, Y = E^{−T} L √S and
//! J = X^{−T} Rᵀ √S. In these terms M = Y Yᵀ, the matrix geometric mean of C⁻¹ and VΣxVᵀ.

use faer::{Mat, MatRef, Scale};

use super::dense::{ThinSvd, singular_values, squared_norm, thin_svd, trace};
use super::{Functionals, LayerShare, TheoryError};
use crate::problem::{Problem, Weights, numerical_rank};

/// What of V√Σx may lie in the kernel of Σε and still be taken for rounding.
const LEAK_TOLERANCE: f64 = 1e-10;

/// One of the two distinguished minima of a problem, known in closed form.
#[derive(Clone, Debug)]
pub struct Minimum<'p> {
    problem: &'p Problem,
    /// Y, d_y × r.
    output: Mat<f64>,
    /// XᵀJ = Rᵀ √S, p × r.
    input: Mat<f64>,
    /// S, descending, r numbers.
    singular_values: Vec<f64>,
    /// Ŝ, the singular values of V√Σx, descending, zeros included.
    teacher_values: Vec<f64>,
    /// tr C.
    metric_trace: f64,
    /// tr(Σε M).
    noise_gain: f64,
}

impl<'p> Minimum<'p> {
    /// The minimum of the fluctuation, to which SGD converges as η → 0⁺ (Theorem 1).
    ///
    /// Where Σε is singular on directions that the teacher does not use, this is the limit of
    /// Σε + δ I for δ → 0⁺: the one of the selected minima whose W_D has nothing there. D = 1 has a
    /// single minimum, whatever the noise.
    ///
    /// # Errors
    /// For D ≥ 2, when Σε is zero, or singular on directions that the teacher uses.
    pub fn of_sgd(problem: &'p Problem) -> Result<Self, TheoryError> {
        if problem.depth() == 1 {
            return Self::flattest(problem);
        }
        let noise = problem.noise_factor();
        if noise.rank() == 0 {
            return Err(TheoryError::NoNoise);
        }
        let signal = problem.teacher() * problem.input_factor().matrix();
        if let Some(kernel) = noise.kernel() {
            let leak = (kernel.transpose() * &signal).norm_l2() / signal.norm_l2();
            if leak > LEAK_TOLERANCE {
                return Err(TheoryError::NoiseSingular {
                    rank: noise.rank(),
                    dimension: problem.output_dim(),
                    leak,
                });
            }
        }
        let whitened = noise.matrix().transpose() * &signal;
        // Each runs on one thread (see `dense`), so they share the cores best side by side.
        let (teacher_values, svd) = rayon::join(
            || singular_values(signal.as_ref()),
            || thin_svd(whitened.as_ref()),
        );
        let metric_trace = trace(problem.noise_covariance());
        let unwhiten = |left: MatRef<'_, f64>| noise.inverse_transpose_times(left);
        Ok(Self::balanced(
            problem,
            teacher_values?,
            &svd?,
            metric_trace,
            unwhiten,
        ))
    }

    /// The minimum of the sharpness: [`Minimum::of_sgd`] with Σε → I.
    ///
    /// # Errors
    /// When a decomposition does not converge.
    pub fn flattest(problem: &'p Problem) -> Result<Self, TheoryError> {
        let signal = problem.teacher() * problem.input_factor().matrix();
        let svd = thin_svd(signal.as_ref())?;
        let metric_trace = problem.output_dim() as f64;
        let values = svd.singular_values.clone();
        Ok(Self::balanced(
            problem,
            values,
            &svd,
            metric_trace,
            |left| left.to_owned(),
        ))
    }

    /// `svd` is that of EᵀVX, `teacher_values` those of VX, `unwhiten` multiplies by (Eᵀ)⁺.
    fn balanced(
        problem: &'p Problem,
        teacher_values: Vec<f64>,
        svd: &ThinSvd,
        metric_trace: f64,
        unwhiten: impl Fn(MatRef<'_, f64>) -> Mat<f64>,
    ) -> Self {
        // The rank is read off V X: strong noise anisotropy spreads the values of EᵀVX over many
        // orders of magnitude, and small ones there still matter.
        let rank = numerical_rank(&teacher_values, problem.output_dim(), problem.input_dim());
        // A leak below the tolerance may count in the rank of V X, but not in that of EᵀVX.
        let rank = rank.min(svd.singular_values.len());
        let values = svd.singular_values[..rank].to_vec();
        let scaled = |vectors: &Mat<f64>| {
            Mat::from_fn(vectors.nrows(), rank, |i, j| {
                vectors[(i, j)] * values[j].sqrt()
            })
        };
        let output = unwhiten(scaled(&svd.left).as_ref());
        let noise_gain = squared_norm(&(problem.noise_factor().matrix().transpose() * &output));
        let input = scaled(&svd.right);
        Self {
            problem,
            output,
            input,
            singular_values: values,
            teacher_values,
            metric_trace,
            noise_gain,
        }
    }

    /// The problem that this is a minimum of.
    pub fn problem(&self) -> &'p Problem {
        self.problem
    }

    /// r = rank V√Σx, at most min(d_x, d_y): the directions that are learnt.
    pub fn rank(&self) -> usize {
        self.singular_values.len()
    }

    /// S, the r non-zero singular values of √C V √Σx, descending (C = Σε for SGD, I for the flattest).
    pub fn singular_values(&self) -> &[f64] {
        &self.singular_values
    }

    /// Ŝ, the singular values of V√Σx, descending, zeros included.
    pub fn teacher_singular_values(&self) -> &[f64] {
        &self.teacher_values
    }

    /// s = tr S, the sum of [`Minimum::singular_values`] (eq. 14).
    pub fn signal_trace(&self) -> f64 {
        self.singular_values.iter().sum()
    }

    /// τ = tr M = ‖Y‖²: tr(C⁻¹ L S Lᵀ), L S R the thin SVD of √C V √Σx.
    pub fn tau(&self) -> f64 {
        squared_norm(&self.output)
    }

    /// ρ = (a b / s²)^{1/D}; infinite where V√Σx = 0.
    pub fn rho(&self) -> f64 {
        let (s, inverse_depth) = (self.signal_trace(), 1.0 / self.problem.depth() as f64);
        let input = trace(self.problem.input_covariance());
        (self.metric_trace / s).powf(inverse_depth) * (input / s).powf(inverse_depth)
    }

    /// T, F and each layer's share of them.
    ///
    /// For SGD's minimum the sum is T = ρ s [(D−1) τ + d_y s/a] (eq. 14, rearranged) and
    /// F = D (a b)^{1/D} s^{2−2/D}, with F_k the same in every layer; for the flattest it is T_min
    /// (eq. 15). Layer by layer,
    ///   T_k = (a τ/s) · b ρ^{−(D−1)} for k < D,  T_D = d_y · b ρ^{−(D−1)},
    /// so a τ/s is the number of outputs that the layers below the last one feel: d_y for isotropic
    /// noise; for any other it may be more or less.
    pub fn functionals(&self) -> Functionals {
        let base = trace(self.problem.input_covariance()) * self.decay();
        let inner = LayerShare {
            sharpness: base * self.effective_outputs(),
            fluctuation: base * self.per_signal(self.noise_gain),
        };
        let mut layers = vec![inner; self.problem.depth()];
        if let Some(last) = layers.last_mut() {
            *last = LayerShare {
                sharpness: base * self.problem.output_dim() as f64,
                fluctuation: base * trace(self.problem.noise_covariance()),
            };
        }
        Functionals::from_layers(layers)
    }

    /// a τ/s, the effective number of outputs (see [`Minimum::functionals`]); 0 where V√Σx = 0.
    pub fn effective_outputs(&self) -> f64 {
        self.per_signal(self.tau())
    }

    /// a `value`/s, for a value that vanishes with s.
    fn per_signal(&self, value: f64) -> f64 {
        if self.rank() == 0 {
            return 0.0;
        }
        self.metric_trace / self.signal_trace() * value
    }

    /// The weights (eq. 65, 66), W_D = √((a/s)/ρ) Y U_{D−1}ᵀ, W_k = ρ^{−1/2} U_k U_{k−1}ᵀ,
    /// W_1 = √((b/s)/ρ) U_1 Jᵀ, with U_k the first r columns of the identity.
    ///
    /// Any U_k with orthonormal columns gives a minimum of the same T, F and spectrum. The product
    /// is V on the support of Σx and zero off it; for D = 1 it is W_1 = V.
    ///
    /// # Errors
    /// Never for a valid problem; weights too large for double precision are refused.
    pub fn weights(&self) -> Result<Weights, TheoryError> {
        let (depth, widths, rank) = (self.problem.depth(), self.problem.widths(), self.rank());
        if depth == 1 {
            return Ok(Weights::new(
                self.problem,
                vec![self.problem.teacher().to_owned()],
            )?);
        }
        if rank == 0 {
            let zeros = (0..depth).map(|k| Mat::zeros(widths[k + 1], widths[k]));
            return Ok(Weights::new(self.problem, zeros.collect())?);
        }
        let scales = self.layer_scales();
        let first = (self.input_directions() * Scale(scales.first))
            .transpose()
            .to_owned();
        let last = &self.output * Scale(scales.last);
        let layers = (0..depth).map(|k| {
            let mut layer = Mat::zeros(widths[k + 1], widths[k]);
            if k == 0 {
                layer.subrows_mut(0, rank).copy_from(&first);
            } else if k + 1 == depth {
                layer.subcols_mut(0, rank).copy_from(&last);
            } else {
                layer
                    .diagonal_mut()
                    .column_vector_mut()
                    .subrows_mut(0, rank)
                    .fill(scales.middle);
            }
            layer
        });
        Ok(Weights::new(self.problem, layers.collect())?)
    }

    /// Y, d_y × r.
    pub(super) fn output(&self) -> &Mat<f64> {
        &self.output
    }

    /// XᵀJ, p × r.
    pub(super) fn whitened_input(&self) -> &Mat<f64> {
        &self.input
    }

    /// J, d_x × r.
    pub(super) fn input_directions(&self) -> Mat<f64> {
        self.problem
            .input_factor()
            .inverse_transpose_times(self.input.as_ref())
    }

    /// ρ^{−(D−1)}, also where ρ is infinite.
    pub(super) fn decay(&self) -> f64 {
        let depth = self.problem.depth() as f64;
        let (a, s) = (self.metric_trace, self.signal_trace());
        let input = trace(self.problem.input_covariance());
        let power = (depth - 1.0) / depth;
        if power == 0.0 {
            return 1.0;
        }
        if s == 0.0 {
            return 0.0;
        }
        (s / a).powf(power) * (s / input).powf(power)
    }

    /// The scalars in front of Y, U and J in the weights; only for D ≥ 2 and r ≥ 1.
    pub(super) fn layer_scales(&self) -> LayerScales {
        let (s, rho) = (self.signal_trace(), self.rho());
        let input = trace(self.problem.input_covariance());
        LayerScales {
            first: (input / s / rho).sqrt(),
            middle: rho.sqrt().recip(),
            last: (self.metric_trace / s / rho).sqrt(),
        }
    }
}

/// √((b/s)/ρ) for W_1, ρ^{−1/2} between, √((a/s)/ρ) for W_D.
pub(super) struct LayerScales {
    pub(super) first: f64,
    pub(super) middle: f64,
    pub(super) last: f64,
}
