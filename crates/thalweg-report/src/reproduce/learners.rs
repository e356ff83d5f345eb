//! What learns in the comparison at one training loss: a network, its data, and the noise on its labels.

use std::f64::consts::SQRT_2;

use faer::Mat;
use thalweg::data::LabelNoise;
use thalweg::loss::Loss;
use thalweg::model::{Init, LanguageModel, Mlp, Network};
use thalweg::optimizer::Optimizer;
use thalweg::tensor::Activation;

use super::ReproduceError;
use super::digits::digits;
use super::network::{CROSS_ENTROPY, SQUARED_ERROR};
use thalweg_lab::examples;
use thalweg_lab::network::On;
use thalweg_lab::sources::{LabelFlips, NetworkSource};
use thalweg_lab::spec::{Draft, NetworkExperiment};

/// A network with its loss and its data.
pub struct Learner {
    /// In legends.
    pub words: &'static str,
    /// In the names of files.
    pub word: &'static str,
    data: Data,
    /// η.
    pub rate: f64,
    /// Of the plain training, a third of which sets the level.
    pub steps: u64,
    /// B, of the plain training.
    pub batch: usize,
    /// Of each of both evaluation sets.
    pub samples: usize,
}

enum Data {
    /// Those that are built in, for perceptrons of ReLU.
    Digits {
        hidden: &'static [usize],
        loss: Loss,
        /// Of Kaiming's start. Squared error needs a small one: from outputs far above 1 its units die.
        gain: f64,
    },
    /// Where voters stand, and where they place two candidates, from six other numbers.
    Voters,
    /// The book that is built in, character by character.
    Book,
}

const fn on_digits(words: &'static str, word: &'static str, data: Data, rate: f64) -> Learner {
    Learner {
        words,
        word,
        data,
        rate,
        // Forty-eight epochs of the training set.
        steps: 6000,
        batch: 64,
        samples: 1000,
    }
}

/// Those that learn.
pub const LEARNERS: [Learner; 5] = [
    on_digits(
        "digits, 784-16-10, cross-entropy",
        "one-layer",
        Data::Digits {
            hidden: &[16],
            loss: CROSS_ENTROPY,
            gain: SQRT_2,
        },
        0.05,
    ),
    on_digits(
        "digits, 784-16-16-10, cross-entropy",
        "two-layers",
        Data::Digits {
            hidden: &[16, 16],
            loss: CROSS_ENTROPY,
            gain: SQRT_2,
        },
        0.05,
    ),
    on_digits(
        "digits, 784-16-10, squared error",
        "squared-error",
        Data::Digits {
            hidden: &[16],
            loss: SQUARED_ERROR,
            gain: 0.3,
        },
        0.02,
    ),
    Learner {
        words: "voters, tanh 6-32-3, squared error",
        word: "voters",
        data: Data::Voters,
        rate: 0.02,
        steps: 6000,
        batch: 32,
        samples: 188,
    },
    Learner {
        words: "book, transformer, cross-entropy",
        word: "book",
        data: Data::Book,
        rate: 0.3,
        steps: 3000,
        batch: 16,
        samples: 128,
    },
];
/// One for each kind of data.
pub const QUICK_LEARNERS: [usize; 3] = [0, 3, 4];

/// Noise on the labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noise {
    /// Labels as they are.
    None,
    /// The same on all outputs. Classes: each label is another with chance [`FLIPPED`]; numbers: Gaussian, of deviation [`DEVIATION`].
    Even,
    /// As much in all, on few outputs. Classes: each of the classes 5 to 9 is another with twice that chance, the others stay; numbers: nearly all
    /// of the variance is on the first.
    Uneven,
}

const NOISES: [Noise; 3] = [Noise::None, Noise::Even, Noise::Uneven];
const FLIPPED: f64 = 0.1;
const CLASSES: usize = 10;
const DEVIATION: f64 = 0.5;
/// Of the other numbers under uneven noise.
const QUIET: f64 = 0.1;
const NUMBERS: usize = 3;

impl Noise {
    /// In the names of files.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "no-noise",
            Self::Even => "even-noise",
            Self::Uneven => "uneven-noise",
        }
    }

    /// Of classes.
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

    /// Of numbers.
    fn deviations(self) -> Option<[f64; NUMBERS]> {
        match self {
            Self::None => None,
            Self::Even => Some([DEVIATION; NUMBERS]),
            Self::Uneven => {
                let quiet = (NUMBERS - 1) as f64 * QUIET.powi(2);
                let loud = (NUMBERS as f64 * DEVIATION.powi(2) - quiet).sqrt();
                Some([loud, QUIET, QUIET])
            }
        }
    }
}

