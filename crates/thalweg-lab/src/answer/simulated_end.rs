//! Where SGD itself ends at the user's own step: the answer where no theory reaches.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use thalweg::problem::{Problem, Weights};
use thalweg::simulate::{
    DataSet, Ensemble, InitialWeights, Observation, Outcome, SimulateSettings,
};

use super::AnswerError;
use crate::quantity::{FLUCTUATION, LAMBDA_MAX, SHARPNESS};
use crate::run::SeedMean;

/// Runs side by side.
const SEEDS: u64 = 16;

/// Steps of the first round; each later round is as long as all before it.
const FIRST: u64 = 1024;

/// Measurements in a round.
const MEASURED: u64 = 64;

/// The relative standard error at which a mean is known well enough, and the change from round to round that is none.
const ENOUGH: f64 = 0.01;

/// Relaxation times before which nothing can be said to have settled: after them the mean of the second half has 6 % of what the start differed by.
const LONG: f64 = 4.0;

/// The longest that runs are given, seconds: a year.
pub const MOST_SECONDS: f64 = 3.2e7;

/// Says while runs may go on: for `seconds` from now, until `stop` is set. None where they are given no time at all, or it is set already.
pub fn time_for_runs(seconds: f64, stop: &AtomicBool) -> Option<impl FnMut() -> bool + use<'_>> {
    (seconds > 0.0 && !stop.load(Ordering::Relaxed)).then(|| {
        let end = Instant::now() + Duration::from_secs_f64(seconds.min(MOST_SECONDS));
        move || Instant::now() < end && !stop.load(Ordering::Relaxed)
    })
}

/// Means over the last round and over seeds.
#[derive(Clone, Debug, PartialEq)]
pub struct SimulatedEnd {
    /// t, steps of each run.
    pub steps: u64,
    /// u = η₁² t/B, η₁ = η/(1 − β).
    pub slow_time: f64,
    /// How many runs did not diverge, of how many.
    pub seeds: (usize, u64),
    /// The step by which the last of those that did had diverged.
    pub diverged_by: Option<u64>,
    /// T, λ_max and F; none where all runs diverged.
    pub means: Option<[SeedMean; 3]>,
    /// The relative change of T from the round before the last to the last; none where there was but one.
    pub change: Option<f64>,
    /// A relaxation time of the slow flow, in steps; none where it is not known. Nothing has settled before four of them.
    pub least: Option<f64>,
    /// Whether that is the relaxation time under the noise alone, since the one under all forces is not known.
    pub by_noise_alone: bool,
    /// Whether the runs are that long, every standard error is at most 1 %, and T has stopped changing to within it and
    /// its own error.
    pub settled: bool,
}

/// The sums over one round, seed by seed.
struct Round {
    points: u64,
    sums: Vec<[f64; 3]>,
}

impl Round {
    fn means(&self, alive: &[bool]) -> Option<[SeedMean; 3]> {
        let of = |i: usize| {
            let seeds = self.sums.iter().zip(alive).filter(|(_, alive)| **alive);
            let values: Vec<f64> = seeds.map(|(sum, _)| sum[i] / self.points as f64).collect();
            SeedMean::of(&values)
        };
        Some([of(0)?, of(1)?, of(2)?])
    }
}

/// One run alone has no error, and is never known well enough.
fn relative_error(mean: &SeedMean) -> f64 {
    mean.standard_error.unwrap_or(f64::INFINITY) / mean.mean.abs()
}

fn values(observation: &Observation) -> [f64; 3] {
    [
        observation.sharpness,
        observation.lambda_max.unwrap_or(f64::NAN),
        observation.fluctuation,
    ]
}

