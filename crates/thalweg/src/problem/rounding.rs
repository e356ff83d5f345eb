//! What the rounding of a covariance's entries did to it: mended where that is possible, and said.
//!
//! With entries wrong by δ √(Σ_ii Σ_jj), mirrored ones may differ by 2δ √(Σ_ii Σ_jj) and eigenvalues fall
//! below 0 by δ tr Σ at most, since |vᵀEv| ≤ δ (Σ_i |v_i| √Σ_ii)² ≤ δ tr Σ for every unit v.

use std::fmt;

use faer::linalg::solvers::SelfAdjointEigen;
use faer::{Mat, Scale};

use super::ProblemField;
use crate::words::rounded;

/// δ: two units in the last place of single precision.
pub(super) const PRECISION: f64 = 2.0 * f32::EPSILON as f64;

/// What a reader of a problem's numbers should know of its covariances: how one was mended before use, within
/// the rounding of single precision, or how few digits its entries fix.
#[derive(Clone, Debug, PartialEq)]
pub enum Caveat {
    /// Mirrored entries differed, and their mean was taken.
    Asymmetry {
        /// The covariance.
        field: ProblemField,
        /// Row of the largest difference relative to √(Σ_ii Σ_jj), from 1.
        row: usize,
        /// Its column, from 1.
        column: usize,
        /// How far the two entries were apart.
        difference: f64,
    },
    /// An eigenvalue was negative; it and all that are no larger in size were taken for 0.
    Negative {
        /// The covariance.
        field: ProblemField,
        /// The smallest eigenvalue as given, below 0.
        smallest: f64,
        /// The largest eigenvalue.
        largest: f64,
        /// How many eigenvalues became 0.
        zeros: usize,
    },
    /// What was said of it when it was mended, before it was written down in the mended form.
    Recorded(String),
    /// Nearly singular: the entries' own rounding to double precision limits what follows from them.
    Digits {
        /// The covariance.
        field: ProblemField,
        /// A bound on the relative change of T, λ_max and F when entries move by half a unit in their last place
        /// (see [`Factor::uncertainty`](super::Factor::uncertainty)).
        uncertainty: f64,
    },
}

impl Caveat {
    /// Whether the covariance was changed, so that nothing in it tells of it any more.
    pub fn is_mended(&self) -> bool {
        !matches!(self, Self::Digits { .. })
    }
}

impl fmt::Display for Caveat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asymmetry {
                field,
                row,
                column,
                difference,
            } => write!(
                f,
                "{field} was not quite symmetric: its entries at row {row}, column {column} and row {column}, column {row} \
                 differ by {}, as rounding to single precision leaves them; their mean was taken",
                rounded(*difference)
            ),
            Self::Negative {
                field,
                smallest,
                largest,
                zeros,
            } => {
                let (eigenvalues, were) = match zeros {
                    1 => ("it".to_owned(), "was"),
                    _ => (
                        format!("its {zeros} eigenvalues of that size or less"),
                        "were",
                    ),
                };
                write!(
                    f,
                    "{field} had the eigenvalue {} (the largest is {}), as rounding to single precision \
                     leaves it; {eigenvalues} {were} taken for 0",
                    rounded(*smallest),
                    rounded(*largest)
                )
            }
            Self::Recorded(words) => f.write_str(words),
            Self::Digits { field, uncertainty } => write!(
                f,
                "{field} is so close to singular that its entries, known to 16 digits, fix sharpness and fluctuation only to {} %",
                at_most(100.0 * uncertainty)
            ),
        }
    }
}

/// Two digits, rounded up.
fn at_most(x: f64) -> f64 {
    let unit = 10f64.powf(x.log10().floor() - 1.0);
    format!("{:.1e}", (x / unit).ceil() * unit)
        .parse()
        .unwrap_or(x)
}

/// The nearest covariance without negative eigenvalues, if they are negative by rounding alone.
pub(super) fn without_negative(
    field: ProblemField,
    eigen: &SelfAdjointEigen<f64>,
) -> Option<(Mat<f64>, Caveat)> {
    let values: Vec<f64> = eigen.S().column_vector().iter().copied().collect();
    let (smallest, largest) = (values[0], values[values.len() - 1]);
    if -smallest > PRECISION * values.iter().sum::<f64>() {
        return None;
    }
    // What is as small as a value that can only be rounding may be rounding too.
    let zeros = values.iter().filter(|&&v| v <= -smallest).count();
    let kept = eigen.U().subcols(zeros, values.len() - zeros);
    let root = Mat::from_fn(kept.nrows(), kept.ncols(), |i, j| {
        kept[(i, j)] * values[zeros + j].sqrt()
    });
    let product = &root * root.transpose();
    let covariance = (&product + product.transpose()) * Scale(0.5);
    let mended = Caveat::Negative {
        field,
        smallest,
        largest,
        zeros,
    };
    Some((covariance, mended))
}
