//! What a checkpoint holds of a run, as a row of 64-bit words.

use thalweg::outcome::Outcome;
use thalweg::simulate::{EnsembleSnapshot, RunState};

/// Every number that a later step of a run reads.
pub trait State: Sized {
    /// The step it was taken at.
    fn step(&self) -> u64;

    /// Gives its words, one after another, to `put`.
    fn encode(&self, put: &mut dyn FnMut(u64));

    /// The state whose words `take` gives, or nothing if they are not those of one.
    fn decode(take: &mut dyn FnMut() -> Option<u64>) -> Option<Self>;
}

/// A list as its length and then its items.
pub fn put_list(list: &[u64], put: &mut dyn FnMut(u64)) {
    put(list.len() as u64);
    list.iter().for_each(|word| put(*word));
}

/// What [`put_list`] gave.
pub fn take_list(take: &mut dyn FnMut() -> Option<u64>) -> Option<Vec<u64>> {
    (0..take()?).map(|_| take()).collect()
}

/// An outcome, as two words.
pub fn put_outcome(outcome: Outcome, put: &mut dyn FnMut(u64)) {
    let (diverged, step) = match outcome {
        Outcome::Running => (0, 0),
        Outcome::Diverged { step } => (1, step),
    };
    put(diverged);
    put(step);
}

/// What [`put_outcome`] gave.
pub fn take_outcome(take: &mut dyn FnMut() -> Option<u64>) -> Option<Outcome> {
    Some(match (take()?, take()?) {
        (0, _) => Outcome::Running,
        (_, step) => Outcome::Diverged { step },
    })
}

impl State for EnsembleSnapshot {
    fn step(&self) -> u64 {
        self.step
    }

    fn encode(&self, put: &mut dyn FnMut(u64)) {
        put(self.step);
        put(self.runs.len() as u64);
        for run in &self.runs {
            put(run.seed);
            put_outcome(run.outcome, put);
            put_list(&run.weights, put);
            put_list(&run.velocity, put);
        }
    }

    fn decode(take: &mut dyn FnMut() -> Option<u64>) -> Option<Self> {
        let (step, count) = (take()?, take()?);
        let mut runs = Vec::new();
        for _ in 0..count {
            runs.push(RunState {
                seed: take()?,
                outcome: take_outcome(take)?,
                weights: take_list(take)?,
                velocity: take_list(take)?,
            });
        }
        Some(Self { step, runs })
    }
}
