//! Why an experiment on a network could not be made or measured.

use std::path::PathBuf;

use thalweg::data::DataError;
use thalweg::evaluation::EvaluationError;
use thalweg::model::ModelError;
use thalweg::train::TrainError;

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
