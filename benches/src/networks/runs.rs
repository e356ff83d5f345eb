//! Training as the library does it, many seeds from the drawing of samples to the step.

use std::sync::Arc;

use serde_json::{Value, json};
use thalweg::data::Sampler;
use thalweg::loss::Objective;
use thalweg::optimizer::Sgd;
use thalweg::train::{TrainSettings, Trainer, Training, run_together};

use super::case::Case;
use super::work::mean;
use crate::timed::{Failure, Work};

/// Training as the library does it, samples drawn and all.
pub struct Runs {
    name: String,
    /// Whether the seeds share vector registers.
    together: bool,
    /// Whether another program does the same, from the samples of a teacher on.
    compared: bool,
    training: Training,
    start: Vec<Trainer<f32>>,
    runs: Vec<Trainer<f32>>,
    /// Calls that do not make a step of all seeds yet.
    calls: usize,
}

/// How many seeds there are.
pub const SEEDS: usize = 16;
/// Their learning rate: small, so that no run diverges and stops.
pub const RATE: f64 = 1e-3;
/// Samples of each seed that the loss at the start is estimated from.
const ESTIMATE: usize = 8192;

impl Runs {
    /// Of the network `case` with minibatches of `batch`.
    pub fn name(case: &str, batch: usize) -> String {
        format!("train {case}, {SEEDS} seeds, batch {batch}")
    }

    pub fn new(case: &Case, batch: usize, together: bool) -> Result<Self, Failure> {
        let training = &case.training;
        let settings = TrainSettings {
            optimizer: Sgd::new(RATE),
            batch,
            switch: training.settings().switch,
        };
        let tape = Arc::clone(training.tape());
        let training = Training::new(tape, training.loss(), training.source().clone(), settings)?;
        let runs = (0..SEEDS as u64)
            .map(|seed| Trainer::start(&training, &case.start, seed))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            name: Self::name(case.name, batch),
            together,
            compared: case.teacher.is_some() && batch == case.training.settings().batch,
            training,
            start: runs.clone(),
            runs,
            calls: 0,
        })
    }
}

impl Work for Runs {
    fn name(&self) -> &str {
        &self.name
    }

    fn variant(&self) -> &'static str {
        if self.together {
            "side by side"
        } else {
            "one by one"
        }
    }

    fn restart(&mut self) {
        self.runs.clone_from(&self.start);
        self.calls = 0;
    }

    /// A call is a step of one seed.
    fn repeat(&mut self, calls: usize) -> Result<(), Failure> {
        self.calls += calls;
        let step = self.runs[0].step() + (self.calls / SEEDS) as u64;
        self.calls %= SEEDS;
        if self.together {
            run_together(&self.training, &mut self.runs, step);
        } else {
            for run in &mut self.runs {
                run.run_to(step);
            }
        }
        Ok(())
    }

    fn values(&mut self) -> Result<Value, Failure> {
        if !self.compared {
            return Ok(json!({}));
        }
        let training = &self.training;
        let mut objective =
            Objective::<f32>::new(Arc::clone(training.tape()), training.loss(), ESTIMATE);
        let start = self.start[0].parameters();
        let (mut losses, mut all) = (vec![0.0; ESTIMATE], Vec::new());
        for seed in 0..SEEDS as u64 {
            Sampler::new(training.source(), seed).fill(0, &mut objective);
            objective.sample_losses(start, &mut losses);
            all.push(mean(&losses));
        }
        Ok(json!({ "fresh_loss": all.iter().sum::<f64>() / SEEDS as f64 }))
    }
}
