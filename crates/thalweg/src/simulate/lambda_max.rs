//! The largest eigenvalue of the curvature operator K of one network.

use faer::{Accum, Mat, MatMut, MatRef, Par, linalg::matmul::matmul};

use crate::lanes::vectorise;
use crate::problem::Weights;
use crate::random::{Purpose, Stream};

use super::lanczos::largest;

/// λ_max of K = Σ_k (A_k A_kᵀ) ⊗ (L_xᵀ B_kᵀB_k L_x), an operator on d_y × d_x matrices, to [`RESIDUAL`](super::lanczos::RESIDUAL).
///
/// K is never formed: it maps X to Σ_k A_k A_kᵀ X L_xᵀ B_kᵀ B_k L_x. Its non-zero spectrum is that of the
/// Gauss–Newton matrix, and of the Hessian at a global minimum. `None` if the weights are so large
/// that K overflows.
pub(super) fn lambda_max(weights: &Weights, input_factor: &Mat<f64>) -> Option<f64> {
    let multiply = |into: MatMut<'_, f64>, add, a: MatRef<'_, f64>, b: MatRef<'_, f64>| {
        matmul(into, add, a, b, 1.0, Par::Seq);
    };
    let factors: Vec<_> = weights
        .above()
        .iter()
        .zip(weights.below())
        .map(|(a, b)| {
            let below = b * input_factor;
            (a * a.transpose(), below.transpose() * &below)
        })
        .collect();
    let (rows, columns) = (factors[0].0.nrows(), factors[0].1.nrows());
    let start = start(rows * columns);
    let mut room = Mat::<f64>::zeros(rows, columns);
    let value = vectorise(
        #[inline(always)]
        || {
            largest::<f64>(
                &start,
                #[inline(always)]
                |x, y| {
                    y.fill(0.0);
                    let x = MatRef::from_column_major_slice(x, rows, columns);
                    let mut y = MatMut::from_column_major_slice_mut(y, rows, columns);
                    for (a, s) in &factors {
                        multiply(room.as_mut(), Accum::Replace, x, s.as_ref());
                        multiply(y.as_mut(), Accum::Add, a.as_ref(), room.as_ref());
                    }
                },
            )
        },
    );
    value.is_finite().then_some(value)
}

/// Where the iteration starts: the same for all weights, and almost surely with a part along the eigenvector sought.
pub(super) fn start(size: usize) -> Vec<f64> {
    let mut stream = Stream::new(0, Purpose::Problem);
    (0..size).map(|_| stream.normal()).collect()
}
