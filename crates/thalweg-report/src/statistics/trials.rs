//! What several trials of one setting did: curves, ends and standard errors over the trials.

use std::collections::HashMap;

use super::per_trial::{Missing, PerTrial};
use super::point::Point;
use thalweg_lab::quantity::{average, end};
use thalweg_lab::run::{Measurements, MemoryRun, SeedMean};
use thalweg_lab::store::RunOutcome;

/// All trials of one setting, each measured at the same steps.
#[derive(Clone, Debug)]
pub struct Trials {
    /// Where they were measured, ascending.
    pub steps: Vec<u64>,
    seeds: Vec<u64>,
    /// The step at which each diverged, if it did.
    diverged_at: Vec<Option<u64>>,
    /// By quantity, trial and step; nothing from divergence on.
    values: HashMap<String, Vec<Vec<Option<f64>>>>,
    /// The same as a table.
    pub measurements: Measurements,
}

impl Trials {
    /// `made`, which ran `seeds` and was measured at `steps`.
    pub fn new(steps: Vec<u64>, seeds: &[u64], made: MemoryRun) -> Self {
        let place: HashMap<u64, usize> = steps.iter().enumerate().map(|(i, &t)| (t, i)).collect();
        let mut values = HashMap::new();
        for quantity in made.measurements.quantities() {
            let of_seed = |&seed: &u64| {
                let mut column = vec![None; steps.len()];
                for point in made.measurements.series(quantity, seed) {
                    if let Some(&i) = place.get(&point.step) {
                        column[i] = Some(point.value);
                    }
                }
                column
            };
            values.insert(quantity.clone(), seeds.iter().map(of_seed).collect());
        }
        Self {
            steps,
            seeds: seeds.to_vec(),
            diverged_at: made
                .outcomes
                .iter()
                .map(|outcome| outcome.diverged_at)
                .collect(),
            values,
            measurements: made.measurements,
        }
    }

    /// What became of each.
    pub fn outcomes(&self) -> Vec<RunOutcome> {
        let outcomes = self.seeds.iter().zip(&self.diverged_at);
        outcomes
            .map(|(&seed, &diverged_at)| RunOutcome { seed, diverged_at })
            .collect()
    }

    /// How many trials there are.
    pub fn count(&self) -> usize {
        self.seeds.len()
    }

    /// A quantity of one trial at the measured step of this index.
    fn value(&self, quantity: &str, trial: usize, index: usize) -> Result<f64, Missing> {
        let columns = self.values.get(quantity);
        let value = columns.and_then(|columns| columns[trial][index]);
        value
            .filter(|value| value.is_finite())
            .ok_or_else(|| Missing {
                seed: self.seeds[trial],
                diverged_at: self.diverged_at[trial].filter(|&step| step <= self.steps[index]),
            })
    }

    fn each(&self, value: impl Fn(usize) -> Result<f64, Missing>) -> PerTrial {
        PerTrial((0..self.count()).map(value).collect())
    }

    /// The mean over the trials that are left at each step, with its standard error.
    pub fn curve(&self, quantity: &str) -> Vec<Point> {
        let point = |(i, &step): (usize, &u64)| {
            let values: Vec<f64> = self.at(i, quantity).0.into_iter().flatten().collect();
            let estimate = SeedMean::of(&values)?;
            Some(Point {
                x: step as f64,
                y: estimate.mean,
                error: estimate.standard_error.unwrap_or(0.0),
            })
        };
        self.steps.iter().enumerate().filter_map(point).collect()
    }

    /// Each trial's mean over the last fifth of the run.
    pub fn end(&self, quantity: &str) -> PerTrial {
        self.each(|trial| {
            let values: Result<Vec<f64>, Missing> = self
                .window()
                .map(|i| self.value(quantity, trial, i))
                .collect();
            average(&values?).ok_or(Missing {
                seed: self.seeds[trial],
                diverged_at: None,
            })
        })
    }

