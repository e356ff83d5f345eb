//! What can be wrong with a run's settings, seeds or snapshot, said so that a person can mend it.

use crate::problem::WeightsError;
use crate::recipe::RecipeError;
use crate::words::shown;

/// A run that cannot be started or resumed: the field, what was found, and what would be right.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SimulateError {
    /// A number is outside its range.
    #[error("{field} is {}; it must be {right}", shown(*found))]
    OutOfRange {
        /// The field of [`SimulateSettings`](super::SimulateSettings), with dots for nesting.
        field: &'static str,
        /// What was found.
        found: f64,
        /// What would be right, and why or how.
        right: &'static str,
    },
    /// A number of samples is out of range.
    #[error("{field} is {found}; it must be between 1 and {limit} samples")]
    Samples {
        /// The field of [`SimulateSettings`](super::SimulateSettings), with dots for nesting.
        field: &'static str,
        /// What was found.
        found: usize,
        /// The most that the random counters can number.
        limit: usize,
    },
    /// The finite data set is smaller than a minibatch, which takes each sample at most once.
    #[error(
        "data.source has {samples} samples but a minibatch takes {batch}: raise samples to {batch} or more, lower batch, or draw with replacement"
    )]
    DataSetTooSmall {
        /// N, the samples of the fixed data set.
        samples: usize,
        /// B, the samples in a minibatch.
        batch: usize,
    },
    /// A data set of the caller's own with other shapes.
    #[error(
        "the data set's inputs are {} × {} and its labels {} × {}; they must be {} × {} and {} × {}, a column for each sample, with data.source a finite set of as many",
        found[0], found[1], found[2], found[3], expected[0], expected[1], expected[2], expected[3]
    )]
    DataSet {
        /// Rows and columns of its inputs, and of its labels.
        found: [usize; 4],
        /// What they must be.
        expected: [usize; 4],
    },
    /// The fixed batch does not fit in the finite data set it is taken from.
    #[error(
        "switch.samples is {found} but the data set has {samples}: lower switch.samples to {samples} or less"
    )]
    FixedBatchTooLarge {
        /// The fixed batch's size.
        found: usize,
        /// N, the samples of the fixed data set.
        samples: usize,
    },
    /// The given initial weights do not belong to the problem.
    #[error("init: {0}")]
    InitialWeights(#[from] WeightsError),
    /// What is added to SGD is out of range or does not fit the problem.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// Something that cannot be had together with samples that are changed one by one.
    #[error(
        "{with} cannot be had together with dropout, nor with noise added to inputs or labels of a data set or law of its own: leave out one of them"
    )]
    Perturbed {
        /// The field of [`SimulateSettings`](super::SimulateSettings).
        with: &'static str,
    },
    /// There is nothing to run.
    #[error("seeds is empty: give at least one seed")]
    NoSeeds,
    /// A snapshot of another problem or of other settings.
    #[error(
        "the snapshot of seed {seed} has {found} numbers in {field} where {expected} are needed: resume with the problem and the settings it was taken from"
    )]
    Snapshot {
        /// Whose state it is.
        seed: u64,
        /// `weights` or `velocity`.
        field: &'static str,
        /// How many numbers it holds.
        found: usize,
        /// How many the problem and the settings need.
        expected: usize,
    },
}
