//! One training step, for a single run and for several in lanes.

use std::sync::Arc;

use super::method::Room;
use super::{Method, Training};
use crate::loss::Objective;
use crate::outcome::DIVERGED;
use crate::tensor::{Number, Real};

/// A batch and what a step computes of it, of one run or with one number for each of several.
#[derive(Clone, Debug)]
pub(super) struct Step<N> {
    /// Holds the batch.
    pub objective: Objective<N>,
    gradient: Vec<N>,
    pub room: Room<N>,
}

impl<N: Number> Step<N> {
    /// With room for a minibatch of `training`.
    pub fn new<M: Method>(training: &Training<M>) -> Self {
        let (tape, batch) = (training.tape(), training.settings().batch);
        let needs = training.settings().optimizer.needs();
        let parameters = tape.parameter_count();
        let objective = |batch| Objective::new(Arc::clone(tape), training.loss(), batch);
        Self {
            gradient: vec![N::ZERO; parameters],
            room: Room {
                ascent: needs.ascent.then(|| objective(batch)),
                part: (needs.parts > 1).then(|| objective(batch / needs.parts)),
                vectors: vec![N::ZERO; needs.vectors * parameters],
            },
            objective: objective(batch),
        }
    }

    /// Takes step number `step` on the batch. Returns ‖θ‖² after it.
    pub fn take<M: Method>(
        &mut self,
        method: &M,
        step: u64,
        parameters: &mut [N],
        memory: &mut [N],
    ) -> N {
        let Self {
            objective,
            gradient,
            room,
        } = self;
        method.gradient(step, objective, parameters, room, gradient);
        method.update(step, parameters, memory, gradient)
    }
}

/// What is added to a step's number for the random changes of its second minibatch.
pub(super) const ASCENT: u64 = 1 << 63;

/// Whether a run of ‖θ‖² goes on. A norm that is not a number is not below either.
pub(super) fn bounded<T: Real>(squared: T) -> bool {
    squared.to_f64() < DIVERGED
}
