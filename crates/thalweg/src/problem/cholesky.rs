//! Cholesky's factor, to the same bits on every processor.

use faer::{Mat, MatRef};

/// The lower triangular L with L Lᵀ = Σ, for Σ positive semi-definite.
///
/// Written out here, since its bits decide a run's bits: a library's may differ between processors. A
/// pivot lost in rounding belongs to a null direction, whose column is 0.
pub(crate) fn cholesky(covariance: MatRef<'_, f64>) -> Mat<f64> {
    let d = covariance.nrows();
    let mut l = Mat::<f64>::zeros(d, d);
    for j in 0..d {
        let pivot = (0..j).fold(covariance[(j, j)], |sum, k| sum - l[(j, k)] * l[(j, k)]);
        if pivot <= 8.0 * d as f64 * f64::EPSILON * covariance[(j, j)] {
            continue;
        }
        l[(j, j)] = pivot.sqrt();
        for i in j + 1..d {
            let sum = (0..j).fold(covariance[(i, j)], |sum, k| sum - l[(i, k)] * l[(j, k)]);
            l[(i, j)] = sum / l[(j, j)];
        }
    }
    l
}
