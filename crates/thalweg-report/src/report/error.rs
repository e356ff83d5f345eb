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
    /// Both sides of a map would be one axis.
    #[error("`{wanted}` and `{x}` are {}: --x and --y need two", if wanted == x { "the same axis" } else { "one axis, since they move together" })]
    OneAxis {
        /// What was asked for upwards.
        wanted: String,
        /// What lies to the right.
        x: String,
    },
    /// The sweep has no such axis.
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
