//! SGD with several seeds beside the slow flow from each seed's own start.

use rayon::prelude::*;
use thalweg::flow::{self, Drift, Times, Trajectory, Validity};
use thalweg::problem::{Problem, Weights, covariance};
use thalweg::simulate::{Data, Ensemble, Init, Observation, Outcome, Precision, Settings};

use super::claim::Range;
use super::trials::{PerSeed, SEEDS, Trials, mean, mean_curve};
use super::{Context, ReproduceError};
use crate::plot::Point;

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

/// All seeds of one setting.
#[derive(Clone, Debug)]
pub struct Runs {
    problem: Problem,
    settings: Settings,
    starts: Vec<Weights>,
    /// What was measured.
    pub trials: Trials<Observation>,
}

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
        let starts: Vec<Weights> = ensemble.weights().into_iter().flatten().collect();
        let mut trials = Trials::new(steps, &SEEDS);
        let last = trials.last().max(1) as f64;
        for step in trials.steps.clone() {
            while ensemble.step() < step {
                context.tell(from + (to - from) * ensemble.step() as f64 / last)?;
                ensemble.run_to(step.min(ensemble.step() + CHUNK));
            }
            trials.observe(ensemble.observe());
        }
        trials.conclude(
            ensemble
                .outcomes()
                .into_iter()
                .map(|outcome| match outcome {
                    Outcome::Running => None,
                    Outcome::Diverged { step } => Some(step),
                }),
        );
        Ok(Self {
            problem,
            settings,
            starts,
            trials,
        })
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
            steps: self.trials.steps.clone(),
        };
        let each = |start: &Weights| -> Result<_, ReproduceError> {
            let minimum = flow::descend(&self.problem, start, &accuracy)?;
            Ok(flow::slow_flow(
                &self.problem,
                &minimum.weights,
                &times,
                &accuracy,
            )?)
        };
        Ok(Flows {
            steps: self.trials.steps.clone(),
            window: self.trials.window().collect(),
            trials: self.starts.par_iter().map(each).collect::<Result<_, _>>()?,
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::super::network::Kept;
    use super::super::observable::{CONDITIONS, SHARPNESS};
    use super::super::trials::schedule;
    use super::super::{Budget, Claim, Verdict};
    use super::*;
    use thalweg::theory::predict;

    fn run(problem: Problem, settings: Settings, steps: u64) -> Runs {
        let context = Context {
            figure: "test",
            budget: Budget::Quick,
            progress: &|_, _| {},
            kept: &Kept::default(),
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
                reason.starts_with("0 of 5 seeds are left: seed 1 diverged at step")
                    && reason.contains("seed 5 diverged at step"),
                "{reason}"
            );
            assert!(judged.measured.is_none() && judged.predicted.is_some());
        }
        let curve = runs.trials.curve(&SHARPNESS.sgd);
        assert!(curve.iter().all(|point| point.y.is_finite()));
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
}
