//! Functions of a symmetric matrix, by its eigenvalues.

use faer::{Mat, MatRef, Side};

use super::covariance::conjugated;

/// A symmetric matrix Σ = U diag(λ) Uᵀ, decomposed, from which functions of it follow.
///
/// ```
/// use thalweg::faer::mat;
/// use thalweg::problem::Spectral;
///
/// let covariance = mat![[2.5, 1.5], [1.5, 2.5]];
/// let spectral = Spectral::of(covariance.as_ref()).unwrap();
/// assert!((spectral.largest() - 4.0).abs() < 1e-14);
/// let root = spectral.map(f64::sqrt);
/// assert!((&root * &root - covariance).norm_l2() < 1e-14);
/// ```
#[derive(Clone, Debug)]
pub struct Spectral {
    /// λ, ascending.
    pub values: Vec<f64>,
    /// U, d × d: eigenvectors as columns, in the order of the values.
    pub vectors: Mat<f64>,
}

impl Spectral {
    /// That of `matrix`, d × d, whose lower triangle is read; none where the iteration does not converge.
    pub fn of(matrix: MatRef<'_, f64>) -> Option<Self> {
        let eigen = matrix.self_adjoint_eigen(Side::Lower).ok()?;
        Some(Self {
            values: eigen.S().column_vector().iter().copied().collect(),
            vectors: eigen.U().to_owned(),
        })
    }

    /// The smallest eigenvalue.
    pub fn smallest(&self) -> f64 {
        self.values[0]
    }

    /// The largest eigenvalue.
    pub fn largest(&self) -> f64 {
        self.values[self.values.len() - 1]
    }

    /// U diag(f(λ)) Uᵀ, d × d.
    pub fn map(&self, f: impl Fn(f64) -> f64) -> Mat<f64> {
        let values: Vec<f64> = self.values.iter().map(|&value| f(value)).collect();
        conjugated(&values, &self.vectors)
    }
}
