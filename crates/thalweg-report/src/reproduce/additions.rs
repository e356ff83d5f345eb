//! What is added to training at growing strength, on digits and on a teacher's answers.

use thalweg::data::{LabelNoise, Place};
use thalweg::loss::Loss;
use thalweg::model::{Mlp, Network};
use thalweg::tensor::Activation;

use super::ReproduceError;
use super::addition::Addition;
use super::digits::digits;
use super::network::{CROSS_ENTROPY, Choice, Model, SQUARED_ERROR};
use crate::results::Budget;
use thalweg_lab::sources::NetworkSource;
use thalweg_lab::spec::{NetworkExperiment, Schedule, Spacing};

/// On which data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Data {
    /// The built-in ones.
    Digits,
    /// Each trial's own.
    Teacher,
}

/// An addition on some data, at five strengths beside none.
pub struct Subject {
    /// What is learnt.
    pub data: Data,
    /// What is added.
    pub addition: Addition,
    strengths: [f64; 5],
}

const fn subject(data: Data, addition: Addition, strengths: [f64; 5]) -> Subject {
    Subject {
        data,
        addition,
        strengths,
    }
}

/// Those of the figure.
pub const SUBJECTS: [Subject; 7] = [
    subject(
        Data::Digits,
        Addition::Smoothing,
        [0.05, 0.1, 0.2, 0.4, 0.6],
    ),
    subject(Data::Digits, Addition::Dropout, [0.1, 0.2, 0.3, 0.5, 0.7]),
    subject(Data::Digits, Addition::Noise, [0.2, 0.4, 0.8, 1.2, 1.6]),
    subject(Data::Digits, Addition::Shifts, [1.0, 2.0, 3.0, 4.0, 6.0]),
    subject(
        Data::Teacher,
        Addition::Smoothing,
        [0.05, 0.1, 0.2, 0.4, 0.6],
    ),
    subject(
        Data::Teacher,
        Addition::Dropout,
        [0.02, 0.05, 0.1, 0.2, 0.4],
    ),
    subject(Data::Teacher, Addition::Noise, [0.1, 0.2, 0.4, 0.8, 1.6]),
];

/// Trials on the digits.
pub const DIGITS_TRIALS: usize = 5;
/// Trials with a teacher, of which each draws its own.
pub const TEACHER_TRIALS: usize = 10;
/// Trials of either at the quick budget.
pub const QUICK_TRIALS: usize = 3;
const DIGITS_STEPS: u64 = 3000;
const TEACHER_STEPS: u64 = 20_000;
/// Hidden units on the digits.
pub const HIDDEN: usize = 32;
/// The student's widths.
const STUDENT: [usize; 3] = [4, 8, 4];
/// Its teacher's hidden units.
pub const TEACHER_HIDDEN: usize = 100;
const SAMPLES: usize = 1000;
/// Measured at the start, and so often in the last fifth and once at its end.
const IN_THE_END: usize = 4;

impl Subject {
    /// Smoothed labels are those of classes.
    fn loss(&self) -> Loss {
        match (self.data, self.addition) {
            (Data::Teacher, Addition::Dropout | Addition::Noise) => SQUARED_ERROR,
            _ => CROSS_ENTROPY,
        }
    }

    /// None, and the strengths of `budget`.
    pub fn strengths(&self, budget: Budget) -> Vec<f64> {
        let all = self.strengths;
        let some = budget.choose(vec![all[1], all[4]], all.to_vec());
        [vec![0.0], some].concat()
    }

    fn data_words(&self) -> &'static str {
        match self.data {
            Data::Digits => "digits",
            Data::Teacher => "teacher",
        }
    }

    /// For a reader.
    pub fn words(&self) -> String {
        format!("{}, {}", self.data_words(), self.addition.words())
    }

    /// Of a run; those without addition are shared.
    pub fn name(&self, strength: f64) -> String {
        let data = self.data_words();
        if strength > 0.0 {
            return format!("{data}-{}-{strength}", self.addition.word());
        }
        let loss = if self.loss() == CROSS_ENTROPY {
            "cross-entropy"
        } else {
            "squared-error"
        };
        format!("{data}-{loss}")
    }

    /// The training with that much added.
    ///
    /// # Errors
    /// When an example that it is made from is not an experiment.
    pub fn experiment(
        &self,
        strength: f64,
        budget: Budget,
    ) -> Result<NetworkExperiment, ReproduceError> {
        let (mut experiment, steps, trials) = match self.data {
            Data::Digits => (digits(&[HIDDEN], self.loss())?, DIGITS_STEPS, DIGITS_TRIALS),
            Data::Teacher => (taught(self.loss())?, TEACHER_STEPS, TEACHER_TRIALS),
        };
        experiment.steps = budget.steps(steps);
        experiment.seeds = (1..=budget.choose(QUICK_TRIALS, trials) as u64).collect();
        experiment.measure.samples = budget.samples(SAMPLES);
        experiment.measure.schedule = Schedule {
            spacing: Spacing::Linear,
            count: 2,
            last_fifth: budget.choose(1, IN_THE_END),
        };
        if strength > 0.0 {
            self.addition.add(&mut experiment, strength);
        }
        Ok(experiment)
    }
}

/// The ReLU network of the paper, wider, so that there are several outputs whose noise may differ, with noise of deviation 1 on each.
fn taught(loss: Loss) -> Result<NetworkExperiment, ReproduceError> {
    let mut experiment = Choice::new(Model::Relu, loss).experiment(Budget::Full)?;
    let [inputs, hidden, outputs] = STUDENT;
    let widths = |hidden| {
        Network::Mlp(Mlp {
            widths: vec![inputs, hidden, outputs],
            activation: Activation::Relu,
            biases: false,
        })
    };
    experiment.network = widths(hidden);
    if let NetworkSource::Teacher(teacher) = &mut experiment.data.source {
        teacher.network = widths(TEACHER_HIDDEN);
    }
    experiment.data.noise = Some(LabelNoise {
        place: if loss == CROSS_ENTROPY {
            Place::Logits
        } else {
            Place::Targets
        },
        ..LabelNoise::gaussian(&[1.0; STUDENT[2]])
    });
    Ok(experiment)
}
