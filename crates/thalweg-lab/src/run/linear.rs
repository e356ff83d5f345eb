//! Deep linear networks under way: the simulator's ensemble, measured exactly.

use thalweg::simulate::{self, Ensemble, EnsembleSnapshot};

use super::error::RunError;
use super::measurements::Measurements;
use super::runnable::{Runnable, Running};
use crate::memory;
use crate::quantity::{self, Quantity};
use crate::spec::Experiment;
use crate::store::RunOutcome;

/// An ensemble that knows its slow time.
pub struct LinearRuns {
    ensemble: Ensemble,
    /// η²/B.
    rate: f64,
    quantities: Vec<Quantity>,
}

impl LinearRuns {
    fn new(experiment: &Experiment, ensemble: Ensemble) -> Self {
        let settings = &experiment.settings;
        Self {
            ensemble,
            rate: settings.learning_rate.powi(2) / settings.batch as f64,
            quantities: quantity::simulated(experiment.problem.depth()),
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
        memory::fits(
            self.memory(),
            // λ_max is that of an operator on d_y × d_x matrices.
            memory::multiplying(self.problem.input_dim() * self.problem.output_dim()),
            "fewer seeds, a smaller dimension, data set or switch.samples, or fewer measured steps need less",
        )?;
        let ensemble = Ensemble::start(&self.problem, &self.settings, &self.seeds)?;
        Ok(LinearRuns::new(self, ensemble))
    }

    fn resume(&self, snapshot: EnsembleSnapshot) -> Result<LinearRuns, RunError> {
        let ensemble = Ensemble::resume(&self.problem, &self.settings, snapshot)?;
        Ok(LinearRuns::new(self, ensemble))
    }
}

impl Experiment {
    /// Bytes that all runs take, with what is measured of them.
    pub fn memory(&self) -> u64 {
        let (seeds, threads) = (self.seeds.len(), rayon::current_num_threads());
        let runs = simulate::memory(self.problem.widths(), &self.settings, seeds, threads);
        let quantities = quantity::simulated(self.problem.depth()).len();
        let rows = self.measured_steps().len() * seeds * quantities;
        runs.saturating_add(Measurements::memory(rows))
    }
}

impl Running for LinearRuns {
    type State = EnsembleSnapshot;

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
            let Some(observation) = observation else {
                continue;
            };
            for quantity in &self.quantities {
                // One without a value has no row.
                if let Some(value) = quantity.simulated(&observation) {
                    measurements.push(seed, step, slow_time, &quantity.key, value);
                }
            }
        }
        Ok(())
    }

    fn state(&self) -> EnsembleSnapshot {
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
