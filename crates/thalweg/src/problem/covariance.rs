//! Covariances from what people know of them: eigenvalues, or standard deviations.

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
