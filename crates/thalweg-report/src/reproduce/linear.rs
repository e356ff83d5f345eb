//! Deep linear networks as figures run them.

use thalweg::flow;
use thalweg::problem::{Problem, covariance};
use thalweg::simulate::{InitialWeights, SimulateSettings};

use super::ReproduceError;
use crate::results::Budget;
use thalweg_lab::spec::{Experiment, Schedule, Spacing};

/// The paper's linear problem: Σx = V = I_d and √Σε = diag(deviations).
pub fn identity_problem(deviations: &[f64], depth: usize) -> Result<Problem, ReproduceError> {
    let d = deviations.len();
    let noise = covariance::from_deviations(deviations);
    let one = || faer::Mat::identity(d, d);
    Ok(Problem::new(one(), one(), noise, depth)?)
}

/// Plain SGD on fresh Gaussian samples.
pub fn plain(learning_rate: f64, batch: usize, init: InitialWeights) -> SimulateSettings {
    SimulateSettings {
        init,
        ..SimulateSettings::new(learning_rate, batch)
    }
}

/// Where starts are drawn from in most figures.
pub const KAIMING: InitialWeights = InitialWeights::Kaiming { gain: 1.0 };

/// Measured evenly in log t, and twenty times in the last fifth.
pub const LOGARITHMIC: Schedule = Schedule {
    spacing: Spacing::Log,
    count: 56,
    last_fifth: 20,
};

/// Measured evenly, with thirteen times in the last fifth.
pub const EVEN: Schedule = Schedule {
    spacing: Spacing::Linear,
    count: 61,
    last_fifth: 0,
};

/// Runs of `steps` steps with the trials of `budget`.
pub fn experiment(
    problem: Problem,
    settings: SimulateSettings,
    steps: u64,
    measure: Schedule,
    budget: Budget,
) -> Experiment {
    Experiment {
        name: None,
        problem,
        settings,
        seeds: budget.linear_seeds(),
        steps,
        measure,
    }
}

/// The slow flow's relaxation time at its limit, steps.
///
/// # Errors
/// When the problem has no such limit.
pub fn relaxation(experiment: &Experiment) -> Result<f64, ReproduceError> {
    let SimulateSettings {
        learning_rate,
        batch,
        ..
    } = experiment.settings;
    Ok(flow::relaxation(&experiment.problem)?.steps(learning_rate, batch))
}

#[cfg(test)]
#[path = "linear_tests.rs"]
mod tests;
