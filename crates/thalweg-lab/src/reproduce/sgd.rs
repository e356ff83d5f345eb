//! SGD with several seeds beside the slow flow from each seed's own start.

use rayon::prelude::*;
use thalweg::flow::{self, Drift, Times, Trajectory, Validity};
use thalweg::problem::{Problem, Weights, covariance};
use thalweg::simulate::{Data, Ensemble, Init, Observation, Outcome, Precision, Settings};

use super::claim::Range;
use super::{Context, ReproduceError};
use crate::plot::Point;
use crate::run::Estimate;

/// The trials of every run, as in the paper.
pub const SEEDS: [u64; 5] = [1, 2, 3, 4, 5];

/// The last part of a run, over which its end is averaged.
const WINDOW: f64 = 0.8;

/// Between two looks at the stop flag, steps.
const CHUNK: u64 = 200_000;

/// The paper's linear problem: Σx = V = I_d and √Σε = diag(deviations).
pub fn identity_problem(deviations: &[f64], depth: usize) -> Result<Problem, ReproduceError> {
    let d = deviations.len();
    let noise = covariance::from_deviations(deviations);
    let one = || faer::Mat::identity(d, d);
    Ok(Problem::new(one(), one(), noise, depth)?)
}

/// Plain SGD on fresh Gaussian samples.
pub fn plain(learning_rate: f64, batch: usize, init: Init) -> Settings {
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

/// Where a run of `steps` is measured: 45 steps evenly in log t from 10 on, and 20 in the last fifth.
pub fn schedule(steps: u64) -> Vec<u64> {
    let last = steps as f64;
    let early = (0..45).map(|i| 10.0 * (last / 10.0).powf(f64::from(i) / 45.0));
    let late = (0..=20).map(|i| last * (WINDOW + (1.0 - WINDOW) * f64::from(i) / 20.0));
    let mut all: Vec<u64> = early.chain(late).map(|t| t.round() as u64).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// What one seed did.
#[derive(Clone, Debug)]
struct Trial {
    start: Weights,
    /// One for each measured step; nothing from divergence on.
    observed: Vec<Option<Observation>>,
    outcome: Outcome,
}

impl Trial {
    /// A quantity at the measured step of this index.
    fn value(&self, index: usize, measure: Measure<'_>) -> Result<f64, Missing> {
        match (&self.observed[index], self.outcome) {
            (None, Outcome::Diverged { step }) => Err(Missing::Diverged { step }),
            (None, Outcome::Running) => Err(Missing::Undefined),
            (Some(observed), _) => measure(observed)
                .filter(|value| value.is_finite())
                .ok_or(Missing::Undefined),
        }
    }
}

/// Why a seed has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Its weights grew without bound.
    Diverged {
        /// The step at which they did.
        step: u64,
    },
    /// The quantity is infinite or could not be computed.
    Undefined,
}

/// All seeds of one setting.
#[derive(Clone, Debug)]
pub struct Runs {
    problem: Problem,
    settings: Settings,
    /// Where it was measured.
    pub steps: Vec<u64>,
    trials: Vec<Trial>,
}

/// A quantity of one measured network, if it has a value.
pub type Measure<'q> = &'q dyn Fn(&Observation) -> Option<f64>;

/// A quantity of the slow flow.
pub type Quantity<'q> = &'q dyn Fn(&flow::Snapshot) -> f64;

impl Runs {
    /// Runs SGD for `steps`, telling `context` the progress between `from` and `to`.
    ///
    /// # Errors
    /// When the settings do not fit the problem, or the work is to stop.
    pub fn new(
        problem: Problem,
        settings: Settings,
        steps: Vec<u64>,
        context: Context<'_>,
        (from, to): (f64, f64),
    ) -> Result<Self, ReproduceError> {
        let mut ensemble = Ensemble::start(&problem, &settings, &SEEDS)?;
        let mut trials: Vec<Trial> = ensemble
            .weights()
            .into_iter()
            .flatten()
            .map(|start| Trial {
                start,
                observed: Vec::with_capacity(steps.len()),
                outcome: Outcome::Running,
            })
            .collect();
        let last = steps.last().copied().unwrap_or(0).max(1) as f64;
        for &step in &steps {
            while ensemble.step() < step {
                context.tell(from + (to - from) * ensemble.step() as f64 / last)?;
                ensemble.run_to(step.min(ensemble.step() + CHUNK));
            }
            for (trial, observation) in trials.iter_mut().zip(ensemble.observe()) {
                trial.observed.push(observation);
            }
        }
        for (trial, outcome) in trials.iter_mut().zip(ensemble.outcomes()) {
            trial.outcome = outcome;
        }
        Ok(Self {
            problem,
            settings,
            steps,
            trials,
        })
    }

    /// The mean over the seeds that are left at each step, with its standard error.
    pub fn curve(&self, measure: Measure<'_>) -> Vec<Point> {
        let at = |i: usize| -> Vec<f64> {
            self.trials
                .iter()
                .filter_map(|trial| trial.value(i, measure).ok())
                .collect()
        };
        mean_curve(&self.steps, at)
    }

    /// Each seed's mean over the last fifth of the run.
    pub fn end(&self, measure: Measure<'_>) -> PerSeed {
        let each = |trial: &Trial| {
            let values: Result<Vec<f64>, Missing> =
                self.window().map(|i| trial.value(i, measure)).collect();
            Ok(mean(&values?))
        };
        PerSeed(self.trials.iter().map(each).collect())
    }

    /// The values at the measured step of this index.
    pub fn at(&self, index: usize, measure: Measure<'_>) -> PerSeed {
        let each = |trial: &Trial| trial.value(index, measure);
        PerSeed(self.trials.iter().map(each).collect())
    }

    fn window(&self) -> impl Iterator<Item = usize> {
        let first = WINDOW * self.last() as f64;
        (0..self.steps.len()).filter(move |&i| self.steps[i] as f64 >= first)
    }

    /// The budget, steps.
    pub fn last(&self) -> u64 {
        self.steps.last().copied().unwrap_or(0)
    }

    /// The slow flow from each seed's own start, at the same steps.
    ///
    /// # Errors
    /// When gradient flow from a start does not reach the manifold, or the integrator gives up.
    pub fn flows(&self) -> Result<Flows, ReproduceError> {
        self.flows_by(Drift::default())
    }

    /// The same by either drift.
    ///
    /// # Errors
    /// As [`Runs::flows`].
    pub fn flows_by(&self, drift: Drift) -> Result<Flows, ReproduceError> {
        let accuracy = flow::Settings {
            drift,
            ..flow::Settings::default()
        };
        let times = Times::Steps {
            learning_rate: self.settings.learning_rate,
            batch: self.settings.batch,
            steps: self.steps.clone(),
        };
        let each = |trial: &Trial| -> Result<_, ReproduceError> {
            let minimum = flow::descend(&self.problem, &trial.start, &accuracy)?;
            Ok(flow::slow_flow(
                &self.problem,
                &minimum.weights,
                &times,
                &accuracy,
            )?)
        };
        Ok(Flows {
            steps: self.steps.clone(),
            window: self.window().collect(),
            trials: self.trials.par_iter().map(each).collect::<Result<_, _>>()?,
        })
    }

    /// The slow flow's relaxation time at its limit, steps.
    ///
    /// # Errors
    /// When the problem has no such limit.
    pub fn relaxation(&self) -> Result<f64, ReproduceError> {
        let Settings {
            learning_rate,
            batch,
            ..
        } = self.settings;
        Ok(flow::relaxation(&self.problem)?.steps(learning_rate, batch))
    }
}

/// The slow flow from the starts of several runs.
#[derive(Clone, Debug)]
pub struct Flows {
    steps: Vec<u64>,
    window: Vec<usize>,
    trials: Vec<Trajectory>,
}

impl Flows {
    /// The mean over the starts at each step.
    pub fn curve(&self, quantity: Quantity<'_>) -> Vec<Point> {
        let at = |i: usize| {
            self.trials
                .iter()
                .map(|t| quantity(&t.snapshots[i]))
                .collect::<Vec<_>>()
        };
        let mut curve = mean_curve(&self.steps, at);
        // The spread of the starts is the measured band's; the flow's own line carries none.
        for point in &mut curve {
            point.error = 0.0;
        }
        curve
    }

    /// Each start's mean over the last fifth of the steps.
    pub fn end(&self, quantity: Quantity<'_>) -> PerSeed {
        let each = |trial: &Trajectory| {
            let values: Vec<f64> = self
                .window
                .iter()
                .map(|&i| quantity(&trial.snapshots[i]))
                .collect();
            Ok(mean(&values))
        };
        PerSeed(self.trials.iter().map(each).collect())
    }

    /// The mean of [`end`](Self::end) over all starts.
    pub fn mean_end(&self, quantity: Quantity<'_>) -> f64 {
        let ends: Vec<f64> = self.end(quantity).0.into_iter().flatten().collect();
        mean(&ends)
    }

    /// How far the runs beside these flows are from η → 0⁺, at the worst point on the way.
    pub fn range(&self) -> Range {
        let worst = |size: fn(&Validity) -> f64| self.validities().map(size).fold(0.0, f64::max);
        Range {
            stability: worst(|v| v.stability),
            product: worst(|v| v.product_fluctuation),
        }
    }

    /// The same at the limit, where there is one.
    pub fn limit_range(&self) -> Option<Range> {
        let validity = self.validities().next()?;
        Some(Range {
            stability: validity.limit_stability?,
            product: validity.limit_product_fluctuation?,
        })
    }

    fn validities(&self) -> impl Iterator<Item = &Validity> {
        self.trials
            .iter()
            .filter_map(|trial| trial.validity.as_ref())
    }

    /// The trajectories, one for each seed.
    pub fn trials(&self) -> &[Trajectory] {
        &self.trials
    }
}

/// One value for each seed, or why it has none.
#[derive(Clone, Debug, PartialEq)]
pub struct PerSeed(pub Vec<Result<f64, Missing>>);

impl PerSeed {
    /// The mean and its standard error over the seeds that are left.
    ///
    /// # Errors
    /// The reason in words, when fewer than two are left: one alone has no standard error.
    pub fn estimate(&self) -> Result<Estimate, String> {
        let values: Vec<f64> = self.0.iter().flatten().copied().collect();
        let estimate = Estimate::of(&values).filter(|estimate| estimate.count > 1);
        estimate.ok_or_else(|| self.loss())
    }

    /// What became of the seeds without a value.
    fn loss(&self) -> String {
        let step = |value: &Result<f64, Missing>| match value {
            Err(Missing::Diverged { step }) => Some(*step),
            _ => None,
        };
        let steps: Vec<u64> = self.0.iter().filter_map(step).collect();
        let undefined = self.0.iter().filter(|v| **v == Err(Missing::Undefined));
        let (seeds, undefined) = (self.0.len(), undefined.count());
        let mut reasons = Vec::new();
        if let (Some(first), Some(last)) = (steps.iter().min(), steps.iter().max()) {
            let count = steps.len();
            reasons.push(if count == seeds {
                format!("all {seeds} seeds diverged, at steps {first} to {last}")
            } else {
                format!("{count} of {seeds} seeds diverged, at steps {first} to {last}")
            });
        }
        if undefined > 0 {
            reasons.push(format!("{undefined} of {seeds} seeds have no finite value"));
        }
        reasons.join("; ")
    }

    /// Seed by seed, `combine(self, other)`.
    #[must_use]
    pub fn with(&self, other: &Self, combine: impl Fn(f64, f64) -> f64) -> Self {
        let pairs = self.0.iter().zip(&other.0);
        Self(pairs.map(|(a, b)| Ok(combine((*a)?, (*b)?))).collect())
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn mean_curve(steps: &[u64], at: impl Fn(usize) -> Vec<f64>) -> Vec<Point> {
    let point = |(i, &step): (usize, &u64)| {
        let estimate = Estimate::of(&at(i))?;
        Some(Point {
            x: step as f64,
            y: estimate.mean,
            error: estimate.standard_error.unwrap_or(0.0),
        })
    };
    steps.iter().enumerate().filter_map(point).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::super::observable::{CONDITIONS, SHARPNESS};
    use super::super::{Budget, Claim, Verdict};
    use super::*;
    use thalweg::theory::predict;

    fn run(problem: Problem, settings: Settings, steps: u64) -> Runs {
        let context = Context {
            figure: "test",
            budget: Budget::Quick,
            progress: &|_, _| {},
            stop: &AtomicBool::new(false),
        };
        Runs::new(problem, settings, schedule(steps), context, (0.0, 1.0)).unwrap()
    }

    /// η far beyond stability: every claim about such runs still gets its verdict.
    #[test]
    fn divergence_is_a_verdict() {
        let problem = identity_problem(&[1.0, 0.5], 3).unwrap();
        let limit = predict(&problem).unwrap().sharpness;
        let runs = run(problem, plain(3.0, 10, Init::Kaiming { gain: 1.0 }), 1000);
        let flows = runs.flows().unwrap();
        let of_limit = SHARPNESS.against_limit("t", "eq. 14", limit, &runs, &flows);
        for claim in [
            of_limit.unwrap(),
            SHARPNESS.against_flow("t", &runs, &flows),
            CONDITIONS[0].against_flow("t", &runs, &flows),
        ] {
            let judged = claim.judge();
            assert_eq!(judged.verdict, Verdict::NotMeasured, "{judged:?}");
            let reason = judged.reason.unwrap();
            assert!(
                reason.contains("all 5 seeds diverged, at steps"),
                "{reason}"
            );
            assert!(judged.measured.is_none() && judged.predicted.is_some());
        }
        let curve = runs.curve(&SHARPNESS.sgd);
        assert!(curve.iter().all(|point| point.y.is_finite()));
    }

    #[test]
    fn one_seed_alone_is_not_measured() {
        let diverged = |step| Err(Missing::Diverged { step });
        let one = PerSeed(vec![
            Ok(3.0),
            diverged(7),
            Err(Missing::Undefined),
            diverged(90),
        ]);
        assert_eq!(
            one.estimate().unwrap_err(),
            "2 of 4 seeds diverged, at steps 7 to 90; 1 of 4 seeds have no finite value"
        );
    }

    #[test]
    fn the_schedule_ends_at_the_budget_and_fills_the_window() {
        let steps = schedule(100_000);
        assert!(steps.windows(2).all(|w| w[0] < w[1]));
        assert_eq!((steps[0], steps[steps.len() - 1]), (10, 100_000));
        assert!(steps.iter().filter(|&&t| t >= 80_000).count() >= 20);
    }

    /// A run far too short for its limit is told so by the flow, and follows the flow.
    #[test]
    fn a_short_run_cannot_test_a_limit_but_can_follow_the_flow() {
        let problem = identity_problem(&[1.0, 0.1], 2).unwrap();
        let limit = predict(&problem).unwrap().sharpness;
        let settings = plain(0.01, 10, Init::Kaiming { gain: 1.0 });
        let runs = run(problem, settings, 4000);
        let flows = runs.flows().unwrap();
        let claim = SHARPNESS
            .against_limit("t", "eq. 14", limit, &runs, &flows)
            .unwrap();
        assert_eq!(claim.judge().verdict, Verdict::NotAtThisBudget);
        let claim = SHARPNESS.against_flow("t", &runs, &flows);
        assert_eq!(claim.clone().judge().verdict, Verdict::Agrees, "{claim:?}");
        let wrong = Claim {
            predicted: 1.3 * claim.predicted,
            ..claim
        };
        assert_eq!(wrong.judge().verdict, Verdict::Disagrees);
    }

    #[test]
    fn pairs_leave_out_the_diverged() {
        let a = PerSeed(vec![Ok(3.0), Err(Missing::Diverged { step: 4 }), Ok(5.0)]);
        let b = PerSeed(vec![Ok(1.0), Ok(9.0), Ok(1.0)]);
        let estimate = a.with(&b, |a, b| a - b).estimate().unwrap();
        assert_eq!((estimate.mean, estimate.count), (3.0, 2));
    }
}
