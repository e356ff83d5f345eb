//! Products of one network's matrices, on the calling thread: seeds are shared out among threads, not their products.

use faer::{Accum, Mat, MatMut, MatRef, Par, linalg::matmul::matmul};

/// a b.
pub(super) fn product(a: MatRef<'_, f64>, b: MatRef<'_, f64>) -> Mat<f64> {
    let mut out = Mat::zeros(a.nrows(), b.ncols());
    multiply(out.as_mut(), Accum::Replace, a, b);
    out
}

/// a b, into `out` or added to it.
pub(super) fn multiply(out: MatMut<'_, f64>, add: Accum, a: MatRef<'_, f64>, b: MatRef<'_, f64>) {
    matmul(out, add, a, b, 1.0, Par::Seq);
}
