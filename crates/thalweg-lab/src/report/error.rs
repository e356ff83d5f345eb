//! What can go wrong while a report is made.

use std::path::PathBuf;

use crate::reproduce::ReproduceError;
use crate::store::StoreError;

/// A report that could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The results do not read as such.
    #[error("{} does not hold the results of this version's `thalweg reproduce`: {source}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A file could not be read or written, or the directory holds no finished run.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The theory or the flow has no answer for the run's problem.
    #[error(transparent)]
    Theory(#[from] ReproduceError),
}
