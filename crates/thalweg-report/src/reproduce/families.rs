//! What is compared at one training loss: families of networks under one noise, and variations of their training.

use std::f64::consts::SQRT_2;

use faer::Mat;
use thalweg::loss::Loss;
use thalweg::model::Init;
use thalweg::train::{Ascent, Change, InputNoise, Mixup, Shifts, Smoothing};

use super::ReproduceError;
use super::digits::digits;
use super::network::{CROSS_ENTROPY, SQUARED_ERROR};
use super::plan::Plan;
use crate::results::Budget;
use thalweg_lab::sources::{LabelFlips, NetworkSource};
use thalweg_lab::spec::{NetworkExperiment, Schedule, SeedRule, Spacing};

/// A network with its loss.
pub struct Learner {
    /// In legends.
    pub words: &'static str,
    /// In the names of files.
    word: &'static str,
    hidden: &'static [usize],
    loss: Loss,
    /// η.
    pub rate: f64,
    /// Of Kaiming's start. Squared error needs a small one: from outputs far above 1 its units die.
    gain: f64,
}

/// Those that learn.
pub const LEARNERS: [Learner; 3] = [
    Learner {
        words: "784-16-10, cross-entropy",
        word: "one-layer",
        hidden: &[16],
        loss: CROSS_ENTROPY,
        rate: 0.05,
        gain: SQRT_2,
    },
    Learner {
        words: "784-16-16-10, cross-entropy",
        word: "two-layers",
        hidden: &[16, 16],
        loss: CROSS_ENTROPY,
        rate: 0.05,
        gain: SQRT_2,
    },
    Learner {
        words: "784-16-10, squared error",
        word: "squared-error",
        hidden: &[16],
        loss: SQUARED_ERROR,
        rate: 0.02,
        gain: 0.3,
    },
];

/// Noise on the labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noise {
    /// Labels as they are.
    None,
    /// Each label is another with chance [`FLIPPED`].
    Even,
    /// Each of the classes 5 to 9 is another with twice that chance; the others stay.
    Uneven,
}

const NOISES: [Noise; 3] = [Noise::None, Noise::Even, Noise::Uneven];
const FLIPPED: f64 = 0.1;
const CLASSES: usize = 10;

impl Noise {
    fn word(self) -> &'static str {
        match self {
            Self::None => "no-flips",
            Self::Even => "even-flips",
            Self::Uneven => "uneven-flips",
        }
    }

    fn flips(self) -> LabelFlips {
        match self {
            Self::None => LabelFlips::Chance(0.0),
            Self::Even => LabelFlips::Chance(FLIPPED),
            Self::Uneven => LabelFlips::Confusion(Mat::from_fn(CLASSES, CLASSES, |from, to| {
                let flipped = if from < CLASSES / 2 {
                    0.0
                } else {
                    2.0 * FLIPPED
                };
                if from == to {
                    1.0 - flipped
                } else {
                    flipped / (CLASSES - 1) as f64
                }
            })),
        }
    }
}

/// What is changed of the plain training.
pub struct Variation {
    /// In the names of files.
    pub word: &'static str,
    /// For a reader.
    pub words: &'static str,
    vary: fn(&mut NetworkExperiment),
}

const fn variation(
    word: &'static str,
    words: &'static str,
    vary: fn(&mut NetworkExperiment),
) -> Variation {
    Variation { word, words, vary }
}

const VARIATIONS: [Variation; 9] = [
    PLAIN,
    variation("small-steps", "η × 0.4", |e| rate(e, 0.4)),
    variation("small-batch", "B = 16", |e| e.settings.batch = 16),
    variation("smoothing", "label smoothing 0.1", |e| {
        change(e, Change::Smoothing(Smoothing(0.1)));
    }),
    variation("input-noise", "input noise 0.5", |e| {
        change(e, Change::InputNoise(InputNoise(0.5)));
    }),
    variation("shifts", "shifts by a pixel", |e| {
        if let Some([height, width]) = e.data.source.about().image_size() {
            let shifts = Shifts {
                most: 1,
                width,
                height,
            };
            change(e, Change::Shifts(shifts));
        }
    }),
    variation("dropout", "dropout 0.2", |e| e.dropout.hidden = 0.2),
    variation("mixup", "mixup 0.3", |e| {
        change(e, Change::Mixup(Mixup(0.3)));
    }),
    variation("sam", "normalised SAM with ρ = 0.2", |e| {
        e.settings.optimizer.sam = Some(Ascent {
            radius: 0.2,
            normalised: true,
            independent: false,
            parts: 1,
        });
    }),
];
/// Nothing.
pub const PLAIN: Variation = variation("plain", "none", |_| {});