    /// The values at the measured step of this index.
    pub fn at(&self, index: usize, quantity: &str) -> PerTrial {
        self.each(|trial| self.value(quantity, trial, index))
    }

    /// The indices of the last fifth's steps.
    pub fn window(&self) -> impl Iterator<Item = usize> {
        let end = end(self.last());
        (0..self.steps.len()).filter(move |&i| end.contains(&self.steps[i]))
    }

    /// The budget, steps.
    pub fn last(&self) -> u64 {
        self.steps.last().copied().unwrap_or(0)
    }

    /// The index of the first measured step from `step` on.
    pub fn index_from(&self, step: u64) -> usize {
        self.steps
            .partition_point(|&t| t < step)
            .min(self.steps.len().saturating_sub(1))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Trials with seeds 1, 2, …, whose quantity `name` has these values at `steps`; a short list diverges after it.
    pub fn by_hand(steps: &[u64], name: &str, values: &[&[f64]]) -> Trials {
        let seeds: Vec<u64> = (1..=values.len() as u64).collect();
        let mut measurements = Measurements::default();
        for (i, &step) in steps.iter().enumerate() {
            for (&seed, series) in seeds.iter().zip(values) {
                if let Some(&value) = series.get(i) {
                    measurements.push(seed, step, 0.0, name, value);
                }
            }
        }
        let outcome = |(&seed, series): (&u64, &&[f64])| RunOutcome {
            seed,
            diverged_at: (series.len() < steps.len()).then(|| steps[series.len()]),
        };
        let made = MemoryRun {
            measurements,
            outcomes: seeds.iter().zip(values).map(outcome).collect(),
            finished: true,
        };
        Trials::new(steps.to_vec(), &seeds, made)
    }

    impl Trials {
        /// Another quantity of the same trials at the same steps.
        pub fn add_by_hand(&mut self, name: &str, values: &[&[f64]]) {
            let columns = values
                .iter()
                .map(|series| series.iter().map(|&value| Some(value)).collect());
            self.values.insert(name.to_owned(), columns.collect());
        }
    }

    /// What a run did before 80 % of its steps does not enter its end, and all that it did from there on does.
    #[test]
    fn the_end_is_the_mean_over_the_last_fifth_alone() {
        let steps = [0, 50, 79, 80, 90, 100];
        let trials = by_hand(
            &steps,
            "T",
            &[
                &[9.0, 1e6, -1e6, 1.0, 2.0, 6.0],
                &[7.0, 5.0, 5.0, 5.0, 5.0, 5.0],
            ],
        );
        let end: Vec<f64> = trials.end("T").0.into_iter().flatten().collect();
        assert_eq!(end, [3.0, 5.0]);
        assert_eq!(trials.window().collect::<Vec<_>>(), [3, 4, 5]);
        let mean = trials.end("T").mean().unwrap();
        assert_eq!((mean.value, mean.error, mean.trials), (4.0, Some(1.0), 2));
        assert_eq!(
            (
                trials.index_from(51),
                trials.index_from(80),
                trials.index_from(999)
            ),
            (2, 3, 5)
        );
    }

    #[test]
    fn a_trial_that_diverged_is_left_out_of_the_end_but_not_of_the_curve_before() {
        let trials = by_hand(
            &[0, 90, 100],
            "T",
            &[&[1.0, 2.0], &[3.0, 4.0, 6.0], &[5.0, 4.0, 8.0]],
        );
        let end = trials.end("T").mean().unwrap();
        assert_eq!((end.value, end.trials), (5.5, 2));
        assert_eq!(end.left_out.unwrap(), "seed 1 diverged at step 100");
        let heights: Vec<f64> = trials.curve("T").iter().map(|point| point.y).collect();
        assert_eq!(heights, [3.0, 10.0 / 3.0, 7.0]);
        assert!(trials.curve("λ").is_empty());
        assert!(
            trials
                .end("λ")
                .mean()
                .unwrap_err()
                .contains("seed 1 has no finite value")
        );
    }
}
