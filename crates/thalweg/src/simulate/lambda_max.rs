//! The largest eigenvalue of the curvature operator K of one network.

use faer::{Accum, Mat, MatMut, MatRef};

use crate::lanes::vectorise;

use super::lanczos::{RESIDUAL, largest};
use super::low_rank::alternate;
use super::meter::Meter;
use super::products::{multiply, product};

/// X ↦ A X S, A and S symmetric and positive semi-definite; I where there is none.
pub(super) struct Term {
    pub left: Option<Mat<f64>>,
    pub right: Option<Mat<f64>>,
}

/// λ_max of K = Σ_k (L_xᵀ B_kᵀB_k L_x) ⊗ (A_k A_kᵀ), an operator on d_y × d_x matrices, to [`RESIDUAL`], of `above`, A_1 … A_{D−1}, and
/// `below`, B_2 L_x … B_D L_x.
///
/// K is never formed: it maps X to Σ_k A_k A_kᵀ X L_xᵀ B_kᵀ B_k L_x. Its non-zero spectrum is that of the
/// Gauss–Newton matrix, and of the Hessian at a global minimum. Its first eigenvector is a matrix of few singular values that count, and
/// is sought as such; what this leaves over is Lanczos' iteration's. `None` if the weights are so large that K overflows.
pub(super) fn lambda_max(meter: &Meter, above: &[Mat<f64>], below: &[Mat<f64>]) -> Option<f64> {
    let left = |a: &Mat<f64>| Some(product(a.as_ref(), a.transpose()));
    let right = |b: &Mat<f64>| Some(product(b.transpose(), b.as_ref()));
    let lefts = above.iter().map(left).chain([None]);
    let rights = [meter.gram.clone()]
        .into_iter()
        .chain(below.iter().map(right));
    let terms: Vec<Term> = lefts
        .zip(rights)
        .map(|(left, right)| Term { left, right })
        .collect();
    let shape = [meter.outputs(), meter.inputs()];
    let value = vectorise(
        #[inline(always)]
        || {
            let found = alternate(&terms, shape, &meter.start);
            if found.residual <= RESIDUAL {
                found.value
            } else {
                let mut start = column_major(&found.vector);
                let (mut before, mut next) = (start.clone(), start.clone());
                largest(
                    &mut start,
                    [&mut before, &mut next],
                    #[inline(always)]
                    |x, y| {
                        apply(&terms, shape, x, y);
                    },
                )
            }
        },
    );
    value.is_finite().then_some(value)
}

/// y = K x.
fn apply(terms: &[Term], [rows, columns]: [usize; 2], x: &[f64], y: &mut [f64]) {
    y.fill(0.0);
    let x = MatRef::from_column_major_slice(x, rows, columns);
    let mut y = MatMut::from_column_major_slice_mut(y, rows, columns);
    let mut room = Mat::<f64>::zeros(rows, columns);
    for Term { left, right } in terms {
        let turned = match right {
            Some(right) => {
                multiply(room.as_mut(), Accum::Replace, x, right.as_ref());
                room.as_ref()
            }
            None => x,
        };
        match left {
            Some(left) => multiply(y.as_mut(), Accum::Add, left.as_ref(), turned),
            None => y += turned,
        }
    }
}

/// The entries of `m`, column by column.
pub(super) fn column_major(m: &Mat<f64>) -> Vec<f64> {
    m.col_iter().flat_map(|c| c.iter().copied()).collect()
}
