//! The largest eigenvalue of a symmetric operator, by Lanczos with full reorthogonalisation.

use faer::linalg::solvers::SelfAdjointEigen;
use faer::{Col, ColRef, Mat, Scale, Side};

use super::{TheoryError, dense};
use crate::random::{Purpose, Stream};

/// Up to this size the matrix is formed and decomposed.
const DENSE: usize = 64;
/// ‖A v − θ v‖ ≤ this · θ, which bounds the relative error of θ itself.
const RESIDUAL: f64 = 1e-13;
/// Lanczos steps before giving up.
const MAX_STEPS: usize = 1000;

/// λ_max of the symmetric positive semi-definite operator `apply` on vectors of length `size`.
///
/// # Errors
/// When the residual is still above 10⁻¹³ λ_max after 1000 steps.
pub(super) fn top_eigenvalue(
    size: usize,
    apply: impl Fn(ColRef<'_, f64>) -> Col<f64>,
) -> Result<f64, TheoryError> {
    if size <= DENSE {
        let mut matrix = Mat::zeros(size, size);
        for j in 0..size {
            let unit = Col::from_fn(size, |i| if i == j { 1.0 } else { 0.0 });
            matrix.col_mut(j).copy_from(apply(unit.as_ref()));
        }
        return Ok(dense::eigenvalues(matrix.as_ref())?
            .last()
            .copied()
            .unwrap_or(0.0));
    }
    // The start only has to be in general position; the same one each time keeps answers repeatable.
    let mut stream = Stream::new(0, Purpose::Problem);
    let start = Col::from_fn(size, |_| stream.normal());
    let start = &start * Scale(1.0 / start.norm_l2());
    let steps = MAX_STEPS.min(size);
    let mut basis = Mat::zeros(size, steps);
    basis.col_mut(0).copy_from(&start);
    let (mut diagonal, mut off_diagonal) = (Vec::new(), Vec::<f64>::new());
    let mut next_check = 8;
    for step in 0..steps {
        let mut image = apply(basis.col(step));
        diagonal.push(basis.col(step).transpose() * &image);
        let known = basis.subcols(0, step + 1);
        // Twice is enough to be orthogonal to working precision.
        for _ in 0..2 {
            let overlap = known.transpose() * &image;
            image -= known * overlap;
        }
        let norm = image.norm_l2();
        let scale = diagonal.iter().copied().fold(0.0_f64, f64::max);
        // Nothing new: the steps so far span an invariant subspace.
        let complete = step + 1 == size || norm <= f64::EPSILON * scale;
        if complete || step + 1 == next_check {
            let (value, last) = ritz(&diagonal, &off_diagonal)?;
            if complete || norm * last.abs() <= RESIDUAL * value {
                return Ok(value);
            }
            next_check += next_check / 4;
        }
        if step + 1 < steps {
            basis
                .col_mut(step + 1)
                .copy_from(&image * Scale(1.0 / norm));
            off_diagonal.push(norm);
        }
    }
    Err(TheoryError::NotConverged {
        what: "Lanczos iteration for the largest eigenvalue",
    })
}

/// The largest eigenvalue of a tridiagonal matrix, and the last entry of its unit eigenvector.
fn ritz(diagonal: &[f64], off_diagonal: &[f64]) -> Result<(f64, f64), TheoryError> {
    let size = diagonal.len();
    let tridiagonal = Mat::from_fn(size, size, |i, j| match i.abs_diff(j) {
        0 => diagonal[i],
        1 => off_diagonal[i.min(j)],
        _ => 0.0,
    });
    let eigen = SelfAdjointEigen::new(tridiagonal.as_ref(), Side::Lower).map_err(|_| {
        TheoryError::NotConverged {
            what: "eigenvalue decomposition",
        }
    })?;
    Ok((eigen.S()[size - 1], eigen.U()[(size - 1, size - 1)]))
}
