//! Deep linear networks under way: the simulator's ensemble, measured exactly.

use thalweg::simulate::{Ensemble, Observation, Snapshot};

use super::error::RunError;
use super::measurements::Measurements;
use super::runnable::{Runnable, Running};
use crate::spec::Experiment;
use crate::store::RunOutcome;

/// An ensemble that knows its slow time.
pub struct LinearRuns {
    ensemble: Ensemble,
    /// η²/B.
    rate: f64,
}

impl LinearRuns {
    fn new(experiment: &Experiment, ensemble: Ensemble) -> Self {
        let settings = &experiment.settings;
        Self {
            ensemble,
            rate: settings.learning_rate.powi(2) / settings.batch as f64,
        }
    }
}

impl Runnable for Experiment {
    type Running = LinearRuns;

    fn seeds(&self) -> &[u64] {
        &self.seeds
    }

    fn steps(&self) -> u64 {
        self.steps
    }

    fn measured_steps(&self) -> Vec<u64> {
        self.measure.steps(self.steps)
    }

    fn start(&self) -> Result<LinearRuns, RunError> {
        let ensemble = Ensemble::start(&self.problem, &self.settings, &self.seeds)?;
        Ok(LinearRuns::new(self, ensemble))
    }

    fn resume(&self, snapshot: Snapshot) -> Result<LinearRuns, RunError> {
        let ensemble = Ensemble::resume(&self.problem, &self.settings, snapshot)?;
        Ok(LinearRuns::new(self, ensemble))
    }
}

impl Running for LinearRuns {
    type State = Snapshot;

    fn step(&self) -> u64 {
        self.ensemble.step()
    }

    fn run_to(&mut self, step: u64) {
        self.ensemble.run_to(step);
    }

    fn measure(&mut self, measurements: &mut Measurements) -> Result<(), RunError> {
        let step = self.ensemble.step();
        let slow_time = self.rate * step as f64;
        let seeds = self.ensemble.seeds().into_iter();
        for (seed, observation) in seeds.zip(self.ensemble.observe()) {
            for (quantity, value) in observation.iter().flat_map(quantities) {
                measurements.push(seed, step, slow_time, &quantity, value);
            }
        }
        Ok(())
    }

    fn state(&self) -> Snapshot {
        self.ensemble.snapshot()
    }

    fn outcomes(&self) -> Vec<RunOutcome> {
        let seeds = self.ensemble.seeds().into_iter();
        seeds
            .zip(self.ensemble.outcomes())
            .map(|(seed, outcome)| RunOutcome::new(seed, outcome))
            .collect()
    }
}

/// What there is to measure; a quantity without a value has no row.
fn quantities(observation: &Observation) -> Vec<(String, f64)> {
    let scalars = [
        ("sharpness", Some(observation.sharpness)),
        ("lambda_max", observation.lambda_max),
        ("fluctuation", Some(observation.fluctuation)),
        (
            "gradient_second_moment",
            Some(observation.gradient_second_moment),
        ),
        ("loss", Some(observation.loss)),
        ("product_error", Some(observation.product_error)),
    ];
    let scalars = scalars.map(|(name, value)| (name.to_owned(), value));
    let conditions = observation.condition_numbers.iter().enumerate();
    let conditions = conditions.map(|(k, value)| (format!("condition_number_{}", k + 1), *value));
    let all = scalars.into_iter().chain(conditions);
    all.filter_map(|(name, value)| Some((name, value?)))
        .collect()
}
