//! What can be wrong with a training, its start or its snapshot.

use crate::data::DataError;
use crate::optimizer::OptimizerError;

/// A training that cannot be started or resumed: the field, what was found, and what would be right.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TrainError {
    /// The data do not fit the network.
    #[error(transparent)]
    Data(#[from] DataError),
    /// A setting of the optimiser is out of range.
    #[error(transparent)]
    Optimizer(#[from] OptimizerError),
    /// A number of samples is out of range.
    #[error("{field} is {found}; it must be between 1 and {limit} samples")]
    Samples {
        /// `batch` or `switch.samples`.
        field: &'static str,
        /// What was found.
        found: usize,
        /// The most there may be.
        limit: usize,
    },
    /// The start is not one of this network.
    #[error("the start has {found} parameters and the network {expected}")]
    Start {
        /// Parameters given.
        found: usize,
        /// The network's.
        expected: usize,
    },
    /// The start is not finite in the training's precision.
    #[error("parameter {index} starts at {found}: give a finite number")]
    NotFinite {
        /// Which parameter, from 1.
        index: usize,
        /// What was found.
        found: f64,
    },
    /// A snapshot of another network or of other settings.
    #[error(
        "the snapshot of seed {seed} has {found} numbers in {field} where {expected} are needed: resume with the network and the settings it was taken from"
    )]
    Snapshot {
        /// Whose state it is.
        seed: u64,
        /// `parameters` or `memory`.
        field: &'static str,
        /// How many numbers it holds.
        found: usize,
        /// How many are needed.
        expected: usize,
    },
}
