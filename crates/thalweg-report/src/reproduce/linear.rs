//! Deep linear networks as figures run them, and the slow flow beside each trial.

use rayon::prelude::*;
use thalweg::flow::{self, Drift, Times, Trajectory, Validity};
use thalweg::problem::{Problem, Weights, covariance};
use thalweg::simulate::{Data, Ensemble, InitialWeights, Precision, Settings};
use thalweg::theory::predict;

use super::ReproduceError;
use crate::claims::Range;
use crate::plot::Point;
use crate::results::Budget;
use crate::statistics::{PerTrial, Trials};
use thalweg_lab::quantity::{self, Quantity, average};
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

/// The slow flow from each trial's own start, at the steps at which its SGD was measured.
///
/// # Errors
/// When gradient flow from a start does not reach the manifold, or the integrator gives up.
pub fn flows(
    (experiment, trials): (&Experiment, &Trials),
    drift: Drift,
) -> Result<Flows, ReproduceError> {
    let Settings {
        learning_rate,
        batch,
        ..
    } = experiment.settings;
    let accuracy = flow::Settings {
        drift,
        ..flow::Settings::default()
    };
    let times = Times::Steps {
        learning_rate,
        batch,
        steps: trials.steps.clone(),
    };
    let each = |start: &Weights| -> Result<Trajectory, ReproduceError> {
        let minimum = flow::descend(&experiment.problem, start, &accuracy)?;
        let minimum = &minimum.weights;
        Ok(flow::slow_flow(
            &experiment.problem,
            minimum,
            &times,
            &accuracy,
        )?)
    };
    Ok(Flows {
        steps: trials.steps.clone(),
        each: starts(experiment)?
            .par_iter()
            .map(each)
            .collect::<Result<_, _>>()?,
    })
}

/// Where the trials begin.
///
/// # Errors
/// When the settings do not fit the problem.
pub fn starts(experiment: &Experiment) -> Result<Vec<Weights>, ReproduceError> {
    let Experiment {
        problem,
        settings,
        seeds,
        ..
    } = experiment;
    let ensemble = Ensemble::start(problem, settings, seeds)?;
    let starts: Vec<Weights> = ensemble.weights().into_iter().flatten().collect();
    match seeds.get(starts.len()) {
        None => Ok(starts),
        Some(&seed) => Err(ReproduceError::NoStart { seed }),
    }
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
    each: Vec<Trajectory>,
}

impl Flows {
    /// The mean over the starts at each step; the spread of the starts is the measured band's.
    pub fn curve(&self, quantity: &Quantity) -> Vec<Point> {
        let at = |(i, &step): (usize, &u64)| {
            let values = self.each.iter();
            let values: Vec<f64> = values
                .filter_map(|flow| quantity.on_flow(&flow.snapshots[i]))
                .collect();
            Some(Point::exact(step as f64, average(&values)?))
        };
        self.steps.iter().enumerate().filter_map(at).collect()
    }

    /// Each start's mean over the last fifth of the steps.
    pub fn end(&self, quantity: &Quantity) -> PerTrial {
        let end = quantity::end(self.steps.last().copied().unwrap_or(0));
        let each = |flow: &Trajectory| {
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
        self.each.iter().filter_map(|flow| flow.validity.as_ref())
    }

    /// The trajectories, one for each trial.
    pub fn each(&self) -> &[Trajectory] {
        &self.each
    }
}

#[cfg(test)]
#[path = "linear_tests.rs"]
mod tests;