fn rate(experiment: &mut NetworkExperiment, factor: f64) {
    let optimizer = &mut experiment.settings.optimizer;
    optimizer.update.learning_rate_mut().base *= factor;
}

fn change(experiment: &mut NetworkExperiment, change: Change) {
    experiment.settings.optimizer.changes.push(change);
}

/// Seeds of each variation, from 1.
pub const SEEDS: u64 = 5;
/// At the quick budget.
pub const QUICK_SEEDS: u64 = 2;
/// Of [`VARIATIONS`].
const QUICK_VARIATIONS: [usize; 4] = [0, 2, 3, 5];
/// Forty-eight epochs of the training set.
const STEPS: u64 = 6000;
const MEASURED: usize = 13;
const SAMPLES: usize = 1000;
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
        let noises = budget.choose(1, NOISES.len());
        let learners = budget.choose(2, LEARNERS.len());
        let of = |learner| {
            let noises = NOISES.into_iter().take(noises);
            noises.map(move |noise| Self { learner, noise })
        };
        (0..learners).flat_map(of).collect()
    }

    /// In settings and in the names of files.
    pub fn word(self) -> String {
        format!("{}-{}", LEARNERS[self.learner].word, self.noise.word())
    }

    /// Of a run.
    pub fn name(self, variation: &str) -> String {
        format!("{}-{variation}", self.word())
    }

    /// Its training, varied.
    ///
    /// # Errors
    /// As [`digits`].
    pub fn experiment(
        self,
        variation: &Variation,
        seeds: Vec<u64>,
        budget: Budget,
    ) -> Result<NetworkExperiment, ReproduceError> {
        let learner = &LEARNERS[self.learner];
        let mut experiment = digits(learner.hidden, learner.loss)?;
        let optimizer = &mut experiment.settings.optimizer;
        optimizer.update.learning_rate_mut().base = learner.rate;
        experiment.init = Init::Kaiming { gain: learner.gain };
        if let NetworkSource::Images(images) = &mut experiment.data.source {
            images.label_flips = self.noise.flips();
        }
        experiment.steps = budget.steps(STEPS);
        experiment.seeds = seeds;
        experiment.measure.samples = budget.samples(SAMPLES);
        // All runs of a family are read on the same samples.
        experiment.measure.seed = SeedRule::Shared(0);
        experiment.measure.schedule = Schedule {
            spacing: Spacing::Linear,
            count: budget.measurements(MEASURED),
            last_fifth: 0,
        };
        (variation.vary)(&mut experiment);
        Ok(experiment)
    }
}

/// Those of `budget`.
pub fn variations(budget: Budget) -> Vec<&'static Variation> {
    match budget {
        Budget::Full => VARIATIONS.iter().collect(),
        Budget::Tiny | Budget::Quick => QUICK_VARIATIONS.map(|at| &VARIATIONS[at]).to_vec(),
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
        for variation in variations(budget) {
            let experiment = family.experiment(variation, seeds.clone(), budget)?;
            plan.network(family.name(variation.word), experiment);
        }
    }
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both kinds of flips replace one label in ten; the uneven ones those of five classes alone.
    #[test]
    fn noises_are_of_one_size() {
        let LabelFlips::Confusion(uneven) = Noise::Uneven.flips() else {
            unreachable!("it is a matrix");
        };
        let kept: f64 = (0..CLASSES).map(|class| uneven[(class, class)]).sum();
        assert!((kept / CLASSES as f64 - (1.0 - FLIPPED)).abs() < 1e-12);
        assert_eq!((uneven[(0, 0)], uneven[(9, 9)]), (1.0, 0.8));
        for row in uneven.row_iter() {
            assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        }
    }
}
