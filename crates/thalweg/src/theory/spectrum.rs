//! The whole Hessian spectrum at SGD's minimum or the flattest one, in closed form.
//!
//! Beyond the paper. With q_k = (b/s) ρ^{−k}, N = (XᵀJ)(XᵀJ)ᵀ, M = Y Yᵀ and D ≥ 2,
//!
//!   K = [(D−2) ρ N + XᵀX/q_1] ⊗ M + q_{D−1} N ⊗ I,
//!
//! so that K falls into d_y blocks of size rank Σx, one for each eigenvalue m of M:
//! m [(D−2) ρ N + XᵀX/q_1] + q_{D−1} N. It follows from A_kA_kᵀ = M (a/s) ρ^{−(D−k)} for k < D and
//! XᵀB_kᵀB_kX = N (b/s) ρ^{−(k−1)} for k > 1, which the weights of eq. 65 and 66 give.

use faer::{Mat, Scale};
use rayon::prelude::*;

use super::dense::{eigenvalues, singular_values, trace};
use super::{Minimum, TheoryError, lanczos};

/// Hessian eigenvalues at a minimum.
#[derive(Clone, Debug, PartialEq)]
pub struct Spectrum {
    eigenvalues: Vec<f64>,
    parameters: usize,
}

impl Spectrum {
    /// The d_y d_x eigenvalues of K, descending; zero where Σx or V is rank deficient. The Hessian
    /// has these, and is zero in all other directions.
    pub fn eigenvalues(&self) -> &[f64] {
        &self.eigenvalues
    }

    /// The number of weights, that is of Hessian eigenvalues.
    pub fn parameters(&self) -> usize {
        self.parameters
    }

    /// T, the sum of the eigenvalues: the trace of the Hessian, in loss/weight².
    pub fn trace(&self) -> f64 {
        self.eigenvalues.iter().sum()
    }

    /// Counts of the eigenvalues above `floor` · λ_max in `bins` bins, equal in the logarithm.
    ///
    /// # Errors
    /// When `bins` is 0 or `floor` is not in (0, 1).
    pub fn log_histogram(&self, bins: usize, floor: f64) -> Result<LogHistogram, TheoryError> {
        if !(floor > 0.0 && floor < 1.0) {
            return Err(TheoryError::Parameter {
                parameter: "floor",
                found: floor,
                expected: "a fraction of the largest eigenvalue, above 0 and below 1",
            });
        }
        if bins == 0 {
            return Err(TheoryError::Parameter {
                parameter: "bins",
                found: 0.0,
                expected: "at least one bin",
            });
        }
        let largest = self.eigenvalues.first().copied().unwrap_or(0.0);
        let edges = (0..=bins)
            .map(|i| largest * floor.powf(1.0 - i as f64 / bins as f64))
            .collect();
        let mut counts = vec![0; bins];
        for &value in &self.eigenvalues {
            if value > 0.0 && value >= floor * largest {
                let place = 1.0 - (value / largest).ln() / floor.ln();
                counts[((place * bins as f64) as usize).min(bins - 1)] += 1;
            }
        }
        let below = self.eigenvalues.len() - counts.iter().sum::<usize>();
        Ok(LogHistogram {
            edges,
            counts,
            below,
        })
    }
}

/// A spectrum's density on a logarithmic axis.
#[derive(Clone, Debug, PartialEq)]
pub struct LogHistogram {
    /// bins + 1 edges, ascending.
    pub edges: Vec<f64>,
    /// Eigenvalues between consecutive edges.
    pub counts: Vec<usize>,
    /// Eigenvalues of K below the first edge, zeros included.
    pub below: usize,
}

impl Minimum<'_> {
    /// λ_max, which belongs to the largest eigenvalue of M. O(d²) for each of some tens of steps.
    ///
    /// # Errors
    /// When the iteration does not converge.
    pub fn lambda_max(&self) -> Result<f64, TheoryError> {
        let factor = self.problem().input_factor().matrix();
        let inputs = factor.ncols();
        if self.problem().depth() == 1 {
            return lanczos::top_eigenvalue(inputs, |v| factor.transpose() * (factor * v));
        }
        if self.rank() == 0 {
            return Ok(0.0);
        }
        let (y, z) = (self.output(), self.whitened_input());
        let m = lanczos::top_eigenvalue(self.rank(), |v| y.transpose() * (y * v))?;
        let terms = self.terms();
        let (signal, input) = (m * terms.inner + terms.outer, m * terms.input);
        lanczos::top_eigenvalue(inputs, |v| {
            z * (z.transpose() * v) * Scale(signal)
                + factor.transpose() * (factor * v) * Scale(input)
        })
    }

    /// Every eigenvalue, in O(d_y d_x³) time and O(d_x d_y + d_x²) memory, on all cores.
    ///
    /// # Errors
    /// When a decomposition does not converge.
    pub fn spectrum(&self) -> Result<Spectrum, TheoryError> {
        let problem = self.problem();
        let (outputs, inputs) = (problem.output_dim(), problem.input_dim());
        let mut values = if problem.depth() == 1 {
            let variances = eigenvalues(problem.input_covariance())?;
            (0..outputs)
                .flat_map(|_| variances.iter().copied())
                .collect()
        } else if self.rank() == 0 {
            Vec::new()
        } else {
            self.blocks()?
        };
        // K is positive semi-definite: anything below zero is rounding.
        for value in &mut values {
            *value = value.max(0.0);
        }
        values.resize(outputs * inputs, 0.0);
        values.sort_unstable_by(|x, y| y.total_cmp(x));
        Ok(Spectrum {
            eigenvalues: values,
            parameters: problem.parameters(),
        })
    }

    fn blocks(&self) -> Result<Vec<f64>, TheoryError> {
        let terms = self.terms();
        let factor = self.problem().input_factor().matrix();
        let gram = factor.transpose() * factor;
        let n = self.whitened_input() * self.whitened_input().transpose();
        let output = singular_values(self.output().as_ref())?;
        let blocks: Vec<Vec<f64>> = output
            .par_iter()
            .map(|sigma| {
                let m = sigma * sigma;
                let (signal, input) = (m * terms.inner + terms.outer, m * terms.input);
                let block = Mat::from_fn(n.nrows(), n.ncols(), |i, j| {
                    signal * n[(i, j)] + input * gram[(i, j)]
                });
                eigenvalues(block.as_ref())
            })
            .collect::<Result<_, _>>()?;
        // Outputs that the teacher does not use have m = 0 and the block q_{D−1} N, whose non-zero
        // eigenvalues are q_{D−1} S.
        let idle = self.problem().output_dim() - self.rank();
        let outer = self.singular_values().iter().map(|s| terms.outer * s);
        let mut values = blocks.concat();
        values.extend((0..idle).flat_map(|_| outer.clone()));
        Ok(values)
    }

    /// (D−2) ρ, 1/q_1 and q_{D−1}; only for D ≥ 2 and r ≥ 1.
    fn terms(&self) -> Terms {
        let depth = self.problem().depth() as f64;
        let (s, rho) = (self.signal_trace(), self.rho());
        let input = trace(self.problem().input_covariance());
        Terms {
            inner: (depth - 2.0) * rho,
            input: rho * (s / input),
            outer: input / s * self.decay(),
        }
    }
}

/// The coefficients of N ⊗ M, XᵀX ⊗ M and N ⊗ I in K.
struct Terms {
    inner: f64,
    input: f64,
    outer: f64,
}
