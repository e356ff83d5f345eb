//! Products of matrices, on one thread where a second would cost more than it saves.

use faer::{
    Accum, Mat, MatRef, Par,
    linalg::matmul::{
        matmul,
        triangular::{self, BlockStructure},
    },
};

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
    let mut product = Mat::zeros(a.nrows(), a.nrows());
    add_lower(&mut product, 1.0, a, a.transpose());
    mirror(&mut product);
    product
}

/// A S Aᵀ for a symmetric S.
pub(super) fn between(a: MatRef<'_, f64>, s: &Mat<f64>) -> Mat<f64> {
    let mut product = Mat::zeros(a.nrows(), a.nrows());
    add_between(&mut product, 1.0, a, s);
    mirror(&mut product);
    product
}

/// The lower triangle of `into` ← that of `into` + scale · A S Aᵀ for a symmetric S.
pub(super) fn add_between(into: &mut Mat<f64>, scale: f64, a: MatRef<'_, f64>, s: &Mat<f64>) {
    let half = times(a, s.as_ref());
    add_lower(into, scale, half.as_ref(), a.transpose());
}

/// The lower triangle of `into` ← that of `into` + scale · left · right.
pub(super) fn add_lower(
    into: &mut Mat<f64>,
    scale: f64,
    left: MatRef<'_, f64>,
    right: MatRef<'_, f64>,
) {
    triangular::matmul(
        into.as_mut(),
        BlockStructure::TriangularLower,
        Accum::Add,
        left,
        BlockStructure::Rectangular,
        right,
        BlockStructure::Rectangular,
        scale,
        threads(&[left, right]),
    );
}

/// Rows and columns of the squares by which `mirror` goes: two of them fit in the fastest cache.
const TILE: usize = 32;

/// Copies the lower triangle to the upper.
pub(super) fn mirror(matrix: &mut Mat<f64>) {
    let n = matrix.nrows();
    for from in (0..n).step_by(TILE) {
        for to in (from..n).step_by(TILE) {
            for j in to..(to + TILE).min(n) {
                for i in from..(from + TILE).min(j) {
                    matrix[(i, j)] = matrix[(j, i)];
                }
            }
        }
    }
}

/// into ← into + scale · x.
pub(super) fn add(into: &mut Mat<f64>, scale: f64, x: &Mat<f64>) {
    for j in 0..into.ncols() {
        for (into, x) in into.col_as_slice_mut(j).iter_mut().zip(x.col_as_slice(j)) {
            *into += scale * x;
        }
    }
}

/// into ← into ∘ x, entry by entry.
pub(super) fn multiply(into: &mut Mat<f64>, x: &Mat<f64>) {
    for j in 0..into.ncols() {
        for (into, x) in into.col_as_slice_mut(j).iter_mut().zip(x.col_as_slice(j)) {
            *into *= x;
        }
    }
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