impl Learner {
    /// The noises that its labels can have: a text has its own.
    pub fn noises(&self) -> &'static [Noise] {
        match self.data {
            Data::Digits { .. } | Data::Voters => &NOISES,
            Data::Book => &NOISES[..1],
        }
    }

    /// Its plain training under `noise`, measured on samples that are trained on.
    ///
    /// # Errors
    /// When an example that it is made from is not an experiment.
    pub fn experiment(&self, noise: Noise) -> Result<NetworkExperiment, ReproduceError> {
        let mut experiment = match &self.data {
            Data::Digits { hidden, loss, gain } => {
                let mut experiment = digits(hidden, *loss)?;
                experiment.init = Init::Kaiming { gain: *gain };
                if let NetworkSource::Images(images) = &mut experiment.data.source {
                    images.label_flips = noise.flips();
                }
                experiment
            }
            Data::Voters => voters(noise)?,
            Data::Book => book()?,
        };
        experiment.settings.batch = self.batch;
        let optimizer = &mut experiment.settings.optimizer;
        optimizer.update.learning_rate_mut().base = self.rate;
        experiment.steps = self.steps;
        experiment.measure.samples = self.samples;
        experiment.measure.on = On::Train;
        Ok(experiment)
    }
}

/// The example of a table, on another table: 756 rows are trained on, and 188 are not.
fn voters(noise: Noise) -> Result<NetworkExperiment, ReproduceError> {
    let mut experiment = Draft::from_toml(examples::TABLE)?.experiment::<NetworkExperiment>()?;
    experiment.network = Network::Mlp(Mlp {
        widths: vec![6, 32, NUMBERS],
        activation: Activation::Tanh,
        biases: false,
    });
    if let NetworkSource::Table(table) = &mut experiment.data.source {
        let words = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        table.path = "elections".into();
        table.columns.targets =
            words(&["self_left_right", "clinton_left_right", "dole_left_right"]);
        table.columns.without = words(&["party"]);
    }
    experiment.data.noise = noise
        .deviations()
        .map(|deviations| LabelNoise::gaussian(&deviations));
    Ok(experiment)
}

/// The example of a text, much smaller, and by plain SGD.
fn book() -> Result<NetworkExperiment, ReproduceError> {
    let mut experiment = Draft::from_toml(examples::TEXT)?.experiment::<NetworkExperiment>()?;
    if let Network::LanguageModel(model) = &mut experiment.network {
        *model = LanguageModel {
            width: 8,
            positions: 16,
            heads: 2,
            hidden: 16,
            biases: false,
            ..model.clone()
        };
    }
    if let Optimizer::Sgd(sgd) = &mut experiment.settings.optimizer.update {
        sgd.momentum = 0.0;
        sgd.learning_rate.warmup = 0;
    }
    Ok(experiment)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both kinds of flips replace one label in ten; the uneven ones those of five classes alone.
    #[test]
    fn noises_on_classes_are_of_one_size() {
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

    /// Both kinds of noise on numbers have the trace 3/4.
    #[test]
    fn noises_on_numbers_are_of_one_size() {
        for noise in [Noise::Even, Noise::Uneven] {
            let deviations = noise.deviations().unwrap();
            let trace: f64 = deviations.iter().map(|deviation| deviation.powi(2)).sum();
            assert!((trace - 0.75).abs() < 1e-12, "{deviations:?}");
        }
        assert_eq!(Noise::None.deviations(), None);
    }

    /// Each learner's training can be made, with as many samples on both sides as are asked for.
    #[test]
    fn all_data_are_there() {
        for learner in LEARNERS {
            for &noise in learner.noises() {
                let experiment = learner.experiment(noise).unwrap();
                let made = thalweg_lab::network::Made::new(&experiment).unwrap();
                assert_eq!(made.samples().unwrap().inputs.ncols(), learner.samples);
                let held_out = made.samples_of(learner.samples, 0).unwrap();
                assert_eq!(held_out.inputs.ncols(), learner.samples);
            }
        }
    }
}
