//! What several seeds of one setting did: curves, ends and standard errors over the seeds.

use crate::plot::Point;
use crate::run::Estimate;

/// The trials of every run, as in the paper.
pub const SEEDS: [u64; 5] = [1, 2, 3, 4, 5];

/// The last part of a run, over which its end is averaged.
const WINDOW: f64 = 0.8;

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
struct Trial<O> {
    seed: u64,
    /// One for each measured step; nothing from divergence on.
    observed: Vec<Option<O>>,
    /// The step at which it diverged, if it did.
    diverged_at: Option<u64>,
}

impl<O> Trial<O> {
    /// A quantity at the measured step of this index.
    fn value(&self, index: usize, measure: Measure<'_, O>) -> Result<f64, Missing> {
        match (&self.observed[index], self.diverged_at) {
            (None, diverged_at) => Err(Missing {
                seed: self.seed,
                diverged_at,
            }),
            (Some(observed), _) => {
                measure(observed)
                    .filter(|value| value.is_finite())
                    .ok_or(Missing {
                        seed: self.seed,
                        diverged_at: None,
                    })
            }
        }
    }
}

/// A seed without a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Which one.
    pub seed: u64,
    /// The step at which its weights grew without bound; otherwise the quantity is infinite or could not
    /// be computed.
    pub diverged_at: Option<u64>,
}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.diverged_at {
            Some(step) => write!(f, "seed {} diverged at step {step}", self.seed),
            None => write!(f, "seed {} has no finite value", self.seed),
        }
    }
}

/// A quantity of one measured network, if it has a value.
pub type Measure<'q, O> = &'q dyn Fn(&O) -> Option<f64>;

/// All seeds of one setting, each measured at the same steps; O is what one measurement holds.
#[derive(Clone, Debug)]
pub struct Trials<O> {
    /// Where they were measured.
    pub steps: Vec<u64>,
    each: Vec<Trial<O>>,
}

impl<O> Trials<O> {
    /// Trials without measurements yet.
    pub fn new(steps: Vec<u64>, seeds: &[u64]) -> Self {
        let trial = |&seed| Trial {
            seed,
            observed: Vec::with_capacity(steps.len()),
            diverged_at: None,
        };
        Self {
            each: seeds.iter().map(trial).collect(),
            steps,
        }
    }

    /// Adds each seed's measurement at the next step.
    pub fn observe(&mut self, observations: impl IntoIterator<Item = Option<O>>) {
        for (trial, observation) in self.each.iter_mut().zip(observations) {
            trial.observed.push(observation);
        }
    }

    /// Says at which step each seed diverged, if it did.
    pub fn conclude(&mut self, diverged_at: impl IntoIterator<Item = Option<u64>>) {
        for (trial, step) in self.each.iter_mut().zip(diverged_at) {
            trial.diverged_at = step;
        }
    }

    /// The mean over the seeds that are left at each step, with its standard error.
    pub fn curve(&self, measure: Measure<'_, O>) -> Vec<Point> {
        let at = |i: usize| -> Vec<f64> {
            self.each
                .iter()
                .filter_map(|trial| trial.value(i, measure).ok())
                .collect()
        };
        mean_curve(&self.steps, at)
    }

    /// Each seed's mean over the last fifth of the run.
    pub fn end(&self, measure: Measure<'_, O>) -> PerSeed {
        let each = |trial: &Trial<O>| {
            let values: Result<Vec<f64>, Missing> =
                self.window().map(|i| trial.value(i, measure)).collect();
            Ok(mean(&values?))
        };
        PerSeed(self.each.iter().map(each).collect())
    }

    /// The values at the measured step of this index.
    pub fn at(&self, index: usize, measure: Measure<'_, O>) -> PerSeed {
        let each = |trial: &Trial<O>| trial.value(index, measure);
        PerSeed(self.each.iter().map(each).collect())
    }

    /// The indices of the last fifth's steps.
    pub fn window(&self) -> impl Iterator<Item = usize> {
        let first = WINDOW * self.last() as f64;
        (0..self.steps.len()).filter(move |&i| self.steps[i] as f64 >= first)
    }

    /// The budget, steps.
    pub fn last(&self) -> u64 {
        self.steps.last().copied().unwrap_or(0)
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
    pub fn estimate(&self) -> Result<OverSeeds, String> {
        let values: Vec<f64> = self.0.iter().flatten().copied().collect();
        let missing: Vec<String> = self.missing().map(Missing::to_string).collect();
        let missing = missing.join(", ");
        match Estimate::of(&values).filter(|estimate| estimate.count > 1) {
            Some(estimate) => Ok(OverSeeds {
                estimate,
                left_out: (!missing.is_empty()).then_some(missing),
            }),
            None => Err(format!(
                "{} of {} seeds are left: {missing}",
                values.len(),
                self.0.len()
            )),
        }
    }

    fn missing(&self) -> impl Iterator<Item = &Missing> {
        self.0.iter().filter_map(|value| value.as_ref().err())
    }

    /// Seed by seed, `combine(self, other)`.
    #[must_use]
    pub fn with(&self, other: &Self, combine: impl Fn(f64, f64) -> f64) -> Self {
        let pairs = self.0.iter().zip(&other.0);
        Self(pairs.map(|(a, b)| Ok(combine((*a)?, (*b)?))).collect())
    }
}

/// A mean over the seeds that are left.
#[derive(Clone, Debug, PartialEq)]
pub struct OverSeeds {
    /// The mean and its standard error.
    pub estimate: Estimate,
    /// Which seeds are not in it and why, if there are any.
    pub left_out: Option<String>,
}

/// Their mean.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The mean of `at` each step with its standard error.
pub fn mean_curve(steps: &[u64], at: impl Fn(usize) -> Vec<f64>) -> Vec<Point> {
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
    use super::*;

    fn missing(seed: u64, diverged_at: Option<u64>) -> Result<f64, Missing> {
        Err(Missing { seed, diverged_at })
    }

    #[test]
    fn one_seed_alone_is_not_measured_and_the_others_are_named() {
        let one = PerSeed(vec![
            Ok(3.0),
            missing(2, Some(7)),
            missing(3, None),
            missing(4, Some(90)),
        ]);
        assert_eq!(
            one.estimate().unwrap_err(),
            "1 of 4 seeds are left: seed 2 diverged at step 7, seed 3 has no finite value, seed 4 diverged at step 90"
        );
    }

    #[test]
    fn the_schedule_ends_at_the_budget_and_fills_the_window() {
        let steps = schedule(100_000);
        assert!(steps.windows(2).all(|w| w[0] < w[1]));
        assert_eq!((steps[0], steps[steps.len() - 1]), (10, 100_000));
        assert!(steps.iter().filter(|&&t| t >= 80_000).count() >= 20);
    }

    #[test]
    fn pairs_leave_out_the_diverged_and_say_so() {
        let a = PerSeed(vec![Ok(3.0), missing(2, Some(4)), Ok(5.0)]);
        let b = PerSeed(vec![Ok(1.0), Ok(9.0), Ok(1.0)]);
        let over = a.with(&b, |a, b| a - b).estimate().unwrap();
        assert_eq!((over.estimate.mean, over.estimate.count), (3.0, 2));
        assert_eq!(over.left_out.unwrap(), "seed 2 diverged at step 4");
        assert_eq!(b.estimate().unwrap().left_out, None);
    }
}
