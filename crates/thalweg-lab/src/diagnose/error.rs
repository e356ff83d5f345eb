//! What can be wrong with a table, said so that a person can mend it.

use crate::answer::AnswerError;

/// A table that cannot be diagnosed.
#[derive(Debug, thiserror::Error)]
pub enum DiagnoseError {
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(#[from] std::io::Error),
    /// It is not CSV with a header.
    #[error("is no CSV table with a header: {0}")]
    Csv(#[from] csv::Error),
    /// A target that is no column.
    #[error("has no column `{name}`; its columns are {columns}")]
    NoColumn {
        /// The target asked for.
        name: String,
        /// Those there are.
        columns: String,
    },
    /// An entry that is no number.
    #[error(
        "row {row} (the header is row 1), column `{column}`: `{found}` is no finite number; leave out rows with gaps, and turn categories into numbers"
    )]
    NotANumber {
        /// Row in the file.
        row: usize,
        /// Its column.
        column: String,
        /// What stands there.
        found: String,
    },
    /// No column is left for the inputs.
    #[error("every column is a target: at least one input is needed")]
    NoInputs,
    /// Too few rows to tell noise from fit.
    #[error(
        "has {rows} rows and {inputs} inputs: at least {needed} rows are needed to tell the noise from the fit"
    )]
    TooFewRows {
        /// Rows there are.
        rows: usize,
        /// Inputs.
        inputs: usize,
        /// Rows needed.
        needed: usize,
    },
    /// A column that never changes.
    #[error("the column `{column}` has the same value in every row: leave it out")]
    Constant {
        /// Which one.
        column: String,
    },
    /// Inputs that are combinations of each other, in all rows or in those of one fit.
    #[error(
        "the inputs are linearly dependent, or nearly so ({least:.1e} of the largest eigenvalue of Σx): leave out columns that others determine"
    )]
    Dependent {
        /// The smallest eigenvalue of Σx over the largest.
        least: f64,
    },
    /// Targets without noise.
    #[error(
        "the targets are linear functions of the inputs, to rounding: there is no label noise to diagnose"
    )]
    NoNoise,
    /// The prediction failed.
    #[error(transparent)]
    Answer(#[from] AnswerError),
}
