//! What is compared at one training loss: families of networks under one noise, and variations of their training.

use thalweg::train::{Ascent, Change, Mixup};

use super::ReproduceError;
use super::addition::Addition;
use super::learners::{LEARNERS, Learner, Noise, QUICK_LEARNERS};
use super::plan::Plan;
use crate::results::Budget;
use thalweg_lab::sources::NetworkSource;
use thalweg_lab::spec::{NetworkExperiment, Schedule, SeedRule, Spacing};

/// What is changed of the plain training.
pub struct Variation {
    /// In the names of files.
    pub word: &'static str,
    /// For a reader.
    pub words: &'static str,
    /// Whether it has a meaning for a plain training.
    fits: fn(&NetworkExperiment) -> bool,
    vary: fn(&mut NetworkExperiment),
}

const fn variation(
    word: &'static str,
    words: &'static str,
    fits: fn(&NetworkExperiment) -> bool,
    vary: fn(&mut NetworkExperiment),
) -> Variation {
    Variation {
        word,
        words,
        fits,
        vary,
    }
}

fn all(_: &NetworkExperiment) -> bool {
    true
}

fn images(experiment: &NetworkExperiment) -> bool {
    experiment.data.source.about().image_size().is_some()
}

fn classes(experiment: &NetworkExperiment) -> bool {
    experiment.data.source.about().has_classes()
}

/// Tokens are no numbers to be moved or mixed.
fn numbers(experiment: &NetworkExperiment) -> bool {
    !matches!(experiment.data.source, NetworkSource::Text(_))
}

/// All of them, the plain training first.
pub const VARIATIONS: [Variation; 9] = [
    PLAIN,
    variation("small-steps", "η × 0.4", all, |e| rate(e, 0.4)),
    variation("small-batch", "B/4", all, |e| e.settings.batch /= 4),
    variation("smoothing", "label smoothing 0.1", classes, |e| {
        Addition::Smoothing.add(e, 0.1);
    }),
    variation("input-noise", "input noise 0.5", numbers, |e| {
        Addition::Noise.add(e, 0.5);
    }),
    variation("shifts", "shifts by a pixel", images, |e| {
        Addition::Shifts.add(e, 1.0);
    }),
    variation("dropout", "dropout 0.2", all, |e| {
        Addition::Dropout.add(e, 0.2);
    }),
    variation("mixup", "mixup 0.3", numbers, |e| {
        e.settings.optimizer.changes.push(Change::Mixup(Mixup(0.3)));
    }),
    variation("sam", "normalised SAM with ρ = 0.2", all, |e| {
        e.settings.optimizer.sam = Some(Ascent {
            radius: 0.2,
            normalised: true,
            independent: false,
            parts: 1,
        });
    }),
];
/// Nothing.
pub const PLAIN: Variation = variation("plain", "none", all, |_| {});

fn rate(experiment: &mut NetworkExperiment, factor: f64) {
    let optimizer = &mut experiment.settings.optimizer;
    optimizer.update.learning_rate_mut().base *= factor;
}

/// Seeds of each variation, from 1.
pub const SEEDS: u64 = 5;
/// At the quick budget.
pub const QUICK_SEEDS: u64 = 2;
/// The first of those that a family has.
const QUICK_VARIATIONS: usize = 4;
const MEASURED: usize = 13;
/// Of the run that sets the level; no other run has it.
pub const PILOT: u64 = 1_000_000;
/// The part of the pilot's way after which its loss is the level: so early that slower trainings can get there.
pub const LEVEL_AT: f64 = 1.0 / 3.0;

/// Networks of one kind under one noise: what is compared.
#[derive(Clone, Copy)]
pub struct Family {
    /// Of [`LEARNERS`].
    pub learner: usize,
    /// On its labels.
    pub noise: Noise,
}

