//! Covariances from what people know of them: eigenvalues, or standard deviations.
//!
//! ```
//! use thalweg::problem::{Basis, covariance};
//!
//! assert_eq!(covariance::from_deviations(&[3.0, 0.5])[(0, 0)], 9.0);
//! // The same eigenvalues in random axes: the trace stays.
//! let turned = covariance::from_spectrum(&[9.0, 0.25], Basis::Random { seed: 1 });
//! assert!((turned[(0, 0)] + turned[(1, 1)] - 9.25).abs() < 1e-12 && turned[(0, 1)] != 0.0);
//! ```

use faer::Mat;

use super::Basis;

/// U diag(eigenvalues) Uᵀ, d × d, with U the basis vectors.
pub fn from_spectrum(eigenvalues: &[f64], basis: Basis) -> Mat<f64> {
    let d = eigenvalues.len();
    // Σ = c I looks the same in every basis.
    if basis == Basis::Canonical || eigenvalues.windows(2).all(|pair| pair[0] == pair[1]) {
        return Mat::from_fn(d, d, |i, j| if i == j { eigenvalues[i] } else { 0.0 });
    }
    conjugated(eigenvalues, &basis.matrix(d))
}

/// diag(deviations²), d × d: the paper gives noise as the diagonal of √Σε.
pub fn from_deviations(deviations: &[f64]) -> Mat<f64> {
    let variances: Vec<f64> = deviations.iter().map(|s| s * s).collect();
    from_spectrum(&variances, Basis::Canonical)
}

/// U diag(eigenvalues) Uᵀ for a given U.
pub(super) fn conjugated(eigenvalues: &[f64], vectors: &Mat<f64>) -> Mat<f64> {
    let d = eigenvalues.len();
    let scaled = Mat::from_fn(d, d, |i, j| vectors[(i, j)] * eigenvalues[j]);
    scaled * vectors.transpose()
}
