//! Deep linear networks as figures run them.

use thalweg::flow;
use thalweg::problem::{Problem, Weights, covariance};
use thalweg::recipe::Forces;
use thalweg::simulate::{InitialWeights, SimulateSettings};
use thalweg::theory::{Minimum, predict};

use super::ReproduceError;
use crate::results::Budget;
use thalweg_lab::compare::starts;
use thalweg_lab::spec::{Experiment, Schedule, Spacing};

/// The paper's linear problem: Σx = V = I_d and √Σε = diag(deviations).
pub fn identity_problem(deviations: &[f64], depth: usize) -> Result<Problem, ReproduceError> {
    let d = deviations.len();
    let noise = covariance::from_deviations(deviations);
    let one = || faer::Mat::identity(d, d);
    Ok(Problem::new(one(), one(), noise, depth)?)
}

/// D = 2, Σx = I_2, V = diag(1.5, 0.5), and √Σε = diag(1, 0.2) in axes turned by `angle` degrees against V's.
pub fn turned_problem(angle: f64) -> Result<Problem, ReproduceError> {
    let (sine, cosine) = angle.to_radians().sin_cos();
    let axes = faer::mat![[cosine, -sine], [sine, cosine]];
    let noise = &axes * covariance::from_deviations(&[1.0, 0.2]) * axes.transpose();
    let teacher = faer::mat![[1.5, 0.0], [0.0, 0.5]];
    Ok(Problem::new(faer::Mat::identity(2, 2), teacher, noise, 2)?)
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

/// Theorem 1's minimum of `problem`, as a start.
///
/// # Errors
/// When there is none.
pub fn at_theorem_1(problem: &Problem) -> Result<InitialWeights, ReproduceError> {
    let minimum = Minimum::of_sgd(problem)?.weights()?;
    Ok(InitialWeights::Given(minimum))
}

/// The minimum to which gradient flow takes the Kaiming start of `seed`.
///
/// # Errors
/// When the start is not finite, or the flow rests elsewhere.
pub fn minimum_from(problem: &Problem, seed: u64) -> Result<Weights, ReproduceError> {
    let start = starts(problem, &plain(0.01, 1, KAIMING), &[seed])?.pop();
    let start = start.ok_or(ReproduceError::NoStart { seed })?.start;
    Ok(flow::descend(problem, &start, &flow::FlowSettings::default())?.weights)
}

/// T where SGD ends as η → 0 (Theorem 1), and T of the flattest minimum.
///
/// # Errors
/// When the problem has no such end.
pub fn end_and_flattest(problem: &Problem) -> Result<(f64, f64), ReproduceError> {
    let end = predict(problem)?;
    Ok((end.sharpness, end.min_sharpness))
}

/// Measured evenly in log t, and two hundred times in the last fifth: where SGD fluctuates by a tenth of T and more, the mean over it is
/// then known to a fraction of a per cent.
pub const LOGARITHMIC: Schedule = Schedule {
    spacing: Spacing::Log,
    count: 56,
    last_fifth: 200,
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

/// The slow flow's relaxation time at Theorem 1's minimum of what is learnt, steps.
///
/// # Errors
/// When the problem has no such limit.
pub fn relaxation(experiment: &Experiment) -> Result<f64, ReproduceError> {
    let SimulateSettings {
        learning_rate,
        batch,
        recipe,
        ..
    } = &experiment.settings;
    let learnt = recipe.problem(&experiment.problem)?;
    Ok(flow::relaxation(&learnt, Forces::default())?
        .steps(recipe.effective_rate(*learning_rate), *batch))
}

#[cfg(test)]
#[path = "linear_tests.rs"]
mod tests;
