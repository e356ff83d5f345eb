//! Deep linear networks as figures run them, and the slow flow beside each trial.

use rayon::prelude::*;
use thalweg::flow::{self, Drift, Trajectory, Validity};
use thalweg::problem::{Problem, covariance};
use thalweg::simulate::{Data, Ensemble, InitialWeights, Precision, Settings};
use thalweg::theory::predict;

use super::ReproduceError;
use crate::claims::Range;
use crate::plot::Point;
use crate::results::Budget;
use crate::statistics::{Missing, PerTrial, Trials};
use thalweg_lab::compare::{EXACT_DRIFT, NoAnswer, Question, SLOW_FLOW, Seed};
use thalweg_lab::quantity::{self, Quantity, SHARPNESS, average};
use thalweg_lab::spec::{Experiment, Schedule, Spacing};

/// The paper's linear problem: Σx = V = I_d and √Σε = diag(deviations).
pub fn identity_problem(deviations: &[f64], depth: usize) -> Result<Problem, ReproduceError> {
    let d = deviations.len();
    let noise = covariance::from_deviations(deviations);
    let one = || faer::Mat::identity(d, d);
    Ok(Problem::new(one(), one(), noise, depth)?)
}

/// Plain SGD on fresh Gaussian samples.
pub fn plain(learning_rate: f64, batch: usize, init: InitialWeights) -> Settings {
    Settings {
        learning_rate,
        batch,
        momentum: 0.0,
        weight_decay: 0.0,
        data: Data::default(),
        init,
        switch: None,
        precision: Precision::F64,
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
    settings: Settings,
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

/// The slow flow's path from each trial's own start, at the steps at which its SGD was measured: as `simulate` has it
/// beside a run.
///
/// # Errors
/// When the descent from a start does not reach the minima, or the integrator gives up.
pub fn flows(
    (experiment, trials): (&Experiment, &Trials),
    drift: Drift,
) -> Result<Flows, ReproduceError> {
    let predictor = match drift {
        Drift::Symmetric => SLOW_FLOW,
        Drift::Exact => EXACT_DRIFT,
    };
    let starts = starts(experiment)?;
    let question = Question {
        problem: &experiment.problem,
        settings: &experiment.settings,
        starts: &starts,
        steps: &trials.steps,
    };
    let ends = trials.end(&SHARPNESS.key).0;
    let each = starts.par_iter().zip(ends).map(|(seed, end)| {
        match (predictor.path(&question, seed), end) {
            (Ok(path), _) => Ok(Ok(path)),
            // Where SGD diverged, so may the descent that the path begins with.
            (Err(_), Err(missing)) => Ok(Err(missing)),
            (Err(none), Ok(_)) => Err(none),
        }
    });
    Ok(Flows {
        steps: trials.steps.clone(),
        each: each.collect::<Result<_, NoAnswer>>()?,
    })
}

/// Where the trials begin.
///
/// # Errors
/// When the settings do not fit the problem.
pub fn starts(experiment: &Experiment) -> Result<Vec<Seed>, ReproduceError> {
    let Experiment {
        problem,
        settings,
        seeds,
        ..
    } = experiment;
    let ensemble = Ensemble::start(problem, settings, seeds)?;
    let starts = ensemble.weights().into_iter().zip(seeds);
    starts
        .map(|(start, &seed)| match start {
            Some(start) => Ok(Seed { seed, start }),
            None => Err(ReproduceError::NoStart { seed }),
        })
        .collect()
}

/// The exact limit of `quantity` in `experiment`.
///
/// # Errors
/// When the problem has no such limit.
pub fn limit(quantity: &Quantity, experiment: &Experiment) -> Result<f64, ReproduceError> {
    let prediction = predict(&experiment.problem)?;
    Ok(quantity.at_limit(&(&prediction).into()).unwrap_or(f64::NAN))
}

/// The slow flow's relaxation time at its limit, steps.
///
/// # Errors
/// When the problem has no such limit.
pub fn relaxation(experiment: &Experiment) -> Result<f64, ReproduceError> {
    let Settings {
        learning_rate,
        batch,
        ..
    } = experiment.settings;
    Ok(flow::relaxation(&experiment.problem)?.steps(learning_rate, batch))
}

/// The slow flow from the starts of several trials.
#[derive(Clone, Debug)]
pub struct Flows {
    steps: Vec<u64>,
    /// For each trial; none where it diverged, and its descent with it.
    each: Vec<Result<Trajectory, Missing>>,
}

impl Flows {
    /// The mean over the starts at each step; the spread of the starts is the measured band's.
    pub fn curve(&self, quantity: &Quantity) -> Vec<Point> {
        let at = |(i, &step): (usize, &u64)| {
            let values: Vec<f64> = self
                .each()
                .filter_map(|flow| quantity.on_flow(&flow.snapshots[i]))
                .collect();
            Some(Point::exact(step as f64, average(&values)?))
        };
        self.steps.iter().enumerate().filter_map(at).collect()
    }

    /// Each start's mean over the last fifth of the steps.
    pub fn end(&self, quantity: &Quantity) -> PerTrial {
        let end = quantity::end(self.steps.last().copied().unwrap_or(0));
        let each = |flow: &Result<Trajectory, Missing>| {
            let flow = flow.as_ref().map_err(|missing| *missing)?;
            let snapshots = flow.snapshots.iter().zip(&self.steps);
            let snapshots = snapshots.filter(|(_, step)| end.contains(step));
            let values = snapshots.filter_map(|(snapshot, _)| quantity.on_flow(snapshot));
            Ok(average(&values.collect::<Vec<_>>()).unwrap_or(f64::NAN))
        };
        PerTrial(self.each.iter().map(each).collect())
    }

    /// The mean of [`end`](Self::end) over all starts.
    pub fn mean_end(&self, quantity: &Quantity) -> f64 {
        let ends: Vec<f64> = self.end(quantity).0.into_iter().flatten().collect();
        average(&ends).unwrap_or(f64::NAN)
    }

    /// How far the runs beside these flows are from η → 0⁺, at the worst point on the way.
    pub fn range(&self) -> Range {
        let worst = |size: fn(&Validity) -> f64| self.validities().map(size).fold(0.0, f64::max);
        Range {
            stability: worst(|v| v.stability),
            product: worst(|v| v.relative_weighted_fluctuation),
        }
    }

    /// The same at the limit, where there is one.
    pub fn limit_range(&self) -> Option<Range> {
        let validity = self.validities().next()?;
        Some(Range {
            stability: validity.limit_stability?,
            product: validity.limit_relative_weighted_fluctuation?,
        })
    }

    fn validities(&self) -> impl Iterator<Item = &Validity> {
        self.each().filter_map(|flow| flow.validity.as_ref())
    }

    /// The paths, one for each trial that has one.
    pub fn each(&self) -> impl Iterator<Item = &Trajectory> {
        self.each.iter().flatten()
    }
}

#[cfg(test)]
#[path = "linear_tests.rs"]
mod tests;
