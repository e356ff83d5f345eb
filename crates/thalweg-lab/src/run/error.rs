//! Why a run could not be made.

use thalweg::simulate::SimulateError;

use crate::memory::TooLittle;
use crate::network::NetworkError;
use crate::store::StoreError;

/// A run that could not be started, resumed or kept.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The settings are not ones that a run can honour.
    #[error(transparent)]
    Settings(#[from] SimulateError),
    /// The network, its data or its training cannot be made, or a measurement failed.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// It needs more memory than there is.
    #[error(transparent)]
    Memory(#[from] TooLittle),
    /// A seed that measurements could not be told apart by, or that a file could not hold.
    #[error(
        "the seed {seed} is given twice or is not below 2^63: give each seed once, from 0 to 9223372036854775807"
    )]
    Seed {
        /// The seed.
        seed: u64,
    },
    /// The run directory could not be used.
    #[error(transparent)]
    Store(#[from] StoreError),
}
