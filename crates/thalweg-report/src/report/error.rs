//! What can go wrong while a report is made.

use std::path::PathBuf;

use thalweg::simulate::SimulateError;

use thalweg_lab::memory::TooLittle;
use thalweg_lab::store::StoreError;
use thalweg_lab::sweep::SweepError;

use crate::results::ResultsError;

/// A report that could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The results of a reproduction cannot be used.
    #[error(transparent)]
    Results(#[from] ResultsError),
    /// A file could not be read or written, or the directory holds no finished run.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is nothing to report.
    #[error("{} holds nothing to report: no results of `thalweg reproduce`, no run of `thalweg simulate` or `train`, no measurements of `thalweg measure`, and no probe's log", directory.display())]
    Nothing {
        /// The directory.
        directory: PathBuf,
    },
    /// There is not enough memory for what is read.
    #[error(transparent)]
    Memory(#[from] TooLittle),
    /// The run's own starting weights cannot be made again.
    #[error(transparent)]
    Simulate(#[from] SimulateError),
    /// A sweep cannot be used.
    #[error(transparent)]
    Sweep(#[from] SweepError),
    /// The sweep has no such axis, or it is the other side already.
    #[error("no axis `{wanted}`: there are {known}")]
    NoAxis {
        /// What was asked for.
        wanted: String,
        /// Those that there are.
        known: String,
    },
    /// No such quantity was measured.
    #[error("no quantity `{wanted}`: there are {known}")]
    NoQuantity {
        /// What was asked for.
        wanted: String,
        /// Those that there are.
        known: String,
    },
}
