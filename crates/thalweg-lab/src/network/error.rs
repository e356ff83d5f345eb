//! Why an experiment on a network could not be made or measured.

use std::path::{Path, PathBuf};

use thalweg::data::DataError;
use thalweg::evaluation::EvaluationError;
use thalweg::model::ModelError;
use thalweg::train::TrainError;
use thalweg::words::counted;

use crate::diagnose::DiagnoseError;
use crate::images::ImageError;
use crate::memory::TooLittle;
use crate::saved::SavedError;

/// An experiment that could not be made, or a network that could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// It needs more memory than there is.
    #[error(transparent)]
    Memory(#[from] TooLittle),
    /// The network cannot be built.
    #[error("network: {0}")]
    Model(#[from] ModelError),
    /// The data are not ones to learn from.
    #[error("data: {0}")]
    Data(#[from] DataError),
    /// The images cannot be read.
    #[error(transparent)]
    Images(#[from] ImageError),
    /// A text cannot be read.
    #[error("{}: {source}: a text must be a file in UTF-8", path.display())]
    Text {
        /// Where it should be.
        path: PathBuf,
        /// Why it cannot.
        source: std::io::Error,
    },
    /// A table cannot be read.
    #[error("{}: {source}", path.display())]
    Table {
        /// The file, or the name of a table that comes with the program.
        path: PathBuf,
        /// Why not.
        source: Box<DiagnoseError>,
    },
    /// Not all of a table can be used.
    #[error(
        "{}: {left_out} A network is trained on whole tables: name columns that are to be left out in `data.without`, or say `incomplete = \"leave-out\"` in `data` to leave out rows with gaps and columns of words",
        path.display()
    )]
    TableParts {
        /// The file.
        path: PathBuf,
        /// What would be left out, in sentences.
        left_out: String,
    },
    /// A table's columns are not as many as the network's inputs and outputs.
    #[error(
        "{} has {} ({inputs}) and {} ({outputs}): say `inputs = {found_inputs}` and `outputs = {found_outputs}` of the network",
        path.display(),
        counted(*found_inputs, "input"),
        counted(*found_outputs, "output")
    )]
    TableEnds {
        /// The file.
        path: PathBuf,
        /// Columns that are inputs.
        found_inputs: usize,
        /// Their names.
        inputs: String,
        /// Columns that are targets, or classes.
        found_outputs: usize,
        /// Their names.
        outputs: String,
    },
    /// Numbers of a column cannot be told apart where the network gets them.
    #[error("{}, column `{column}`: {what}", path.display())]
    TableNumbers {
        /// The file.
        path: PathBuf,
        /// The column.
        column: String,
        /// Why, and the way out.
        what: String,
    },
    /// A table's targets are classes where numbers were expected, or the other way round.
    #[error("{}: the targets are {found}: {needed}", path.display())]
    TableKind {
        /// The file.
        path: PathBuf,
        /// Words, or numbers.
        found: &'static str,
        /// What to do.
        needed: &'static str,
    },
    /// A table of too few rows to keep some for measuring.
    #[error("{} has {rows} rows: at least 5 are needed, of which each fifth is measured on and not trained on", path.display())]
    TableRows {
        /// The file.
        path: PathBuf,
        /// Its rows.
        rows: usize,
    },
    /// A row of a table of distributions has no sum to be divided by.
    #[error("{}: row {row} sums to {sum}: give probabilities or counts, none negative and not all 0", path.display())]
    Distribution {
        /// The table.
        path: PathBuf,
        /// Which row, from 1.
        row: usize,
        /// Its sum.
        sum: f64,
    },
    /// Images are not of the size that their number of pixels says.
    #[error(
        "the images have {height} × {width} pixels: a network of that many inputs takes {side} × {side}"
    )]
    ImageSize {
        /// Pixels from top to bottom.
        height: usize,
        /// From left to right.
        width: usize,
        /// Of a square of as many.
        side: usize,
    },
    /// A text has fewer kinds of character than the network has tokens.
    #[error(
        "the network has {tokens} tokens and the text {kinds} kinds of character: give at most as many tokens as there are kinds (of more kinds, the rarest are one token)"
    )]
    Tokens {
        /// The network's.
        tokens: usize,
        /// The text's.
        kinds: usize,
    },
    /// Nothing to measure on.
    #[error(
        "{limit} of the samples are set aside to evaluate on, which is too few to measure: give more data"
    )]
    TooFewHeldOut {
        /// The most there can be.
        limit: usize,
    },
    /// An evaluation set would need samples twice.
    #[error(
        "an evaluation set of {count} samples is asked for, and there are {limit} to evaluate on: each counts once, since repeats would pass for independent samples; ask for at most {limit} (`samples` in the table `measure` of the specification, or --samples of `thalweg measure`)"
    )]
    EvaluationSet {
        /// Samples asked for.
        count: usize,
        /// The most there can be.
        limit: usize,
    },
    /// The settings are not ones that training can honour.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// Which teacher the network had is not known.
    #[error(
        "the experiment has a teacher for each run (`data.teacher.seed` is \"per-run\"), and the network's file does not say of which run it is: write that teacher's seed in its place"
    )]
    NoRun,
    /// A measurement failed.
    #[error(transparent)]
    Evaluation(#[from] EvaluationError),
    /// A saved network could not be written or read.
    #[error(transparent)]
    Saved(#[from] SavedError),
}

impl NetworkError {
    /// Of the table at `path`.
    pub(crate) fn table(path: &Path, source: DiagnoseError) -> Self {
        Self::Table {
            path: path.to_owned(),
            source: Box::new(source),
        }
    }
}
