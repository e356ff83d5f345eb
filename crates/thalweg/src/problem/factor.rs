//! A factor F of a covariance Σ = F Fᵀ, which serves wherever a square root of Σ is needed.
//!
//! Any F with F Fᵀ = Σ is √Σ times a matrix with orthonormal columns, so singular values and traces
//! of products do not depend on which F is taken; Cholesky's is the cheapest and most accurate.

use faer::linalg::solvers::{LltError, SelfAdjointEigen};
use faer::{Mat, MatRef, Side};

/// Per row: a Cholesky pivot, or an eigenvalue relative to the largest, below d times this is zero.
const SINGULAR_TOLERANCE: f64 = 1e-14;

/// F with F Fᵀ = Σ: d × p, p = rank Σ.
#[derive(Clone, Debug, PartialEq)]
pub struct Factor {
    matrix: Mat<f64>,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    /// Σ is positive definite and F is its lower Cholesky factor.
    Triangular,
    /// Σ is singular and F = U √Λ over its non-zero eigenvalues; `kernel` spans the rest.
    Spectral {
        eigenvalues: Vec<f64>,
        kernel: Mat<f64>,
    },
}

/// Why a symmetric matrix is not a covariance.
pub(super) enum FactorError {
    Indefinite { smallest: f64, largest: f64 },
    Decomposition,
}

impl Factor {
    /// Factors a symmetric matrix: Cholesky first, an eigendecomposition only where that finds Σ
    /// singular.
    pub(super) fn new(covariance: MatRef<'_, f64>) -> Result<Self, FactorError> {
        let size = covariance.nrows();
        let tolerance = size as f64 * SINGULAR_TOLERANCE;
        match covariance.llt(Side::Lower) {
            Ok(cholesky) => {
                let lower = cholesky.L();
                let regular = (0..size)
                    .all(|i| lower[(i, i)] * lower[(i, i)] > tolerance * covariance[(i, i)]);
                if regular {
                    return Ok(Self {
                        matrix: lower.to_owned(),
                        kind: Kind::Triangular,
                    });
                }
            }
            Err(LltError::NonPositivePivot { .. }) => {}
        }
        let eigen = SelfAdjointEigen::new(covariance, Side::Lower)
            .map_err(|_| FactorError::Decomposition)?;
        let values: Vec<f64> = eigen.S().column_vector().iter().copied().collect();
        let (smallest, largest) = (values[0], values[size - 1]);
        if smallest < -tolerance * largest.abs() || largest < 0.0 {
            return Err(FactorError::Indefinite { smallest, largest });
        }
        let zeros = values.iter().filter(|&&v| v <= tolerance * largest).count();
        let eigenvalues = values[zeros..].to_vec();
        let vectors = eigen.U().subcols(zeros, size - zeros);
        Ok(Self {
            matrix: Mat::from_fn(size, size - zeros, |i, j| {
                vectors[(i, j)] * eigenvalues[j].sqrt()
            }),
            kind: Kind::Spectral {
                eigenvalues,
                kernel: eigen.U().subcols(0, zeros).to_owned(),
            },
        })
    }

    /// F, d × p.
    pub fn matrix(&self) -> MatRef<'_, f64> {
        self.matrix.as_ref()
    }

    /// p, the numerical rank of Σ: directions whose variance is below d·10⁻¹⁴ of the largest (or of
    /// their own, once the preceding ones are known) count as having none.
    pub fn rank(&self) -> usize {
        self.matrix.ncols()
    }

    /// An orthonormal basis of the kernel of Σ, d × (d − p); nothing where Σ is invertible.
    pub fn kernel(&self) -> Option<MatRef<'_, f64>> {
        match &self.kind {
            Kind::Triangular => None,
            Kind::Spectral { kernel, .. } => Some(kernel.as_ref()),
        }
    }

    /// (Fᵀ)⁺ B for B of shape p × m: the inverse where Σ is invertible, else the pseudo-inverse.
    ///
    /// # Panics
    /// When B does not have p rows.
    pub fn inverse_transpose_times(&self, b: MatRef<'_, f64>) -> Mat<f64> {
        match &self.kind {
            Kind::Triangular => {
                let mut solution = b.to_owned();
                self.matrix
                    .transpose()
                    .solve_upper_triangular_in_place(solution.as_mut());
                solution
            }
            Kind::Spectral { eigenvalues, .. } => {
                let scaled = Mat::from_fn(b.nrows(), b.ncols(), |i, j| b[(i, j)] / eigenvalues[i]);
                &self.matrix * scaled
            }
        }
    }
}
