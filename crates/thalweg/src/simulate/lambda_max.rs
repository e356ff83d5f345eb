//! The largest eigenvalue of the curvature operator K, by Lanczos iteration to convergence.

use faer::{Mat, Side};

use crate::problem::Weights;
use crate::random::{Purpose, Stream};

/// Residual ‖K x − λ x‖/λ at which λ counts as converged. The error of λ is of the order of its square.
const RESIDUAL: f64 = 1e-9;

/// λ_max of K = Σ_k (A_k A_kᵀ) ⊗ (L_xᵀ B_kᵀB_k L_x), an operator on d_y × d_x matrices.
///
/// K is never formed: it maps X to Σ_k A_k A_kᵀ X L_xᵀ B_kᵀ B_k L_x. Its non-zero spectrum is that of the
/// Gauss–Newton matrix, and of the Hessian at a global minimum. `None` if the weights are so large
/// that K overflows.
pub(super) fn lambda_max(weights: &Weights, input_factor: &Mat<f64>) -> Option<f64> {
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
    let apply = |x: &Mat<f64>| {
        factors
            .iter()
            .fold(Mat::<f64>::zeros(rows, columns), |sum, (a, s)| {
                sum + a * x * s
            })
    };

    // The start is the same for all weights, and almost surely has a part along the eigenvector sought.
    let mut stream = Stream::new(0, Purpose::Problem);
    let start = Mat::from_fn(rows, columns, |_, _| stream.normal());
    let mut basis = vec![faer::Scale(1.0 / start.norm_l2()) * start];
    let (mut diagonal, mut coupling) = (Vec::new(), Vec::new());
    let mut largest = None;
    for size in 1..=rows * columns {
        let mut next = apply(&basis[size - 1]);
        diagonal.push(inner(&next, &basis[size - 1]));
        // Twice is enough to keep the basis orthogonal to rounding.
        for _ in 0..2 {
            for v in &basis {
                next -= faer::Scale(inner(&next, v)) * v;
            }
        }
        let norm = next.norm_l2();
        let (value, last) = top_of_tridiagonal(&diagonal, &coupling)?;
        largest = Some(value);
        if norm * last.abs() <= RESIDUAL * value {
            break;
        }
        coupling.push(norm);
        basis.push(faer::Scale(1.0 / norm) * next);
    }
    largest.filter(|value| value.is_finite())
}

/// Σ_ij X_ij Y_ij.
fn inner(x: &Mat<f64>, y: &Mat<f64>) -> f64 {
    x.col_iter()
        .zip(y.col_iter())
        .map(|(x, y)| x.transpose() * y)
        .sum()
}

/// The largest eigenvalue of a symmetric tridiagonal matrix and the last entry of its unit eigenvector.
fn top_of_tridiagonal(diagonal: &[f64], coupling: &[f64]) -> Option<(f64, f64)> {
    let n = diagonal.len();
    let matrix = Mat::from_fn(n, n, |i, j| match i.abs_diff(j) {
        0 => diagonal[i],
        1 => coupling[i.min(j)],
        _ => 0.0,
    });
    let eigen = matrix.self_adjoint_eigen(Side::Lower).ok()?;
    Some((eigen.S()[n - 1], eigen.U()[(n - 1, n - 1)]))
}
