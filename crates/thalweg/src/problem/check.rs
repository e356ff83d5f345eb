//! The checks a matrix must pass before it is part of a problem.

use faer::{Mat, MatRef};

use super::rounding::{Caveat, PRECISION};
use super::{ProblemError, ProblemField};

/// The largest magnitude of an entry: V″ = EᵀVX and the trace products of three matrices then stay
/// far from overflow, whatever the dimension.
const LARGEST: f64 = 1e60;
/// The smallest magnitude of a non-zero matrix's largest entry, for the same reason.
const SMALLEST: f64 = 1e-60;
/// |Σ_ij − Σ_ji| may be this much of √(Σ_ii Σ_jj) without a word: decimal output of 10 digits passes.
const SYMMETRY_TOLERANCE: f64 = 1e-10;

/// Every entry finite, none too large, not all too small.
pub(super) fn magnitude(field: ProblemField, matrix: MatRef<'_, f64>) -> Result<(), ProblemError> {
    let mut largest = 0.0_f64;
    for column in 0..matrix.ncols() {
        for row in 0..matrix.nrows() {
            let value = matrix[(row, column)];
            let (row, column) = (row + 1, column + 1);
            if !value.is_finite() {
                return Err(ProblemError::NotFinite {
                    field,
                    row,
                    column,
                    value,
                });
            }
            if value.abs() > LARGEST {
                return Err(ProblemError::TooLarge {
                    field,
                    row,
                    column,
                    value,
                    limit: LARGEST,
                });
            }
            largest = largest.max(value.abs());
        }
    }
    if largest > 0.0 && largest < SMALLEST {
        return Err(ProblemError::TooSmall {
            field,
            value: largest,
            limit: SMALLEST,
        });
    }
    Ok(())
}

/// A covariance of the right size, made exactly symmetric where it is so within rounding: a note says it
/// where that is the rounding of single precision.
pub(super) fn symmetrised(
    field: ProblemField,
    matrix: Mat<f64>,
    size: usize,
) -> Result<(Mat<f64>, Option<Caveat>), ProblemError> {
    if matrix.nrows() != size || matrix.ncols() != size {
        return Err(ProblemError::Shape {
            field,
            found_rows: matrix.nrows(),
            found_columns: matrix.ncols(),
            size,
        });
    }
    magnitude(field, matrix.as_ref())?;
    let mut symmetric = matrix;
    let mut worst = (SYMMETRY_TOLERANCE, None);
    for column in 0..size {
        for row in column + 1..size {
            let (value, mirror) = (symmetric[(row, column)], symmetric[(column, row)]);
            let scale =
                symmetric[(row, row)].abs().sqrt() * symmetric[(column, column)].abs().sqrt();
            let difference = (value - mirror).abs();
            if difference > 2.0 * PRECISION * scale {
                return Err(ProblemError::NotSymmetric {
                    field,
                    row: row + 1,
                    column: column + 1,
                    value,
                    mirror,
                });
            }
            if difference > worst.0 * scale {
                let note = Caveat::Asymmetry {
                    field,
                    row: row + 1,
                    column: column + 1,
                    difference,
                };
                worst = (difference / scale, Some(note));
            }
            let mean = 0.5 * (value + mirror);
            symmetric[(row, column)] = mean;
            symmetric[(column, row)] = mean;
        }
    }
    Ok((symmetric, worst.1))
}

/// The number of singular values above max(rows, columns)·ε_machine times the largest.
pub(crate) fn numerical_rank(singular_values: &[f64], rows: usize, columns: usize) -> usize {
    let largest = singular_values.first().copied().unwrap_or(0.0);
    let threshold = rows.max(columns) as f64 * f64::EPSILON * largest;
    singular_values.iter().filter(|&&s| s > threshold).count()
}