impl SimulatedEnd {
    /// Runs SGD on `problem` by `settings`, from the theory's own end `start`, in rounds that double its length, until T, λ_max and F
    /// are known to 1 % and T no longer changes, though not before four times `least` steps, or `more` says that time is up. (From the theory's own
    /// end a run that is too short to leave it would confirm anything.) Samples are fresh, or those of `set`.
    ///
    /// # Errors
    /// When the settings do not fit the problem or the set.
    pub fn new(
        problem: &Problem,
        settings: &SimulateSettings,
        set: Option<&DataSet>,
        (start, least): (&Weights, Option<f64>),
        mut more: impl FnMut() -> bool,
    ) -> Result<Self, AnswerError> {
        let settings = SimulateSettings {
            init: InitialWeights::Given(start.clone()),
            ..settings.clone()
        };
        let seeds: Vec<u64> = (0..SEEDS).collect();
        let started = match set {
            Some(set) => Ensemble::start_on(set, problem, &settings, &seeds),
            None => Ensemble::start(problem, &settings, &seeds),
        };
        let mut ensemble = started.map_err(AnswerError::input)?;
        let rate = settings.recipe.effective_rate(settings.learning_rate);
        let unit = rate * rate / settings.batch as f64;
        let mut before: Option<[SeedMean; 3]> = None;
        loop {
            let (from, length) = (ensemble.step(), ensemble.step().max(FIRST));
            let mut round = Round {
                points: 0,
                sums: vec![[0.0; 3]; seeds.len()],
            };
            let mut in_time = true;
            for point in 1..=MEASURED {
                ensemble.run_to(from + length * point / MEASURED);
                for (sum, observed) in round.sums.iter_mut().zip(ensemble.observe()) {
                    let now = observed.as_ref().map_or([f64::NAN; 3], values);
                    for (sum, now) in sum.iter_mut().zip(now) {
                        *sum += now;
                    }
                }
                round.points += 1;
                in_time = more();
                if !in_time {
                    break;
                }
            }
            let outcomes = ensemble.outcomes();
            let alive: Vec<bool> = outcomes.iter().map(|o| *o == Outcome::Running).collect();
            let means = round.means(&alive);
            let change = match (&means, &before) {
                (Some(now), Some(before)) => {
                    let change = now[0].mean / before[0].mean - 1.0;
                    change.is_finite().then_some(change)
                }
                _ => None,
            };
            let settled = means.as_ref().is_some_and(|means| {
                let known = means.iter().all(|mean| relative_error(mean) <= ENOUGH);
                let still =
                    change.is_some_and(|c| c.abs() <= ENOUGH + 2.0 * relative_error(&means[0]));
                let long = least.is_some_and(|least| ensemble.step() as f64 >= LONG * least);
                long && still && known
            });
            if settled || !in_time || means.is_none() {
                let diverged = outcomes.iter().filter_map(|outcome| match outcome {
                    Outcome::Diverged { step } => Some(*step),
                    Outcome::Running => None,
                });
                return Ok(Self {
                    steps: ensemble.step(),
                    slow_time: unit * ensemble.step() as f64,
                    seeds: (alive.iter().filter(|alive| **alive).count(), SEEDS),
                    diverged_by: diverged.max(),
                    means,
                    change,
                    least,
                    by_noise_alone: false,
                    settled,
                });
            }
            before = means;
        }
    }

    /// As one JSON object.
    pub fn json(&self) -> Value {
        let mut object = json!({
            "steps": self.steps,
            "slow_time": self.slow_time,
            "seeds": self.seeds.1,
            "diverged": self.seeds.1 - self.seeds.0 as u64,
            "diverged_by": self.diverged_by,
            "relative_change": self.change,
            "settled": self.settled,
            "relaxation_steps": self.least,
            "relaxation_by_noise_alone": self.by_noise_alone,
        });
        for (i, quantity) in [SHARPNESS, LAMBDA_MAX, FLUCTUATION].iter().enumerate() {
            let mean = self.means.as_ref().map(|means| means[i]);
            object[&*quantity.key] = json!({
                "mean": mean.map(|mean| mean.mean),
                "standard_error": mean.and_then(|mean| mean.standard_error),
            });
        }
        object
    }

    /// How far the runs came, and whether that is their end, in sentences.
    pub fn sentence(&self) -> String {
        let (left, all) = self.seeds;
        let mut words = format!("{all} runs of {} steps each", self.steps);
        // One layer has nothing that relaxes.
        if let Some(relaxation) = self.least.filter(|steps| *steps > 0.0) {
            words += &format!(
                ", {:.2} relaxation times of the slow flow{},",
                self.steps as f64 / relaxation,
                if self.by_noise_alone {
                    " under the noise alone (under all that acts it is not known)"
                } else {
                    ""
                }
            );
        }
        words += " from the theory's own end.";
        if let (true, Some(step)) = (left < all as usize, self.diverged_by) {
            words += &format!(" {} of them diverged by step {step}.", all - left as u64);
        }
        if self.means.is_none() {
            words += " Nothing is left to average: take a smaller learning rate.";
        } else if self.settled {
            words += " T has settled: it changed by less than 1 %, or its error, while the runs doubled in length.";
        } else {
            let change = self.change.map_or(String::new(), |change| {
                format!(
                    ": T changed by {:.2} % while they last doubled in length",
                    100.0 * change
                )
            });
            let short = match self.least {
                Some(least) if (self.steps as f64) < LONG * least => {
                    ", and they are shorter than four relaxation times, so that SGD may still be on its way elsewhere"
                }
                None => ", and how long it takes SGD to leave the theory's end is not known here",
                Some(_) => "",
            };
            let errors = self.means.iter().flatten().map(relative_error);
            let error = errors.filter(|error| error.is_finite()).fold(0.0, f64::max);
            let unknown = if error > ENOUGH {
                format!(
                    ", and with standard errors of up to {:.1} %, where 1 % would do. What is scatter between the runs, such as that of sets of few samples, \
                     does not shrink with time",
                    100.0 * error
                )
            } else {
                String::new()
            };
            words += &format!(
                " The runs ended before T had settled{change}{short}{unknown}. With more --seconds they go on for longer."
            );
        }
        words
    }
}

#[cfg(test)]
#[path = "simulated_end_tests.rs"]
mod tests;
