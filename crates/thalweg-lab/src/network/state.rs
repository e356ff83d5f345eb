//! Where all seeds' trainings were: what a checkpoint holds of them.

use thalweg::train::TrainerSnapshot;

use crate::store::{State, put_list, put_outcome, take_list, take_outcome};

/// Every number that a later step or measurement reads.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkState {
    pub(super) step: u64,
    pub(super) runs: Vec<Run>,
}

/// One seed's training.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Run {
    pub(super) training: TrainerSnapshot,
    /// The bits of the eigenvector that its next measurement starts from; empty before the first.
    pub(super) leading: Vec<u64>,
}

impl NetworkState {
    /// The trainings at `step`, with the eigenvector of each.
    pub(super) fn new(step: u64, trainings: Vec<TrainerSnapshot>, leading: &[Vec<f64>]) -> Self {
        let run = |(training, leading): (TrainerSnapshot, &Vec<f64>)| Run {
            training,
            leading: leading.iter().map(|x| x.to_bits()).collect(),
        };
        Self {
            step,
            runs: trainings.into_iter().zip(leading).map(run).collect(),
        }
    }

    /// The eigenvectors.
    pub(super) fn leading(&self) -> Vec<Vec<f64>> {
        let vector = |run: &Run| run.leading.iter().map(|&x| f64::from_bits(x)).collect();
        self.runs.iter().map(vector).collect()
    }
}

impl State for NetworkState {
    fn step(&self) -> u64 {
        self.step
    }

    fn encode(&self, put: &mut dyn FnMut(u64)) {
        put(self.step);
        put(self.runs.len() as u64);
        for Run { training, leading } in &self.runs {
            put(training.seed);
            put(training.step);
            put_outcome(training.outcome, put);
            put_list(&training.parameters, put);
            put_list(&training.memory, put);
            put_list(leading, put);
        }
    }

    fn decode(take: &mut dyn FnMut() -> Option<u64>) -> Option<Self> {
        let (step, count) = (take()?, take()?);
        let mut runs = Vec::new();
        for _ in 0..count {
            let training = TrainerSnapshot {
                seed: take()?,
                step: take()?,
                outcome: take_outcome(take)?,
                parameters: take_list(take)?,
                memory: take_list(take)?,
            };
            let leading = take_list(take)?;
            runs.push(Run { training, leading });
        }
        Some(Self { step, runs })
    }
}
