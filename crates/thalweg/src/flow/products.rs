//! Products of matrices, on one thread where a second would cost more than it saves.

use faer::{Accum, Mat, MatRef, Par, linalg::matmul::matmul};

/// Up to this many rows and columns.
const SMALL: usize = 192;

/// left · right.
pub(super) fn times(left: MatRef<'_, f64>, right: MatRef<'_, f64>) -> Mat<f64> {
    let mut product = Mat::zeros(left.nrows(), right.ncols());
    let par = threads(&[left, right]);
    matmul(product.as_mut(), Accum::Replace, left, right, 1.0, par);
    product
}

/// into ← into + scale · left · right.
pub(super) fn add_times(
    into: &mut Mat<f64>,
    scale: f64,
    left: MatRef<'_, f64>,
    right: MatRef<'_, f64>,
) {
    let par = threads(&[left, right]);
    matmul(into.as_mut(), Accum::Add, left, right, scale, par);
}

/// A Aᵀ.
pub(super) fn gram(a: MatRef<'_, f64>) -> Mat<f64> {
    lower(a, a.transpose())
}

/// A S Aᵀ for a symmetric S.
pub(super) fn between(a: MatRef<'_, f64>, s: &Mat<f64>) -> Mat<f64> {
    let half = times(a, s.as_ref());
    lower(half.as_ref(), a.transpose())
}

/// left · right where that is symmetric, of which half is computed.
fn lower(left: MatRef<'_, f64>, right: MatRef<'_, f64>) -> Mat<f64> {
    use faer::linalg::matmul::triangular::{BlockStructure, matmul};
    let n = left.nrows();
    let mut product = Mat::zeros(n, n);
    matmul(
        product.as_mut(),
        BlockStructure::TriangularLower,
        Accum::Replace,
        left,
        BlockStructure::Rectangular,
        right,
        BlockStructure::Rectangular,
        1.0,
        threads(&[left, right]),
    );
    for j in 0..n {
        for i in 0..j {
            product[(i, j)] = product[(j, i)];
        }
    }
    product
}

fn threads(matrices: &[MatRef<'_, f64>]) -> Par {
    if matrices.iter().all(|m| m.nrows().max(m.ncols()) <= SMALL) {
        Par::Seq
    } else {
        faer::get_global_parallelism()
    }
}

/// tr(Aᵀ B).
pub(super) fn dot(a: &Mat<f64>, b: &Mat<f64>) -> f64 {
    let columns = (0..a.ncols()).map(|j| a.col_as_slice(j).iter().zip(b.col_as_slice(j)));
    columns.flatten().map(|(a, b)| a * b).sum()
}
