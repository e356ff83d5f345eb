//! Blocks of matrices that act on weight matrices stacked column by column.

use faer::{Mat, MatRef};

/// Adds scale · (right ⊗ left), the matrix of dW ↦ left dW rightᵀ.
pub(super) fn add_kron(into: &mut Mat<f64>, scale: f64, left: &Mat<f64>, right: MatRef<'_, f64>) {
    let rows = left.nrows();
    for b in 0..right.ncols() {
        for j in 0..left.ncols() {
            let column = into.col_as_slice_mut(b * left.ncols() + j);
            for (a, segment) in column.chunks_exact_mut(rows).enumerate() {
                add_scaled(segment, scale * right[(a, b)], left.col_as_slice(j));
            }
        }
    }
}

/// Adds the matrix of dW ↦ scale · left dWᵀ rightᵀ.
pub(super) fn add_transposing_kron(
    into: &mut Mat<f64>,
    scale: f64,
    left: &Mat<f64>,
    right: &Mat<f64>,
) {
    let rows = left.nrows();
    for s in 0..left.ncols() {
        for t in 0..right.ncols() {
            let column = into.col_as_slice_mut(s * right.ncols() + t);
            for (c, segment) in column.chunks_exact_mut(rows).enumerate() {
                add_scaled(segment, scale * right[(c, t)], left.col_as_slice(s));
            }
        }
    }
}

/// Adds vec(column) vec(row)ᵀ, the matrix of dW ↦ ⟨row, dW⟩ column.
pub(super) fn add_outer(into: &mut Mat<f64>, column: &Mat<f64>, row: &Mat<f64>) {
    let rows = column.nrows();
    for j in 0..row.ncols() {
        for i in 0..row.nrows() {
            let target = into.col_as_slice_mut(j * row.nrows() + i);
            for (c, segment) in target.chunks_exact_mut(rows).enumerate() {
                add_scaled(segment, row[(i, j)], column.col_as_slice(c));
            }
        }
    }
}

/// into ← into + factor · from.
pub(super) fn add_scaled(into: &mut [f64], factor: f64, from: &[f64]) {
    for (into, from) in into.iter_mut().zip(from) {
        *into += factor * from;
    }
}
