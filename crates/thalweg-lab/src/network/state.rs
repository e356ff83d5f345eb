//! Where all seeds' trainings were: what a checkpoint holds of them.

use thalweg::train::TrainerSnapshot;

use crate::store::{State, put_list, put_outcome, take_list, take_outcome};

/// Every number that a later step or measurement reads.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkState {
    pub(super) step: u64,
    /// One seed's training each.
    pub(super) runs: Vec<TrainerSnapshot>,
}

impl State for NetworkState {
    fn step(&self) -> u64 {
        self.step
    }

    fn encode(&self, put: &mut dyn FnMut(u64)) {
        put(self.step);
        put(self.runs.len() as u64);
        for training in &self.runs {
            put(training.seed);
            put(training.step);
            put_outcome(training.outcome, put);
            put_list(&training.parameters, put);
            put_list(&training.memory, put);
        }
    }

    fn decode(take: &mut dyn FnMut() -> Option<u64>) -> Option<Self> {
        let (step, count) = (take()?, take()?);
        let mut runs = Vec::new();
        for _ in 0..count {
            runs.push(TrainerSnapshot {
                seed: take()?,
                step: take()?,
                outcome: take_outcome(take)?,
                parameters: take_list(take)?,
                memory: take_list(take)?,
            });
        }
        Some(Self { step, runs })
    }
}