impl Family {
    /// All that `budget` has.
    pub fn all(budget: Budget) -> Vec<Self> {
        let learners = budget.choose(QUICK_LEARNERS.to_vec(), (0..LEARNERS.len()).collect());
        let of = |learner: usize| {
            let noises = LEARNERS[learner].noises();
            let count = budget.choose(1, noises.len());
            let noises = noises.iter().take(count);
            noises.map(move |&noise| Self { learner, noise })
        };
        learners.into_iter().flat_map(of).collect()
    }

    fn own(self) -> &'static Learner {
        &LEARNERS[self.learner]
    }

    /// In settings and in the names of files.
    pub fn word(self) -> String {
        format!("{}-{}", self.own().word, self.noise.word())
    }

    /// Of a run.
    pub fn name(self, variation: &str) -> String {
        format!("{}-{variation}", self.word())
    }

    /// The variations of its training that `budget` has.
    ///
    /// # Errors
    /// As [`Learner::experiment`].
    pub fn variations(self, budget: Budget) -> Result<Vec<&'static Variation>, ReproduceError> {
        let plain = self.own().experiment(self.noise)?;
        let fitting = VARIATIONS
            .iter()
            .filter(|variation| (variation.fits)(&plain));
        let count = budget.choose(QUICK_VARIATIONS, VARIATIONS.len());
        Ok(fitting.take(count).collect())
    }

    /// Its training, varied.
    ///
    /// # Errors
    /// As [`Learner::experiment`].
    pub fn experiment(
        self,
        variation: &Variation,
        seeds: Vec<u64>,
        budget: Budget,
    ) -> Result<NetworkExperiment, ReproduceError> {
        let mut experiment = self.own().experiment(self.noise)?;
        experiment.steps = budget.steps(experiment.steps);
        experiment.seeds = seeds;
        let measure = &mut experiment.measure;
        measure.samples = budget.samples(measure.samples);
        // All runs of a family are read on the same samples.
        measure.seed = SeedRule::Shared(0);
        measure.schedule = Schedule {
            spacing: Spacing::Linear,
            count: budget.measurements(MEASURED),
            last_fifth: 0,
        };
        (variation.vary)(&mut experiment);
        Ok(experiment)
    }
}

/// The name of the run with [`PILOT`].
pub const PILOT_NAME: &str = "level";

/// Every variation in every family, and the run that sets its level.
pub fn plan(budget: Budget) -> Result<Plan, ReproduceError> {
    let seeds: Vec<u64> = (1..=budget.choose(QUICK_SEEDS, SEEDS)).collect();
    let mut plan = Plan::default();
    for family in Family::all(budget) {
        let pilot = family.experiment(&PLAIN, vec![PILOT], budget)?;
        plan.network(family.name(PILOT_NAME), pilot);
        for variation in family.variations(budget)? {
            let experiment = family.experiment(variation, seeds.clone(), budget)?;
            plan.network(family.name(variation.word), experiment);
        }
    }
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Digits have all nine variations; of a table's numbers none is smoothed or shifted, and tokens are neither moved nor mixed.
    #[test]
    fn families_have_the_variations_that_fit() {
        let mut runs = 0;
        for family in Family::all(Budget::Full) {
            let found = family.variations(Budget::Full).unwrap();
            let words: Vec<&str> = found.iter().map(|variation| variation.word).collect();
            let without: &[&str] = match family.own().word {
                "voters" => &["smoothing", "shifts"],
                "book" => &["input-noise", "shifts", "mixup"],
                _ => &[],
            };
            let all = VARIATIONS.iter().map(|variation| variation.word);
            let expected: Vec<&str> = all.filter(|word| !without.contains(word)).collect();
            assert_eq!(words, expected, "{}", family.word());
            runs += SEEDS as usize * found.len();
        }
        // 9 × 9 × 5 on digits, 3 × 7 × 5 voters, 6 × 5 on the book.
        assert_eq!(runs, 405 + 105 + 30);
    }
}
