//! Teachers V from their singular values.
//!
//! ```
//! use thalweg::faer::mat;
//! use thalweg::problem::{Basis, teacher};
//!
//! let v = teacher::from_singular_values(2, 3, &[5.0], Basis::Canonical, Basis::Canonical);
//! assert_eq!(v, mat![[5.0, 0.0, 0.0], [0.0, 0.0, 0.0]]);
//! ```

use faer::Mat;

use super::Basis;

/// L diag(singular values) Rᵀ, `rows` × `columns`, L and R the first vectors of the two bases.
///
/// Fewer values than min(rows, columns) give a teacher of lower rank; more are not used.
pub fn from_singular_values(
    rows: usize,
    columns: usize,
    singular_values: &[f64],
    left: Basis,
    right: Basis,
) -> Mat<f64> {
    assemble(&left.matrix(rows), singular_values, &right.matrix(columns))
}

/// L diag(singular values) Rᵀ for given square L and R.
pub(super) fn assemble(left: &Mat<f64>, singular_values: &[f64], right: &Mat<f64>) -> Mat<f64> {
    let rank = singular_values.len().min(left.nrows()).min(right.nrows());
    let scaled = Mat::from_fn(left.nrows(), rank, |i, j| left[(i, j)] * singular_values[j]);
    scaled * right.subcols(0, rank).transpose()
}
