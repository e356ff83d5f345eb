//! The list of what may be done to a batch.

use super::{Flips, InputDropout, InputNoise, Mixup, Shifts, Smoothing};
use crate::optimizer::OptimizerError;
use crate::tensor::Real;
use crate::train::Drawn;

/// One change of a batch.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Images moved by whole pixels.
    Shifts(Shifts),
    /// Images mirrored.
    Flips(Flips),
    /// Gaussian noise on the inputs.
    InputNoise(InputNoise),
    /// Inputs dropped.
    InputDropout(InputDropout),
    /// Samples mixed with others of the batch.
    Mixup(Mixup),
    /// Labels smoothed.
    Smoothing(Smoothing),
}

impl Change {
    /// Checks its numbers.
    pub(super) fn validate(&self) -> Result<(), OptimizerError> {
        match self {
            Self::Shifts(change) => change.validate(),
            Self::Flips(_) => Ok(()),
            Self::InputNoise(change) => change.validate(),
            Self::InputDropout(change) => change.validate(),
            Self::Mixup(change) => change.validate(),
            Self::Smoothing(change) => change.validate(),
        }
    }

    /// Changes the batch that the run of `seed` has drawn, by the random numbers of `step`.
    pub(super) fn apply<T: Real>(&self, seed: u64, step: u64, drawn: &mut Drawn<'_, T>) {
        match self {
            Self::Shifts(change) => change.apply(seed, step, drawn),
            Self::Flips(change) => change.apply(seed, step, drawn),
            Self::InputNoise(change) => change.apply(seed, step, drawn),
            Self::InputDropout(change) => change.apply(seed, step, drawn),
            Self::Mixup(change) => change.apply(seed, step, drawn),
            Self::Smoothing(change) => change.apply(drawn),
        }
    }
}
