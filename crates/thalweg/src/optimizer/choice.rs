//! The list of optimisers.

use super::{AdamW, OptimizerError, RateSchedule, Sgd};
use crate::tensor::Number;

/// What makes an update of a gradient.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Optimizer {
    /// SGD with momentum and weight decay.
    Sgd(Sgd),
    /// Adam with decoupled weight decay.
    AdamW(AdamW),
}

impl Optimizer {
    /// The curvature beyond which the steps are unstable, at the learning rate η of `step`, and its formula: of λ_max of the loss under SGD, of the
    /// preconditioned λ_max under AdamW with its P held still.
    pub fn stability_threshold(&self, step: u64) -> (f64, &'static str) {
        match self {
            Self::Sgd(sgd) => sgd.stability_threshold(step),
            Self::AdamW(adam) => (adam.stability_threshold(step), "2(1 + β₁)/((1 − β₁)η)"),
        }
    }

    /// η_t, the learning rate as a function of the step.
    pub fn learning_rate(&self) -> &RateSchedule {
        match self {
            Self::Sgd(sgd) => &sgd.learning_rate,
            Self::AdamW(adam) => &adam.learning_rate,
        }
    }

    /// The same, to change.
    pub fn learning_rate_mut(&mut self) -> &mut RateSchedule {
        match self {
            Self::Sgd(sgd) => &mut sgd.learning_rate,
            Self::AdamW(adam) => &mut adam.learning_rate,
        }
    }

    /// Checks every number.
    ///
    /// # Errors
    /// When one is out of its range.
    pub fn validate(&self) -> Result<(), OptimizerError> {
        match self {
            Self::Sgd(sgd) => sgd.validate(),
            Self::AdamW(adam) => adam.validate(),
        }
    }

    /// How many numbers are remembered for so many parameters.
    pub fn memory_len(&self, parameters: usize) -> usize {
        match self {
            Self::Sgd(sgd) => sgd.velocity_len(parameters),
            Self::AdamW(_) => 2 * parameters,
        }
    }

    /// Update number `step`. Returns ‖θ‖² after it.
    ///
    /// # Panics
    /// When lengths do not fit: a programmer's error.
    pub fn update<N: Number>(
        &self,
        step: u64,
        parameters: &mut [N],
        memory: &mut [N],
        gradient: &[N],
    ) -> N {
        match self {
            Self::Sgd(sgd) => sgd.update(step, parameters, memory, gradient),
            Self::AdamW(adam) => adam.update(step, parameters, memory, gradient),
        }
    }
}
