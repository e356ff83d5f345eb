//! What can be wrong with a table, said so that a person can mend it.

use std::path::PathBuf;

use thalweg::Stopped;
use thalweg::words::counted;

use crate::answer::AnswerError;
use crate::images::ImageError;
use crate::network::NetworkError;

/// Rows that cannot be diagnosed.
#[derive(Debug, thiserror::Error)]
pub enum DiagnoseError {
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(#[from] std::io::Error),
    /// There is nothing in it.
    #[error("is empty: a table begins with a line that names its columns")]
    Empty,
    /// It is no text.
    #[error(
        "is neither a text in UTF-8 nor a Parquet file: write the table as CSV or Parquet (a sheet of Excel, an array of NumPy:          `pandas.DataFrame(...).to_csv(\"table.csv\", index=False)`)"
    )]
    Binary,
    /// It is not Parquet, though it begins as such a file.
    #[error("is a Parquet file that cannot be read: {what}")]
    Parquet {
        /// What the library says.
        what: String,
    },
    /// Its columns have columns of their own.
    #[error("has nested columns: a column of numbers or words is needed for each name")]
    Nested,
    /// A table without targets.
    #[error("is a table: name the columns that are to be predicted with --targets")]
    NoTargets,
    /// Columns asked of what has none.
    #[error("{what} and has no columns: leave out --targets, --without and --classes")]
    NoColumnsThere {
        /// What it is or holds: "is a text".
        what: &'static str,
    },
    /// An image set that cannot be read.
    #[error(transparent)]
    Images(#[from] ImageError),
    /// A training on a text whose outputs are no probabilities.
    #[error(
        "is a training on a text with squared error: the noise of tokens is that of probabilities; train with the loss \"cross-entropy\""
    )]
    TextLoss,
    /// A run of a deep linear network.
    #[error("is a run of `thalweg simulate`, whose noise is given: `thalweg predict {}` says where SGD goes", directory.join("specification.toml").display())]
    Simulation {
        /// Its directory.
        directory: PathBuf,
    },
    /// A run whose network or data cannot be had.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// Bytes that are no text.
    #[error("{place}, column {column}: not UTF-8 text; save the table in that encoding")]
    NotText {
        /// Where.
        place: String,
        /// Its column.
        column: String,
    },
    /// Two columns of one name.
    #[error("columns {first} and {second} are both called `{name}`: rename one of them")]
    NameTwice {
        /// Their name.
        name: String,
        /// Where the first is, counted from 1.
        first: usize,
        /// Where the second is.
        second: usize,
    },
    /// A record that is longer or shorter than the header.
    #[error(
        "{place}: {found} entries, where the header names {expected} columns; is a comma or a quotation mark missing or too many?"
    )]
    Ragged {
        /// Where.
        place: String,
        /// Entries there.
        found: usize,
        /// Columns named.
        expected: usize,
    },
    /// A target that is no column.
    #[error("has no column `{name}`; its columns are {columns}")]
    NoColumn {
        /// The column asked for.
        name: String,
        /// Those there are.
        columns: String,
    },
    /// One target twice.
    #[error("`{name}` is named as a target twice")]
    TargetTwice {
        /// Its name.
        name: String,
    },
    /// A target that is also left out.
    #[error("`{name}` is a target, and cannot be left out too")]
    TargetLeftOut {
        /// Its name.
        name: String,
    },
    /// An entry that is no number, in a column of numbers.
    #[error(
        "{place}, column `{column}`: `{found}` is no finite number; mend or delete that row, or leave the column out (--without, or `without` in a file)"
    )]
    NotANumber {
        /// Where.
        place: String,
        /// Its column.
        column: String,
        /// What stands there.
        found: String,
    },
    /// Words and numbers in one column.
    #[error(
        "{place}, column `{column}`: `{found}` is no finite number, and {number} ({number_place}) is one; mend or delete that row, or leave the column out (--without, or `without` in a \
         file); a target's entries may name classes (--classes, or `classes = true`)"
    )]
    Mixed {
        /// Where the words are.
        place: String,
        /// The column.
        column: String,
        /// The words.
        found: String,
        /// The number.
        number: f64,
        /// Where that is.
        number_place: String,
    },
    /// A number with a comma where the decimal point should be.
    #[error(
        "{place}, column `{column}`: `{found}` has a comma where a decimal point is needed; write the table with points (in pandas `to_csv(decimal=\".\")`)"
    )]
    DecimalComma {
        /// Where.
        place: String,
        /// Its column.
        column: String,
        /// What stands there.
        found: String,
    },
    /// A gap in every row.
    #[error(
        "something is missing in every row, most often in column `{column}`: leave that column out (--without, or `without` in a file)"
    )]
    OnlyGaps {
        /// The column with most gaps.
        column: String,
    },
    /// No column is left for the inputs.
    #[error(
        "no column of numbers is left for the inputs: at least one is needed beside the targets"
    )]
    NoInputs,
    /// A target of words beside others.
    #[error(
        "the target `{column}` holds words: a column of classes must be the only target; diagnose it on its own"
    )]
    WordsAmongTargets {
        /// Its name.
        column: String,
    },
    /// Classes asked of several targets.
    #[error("classes are in one column, and the targets are {targets}: name one of them")]
    ManyClassTargets {
        /// All of them.
        targets: String,
    },
    /// A column of classes with a class for every other row.
    #[error(
        "the target `{column}` has more than {most} classes: is it a name or a number? A diagnosis needs many rows of each class"
    )]
    TooManyClasses {
        /// Its name.
        column: String,
        /// The most that are taken.
        most: usize,
    },
    /// One class only.
    #[error("every row is of the class `{class}`: there is nothing to predict")]
    OneClass {
        /// Its name.
        class: String,
    },
    /// Too many inputs for the sums over them.
    #[error(
        "has {inputs} inputs: at most {most} are taken; leave columns out (--without, or `without` in a file)"
    )]
    TooManyInputs {
        /// Inputs there are.
        inputs: usize,
        /// The most that are taken.
        most: usize,
    },
    /// Too few rows to tell noise from fit.
    #[error(
        "has {rows} whole rows and {}: at least {needed} rows are needed to tell the noise from the fit; leave columns out (--without, or `without` in a file), or add rows",
        counted(*inputs, "input")
    )]
    TooFewRows {
        /// Rows there are.
        rows: u64,
        /// Inputs.
        inputs: usize,
        /// Rows needed.
        needed: usize,
    },
    /// A target that never changes.
    #[error("the target `{column}` has the same value in every row: there is nothing to predict")]
    Constant {
        /// Which one.
        column: String,
    },
    /// Numbers beyond double precision.
    #[error(
        "the squares of column `{column}` are beyond double precision: divide it by a constant"
    )]
    TooLarge {
        /// Which one.
        column: String,
    },
    /// Targets without noise.
    #[error(
        "the targets are linear functions of the inputs, to rounding: there is no label noise to diagnose"
    )]
    NoNoise,
    /// Targets that depend on each other.
    #[error(
        "the noise of the target `{column}` is a linear function of that of the targets before it, to rounding: leave it out"
    )]
    DependentTargets {
        /// The later one.
        column: String,
    },
    /// The prediction failed.
    #[error(transparent)]
    Answer(#[from] AnswerError),
    /// Another thread asked for it ([`stoppable`](thalweg::stoppable)).
    #[error(transparent)]
    Stopped(#[from] Stopped),
}
