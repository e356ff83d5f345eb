//! What can be wrong with a problem, said so that a person can mend it.

use std::fmt;

use crate::words::{rounded, shown};

/// The part of a problem that an error is about, displayed as the name it has in problem files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProblemField {
    /// Σx, the covariance of the inputs, d_x × d_x.
    InputCovariance,
    /// V, the matrix that is learnt, d_y × d_x.
    Teacher,
    /// Σε, the covariance of the label noise, d_y × d_y.
    NoiseCovariance,
    /// D, the number of layers.
    Depth,
    /// h_1 … h_{D−1}, the widths between the layers.
    HiddenWidths,
}

impl fmt::Display for ProblemField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InputCovariance => "input_covariance",
            Self::Teacher => "teacher",
            Self::NoiseCovariance => "noise_covariance",
            Self::Depth => "depth",
            Self::HiddenWidths => "hidden_widths",
        })
    }
}

/// A problem that cannot be accepted: the field, what was found, and what would be right.
///
/// Rows, columns and layers count from 1.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ProblemError {
    /// D is 0 or absurd.
    #[error("depth is {found}; a network has at least one layer: give depth = 1 … {limit}")]
    Depth {
        /// D as given.
        found: usize,
        /// The largest D accepted.
        limit: usize,
    },
    /// V has no rows or no columns.
    #[error(
        "teacher is {rows} × {columns}: it needs at least one row (output) and one column (input)"
    )]
    Empty {
        /// Rows given.
        rows: usize,
        /// Columns given.
        columns: usize,
    },
    /// A covariance does not fit the teacher.
    #[error(
        "{field} is {found_rows} × {found_columns} where the teacher needs it {size} × {size} (input_covariance: one row for each column of teacher; noise_covariance: one for each row)"
    )]
    Shape {
        /// The covariance.
        field: ProblemField,
        /// Rows given.
        found_rows: usize,
        /// Columns given.
        found_columns: usize,
        /// Rows and columns it must have.
        size: usize,
    },
    /// An entry is NaN or infinite.
    #[error(
        "{field} has the entry {value} at row {row}, column {column}: every entry must be finite"
    )]
    NotFinite {
        /// The matrix.
        field: ProblemField,
        /// Row.
        row: usize,
        /// Column.
        column: usize,
        /// What was found.
        value: f64,
    },
    /// An entry so large that products of matrices could overflow.
    #[error(
        "{field} has the entry {value:e} at row {row}, column {column}, beyond ±{limit:e}, where products would overflow: change units"
    )]
    TooLarge {
        /// The matrix.
        field: ProblemField,
        /// Row.
        row: usize,
        /// Column.
        column: usize,
        /// What was found.
        value: f64,
        /// The largest magnitude accepted.
        limit: f64,
    },
    /// A non-zero matrix so small that products could underflow.
    #[error(
        "the largest entry of {field} is {value:e}, below {limit:e}, where products would underflow: change units, or give an exact zero"
    )]
    TooSmall {
        /// The matrix.
        field: ProblemField,
        /// Its largest magnitude.
        value: f64,
        /// The smallest largest magnitude accepted.
        limit: f64,
    },
    /// A covariance is not symmetric within rounding.
    #[error(
        "{field} is not symmetric: {} at row {row}, column {column} but {} at row {column}, column {row}, a larger difference than rounding to single precision makes: a covariance equals its transpose; if rounding did this, give (Σ + Σᵀ)/2, here {} at both places",
        shown(*value),
        shown(*mirror),
        shown(0.5 * (value + mirror))
    )]
    NotSymmetric {
        /// The covariance.
        field: ProblemField,
        /// Row.
        row: usize,
        /// Column.
        column: usize,
        /// What was found there.
        value: f64,
        /// What was found at the mirrored place.
        mirror: f64,
    },
    /// A covariance has a negative eigenvalue beyond rounding.
    #[error(
        "{field} is not positive semi-definite: its eigenvalues run from {} to {}: a covariance has none below 0; if rounding or missing data did this, add {} to each diagonal entry",
        rounded(*smallest),
        rounded(*largest),
        rounded(-1.01 * smallest)
    )]
    Indefinite {
        /// The covariance.
        field: ProblemField,
        /// The smallest eigenvalue, below 0.
        smallest: f64,
        /// The largest eigenvalue.
        largest: f64,
    },
    /// A matrix decomposition did not converge.
    #[error("{field} could not be decomposed: check its entries for extreme ratios")]
    Decomposition {
        /// The matrix.
        field: ProblemField,
    },
    /// The number of hidden widths is not D − 1.
    #[error(
        "hidden_widths has {found} numbers where depth needs {expected}: one for each layer but the last"
    )]
    WidthCount {
        /// How many were given.
        found: usize,
        /// D − 1, the widths that a network of D layers has between them.
        expected: usize,
    },
    /// A hidden width is 0 or absurd.
    #[error("hidden_widths has {found} for layer {layer}: give 1 … {limit}")]
    Width {
        /// k: the width after layer k, from 1.
        layer: usize,
        /// h_k as it was given.
        found: usize,
        /// The largest width accepted.
        limit: usize,
    },
    /// Matrices that could not be held in memory.
    #[error(
        "{field} asks for {entries} numbers, the largest matrix being {rows} × {columns}: at most {limit} are accepted (32 GiB); take a smaller dimension, narrower layers or a smaller depth"
    )]
    Size {
        /// The covariance, or the widths whose weights these are.
        field: ProblemField,
        /// How many numbers in all, or [`u64::MAX`] if more.
        entries: u64,
        /// Rows of the largest matrix.
        rows: usize,
        /// Its columns.
        columns: usize,
        /// The most that is accepted.
        limit: u64,
    },
    /// A hidden width is below the rank of V√Σx, so that no weights reach W_D … W_1 = V on the inputs that occur.
    #[error(
        "hidden_widths has {width} for layer {layer}, below {rank}, the teacher's rank on the inputs that occur: no weights can then represent it; give {rank} or more"
    )]
    WidthBelowRank {
        /// k: the width after layer k, from 1.
        layer: usize,
        /// h_k as it was given.
        width: usize,
        /// rank V√Σx, the least width that lets all of V through.
        rank: usize,
    },
}

impl ProblemError {
    /// The field that it is about, with the row and column of the entry where it is about one.
    pub fn place(&self) -> (ProblemField, Option<(usize, usize)>) {
        match *self {
            Self::Depth { .. } => (ProblemField::Depth, None),
            Self::Empty { .. } => (ProblemField::Teacher, None),
            Self::NotFinite {
                field, row, column, ..
            }
            | Self::TooLarge {
                field, row, column, ..
            }
            | Self::NotSymmetric {
                field, row, column, ..
            } => (field, Some((row, column))),
            Self::Shape { field, .. }
            | Self::TooSmall { field, .. }
            | Self::Indefinite { field, .. }
            | Self::Decomposition { field }
            | Self::Size { field, .. } => (field, None),
            Self::WidthCount { .. } | Self::Width { .. } | Self::WidthBelowRank { .. } => {
                (ProblemField::HiddenWidths, None)
            }
        }
    }
}
