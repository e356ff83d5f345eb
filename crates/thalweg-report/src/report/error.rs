//! What can go wrong while a report is made.

use thalweg::simulate::SimulateError;

use thalweg_lab::memory::TooLittle;
use thalweg_lab::store::StoreError;

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
    /// There is not enough memory for what is read.
    #[error(transparent)]
    Memory(#[from] TooLittle),
    /// The run's own starting weights cannot be made again.
    #[error(transparent)]
    Simulate(#[from] SimulateError),
}
