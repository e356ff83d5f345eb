//! The paper's networks: the lab's example experiments, with the noise and loss that a panel asks for, and
//! what figures claim of them.

use thalweg::data::Place;
use thalweg::loss::{Convention, Loss};
use thalweg::model::Network;
use thalweg::problem::covariance;

use super::ReproduceError;
use super::plan::Plan;
use super::ran::Ran;
use crate::claims::Tolerance;
use crate::claims::{Claim, beyond};
use crate::results::Budget;
use crate::statistics::Trials;
use thalweg_lab::examples;
use thalweg_lab::quantity::{FLUCTUATION, LOSS};
use thalweg_lab::spec::{Draft, EvaluationLabels, NetworkExperiment, Schedule, Spacing};

/// A network that the paper trains, on its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Model {
    /// Three linear layers of width 2.
    Linear,
    /// ReLU, 2-4-2, teacher with 100 hidden units.
    Relu,
    /// Elman's network with 4 hidden units, teacher with 100.
    Rnn,
    /// One block of two-headed attention and a perceptron with 4 hidden units, teacher with 100.
    Transformer,
    /// ReLU, 784-128-10, on digits.
    Mnist,
}

/// ½‖y − f‖².
pub const SQUARED_ERROR: Loss = Loss::SquaredError(Convention::Half);

/// From soft labels, softmax(clean + noise).
pub const CROSS_ENTROPY: Loss = Loss::CrossEntropy;

/// Samples on which small networks are measured at the full budget where labels are noisy: their curvature scatters
/// with the set.
const NOISY_SAMPLES: usize = 10_000;

/// Trials of recurrent networks and transformers on cross-entropy. They take three seconds of a core each, and a few
/// settle the claims; the verdict says what they could have seen.
const FEWER_TRIALS: usize = 8;

/// What of a network's experiment a figure chooses: the rest is in its file.
#[derive(Clone, Copy, Debug)]
pub struct Choice {
    /// Which network.
    pub model: Model,
    /// On which loss.
    pub loss: Loss,
    /// κ(Σε).
    pub condition: f64,
    /// Whether layers have trainable biases, which start at 0. The paper does not say.
    pub biases: bool,
}

/// The paper's two noises.
pub const KINDS: [&str; 2] = ["anisotropic", "isotropic"];

impl Choice {
    /// The paper's own runs of `model`, without biases.
    pub fn new(model: Model, loss: Loss) -> Self {
        Self {
            model,
            loss,
            condition: model.condition(),
            biases: false,
        }
    }

    /// The same with κ(Σε) = `condition`.
    pub fn at(self, condition: f64) -> Self {
        Self { condition, ..self }
    }

    /// The same with biases.
    pub fn with_biases(self) -> Self {
        Self {
            biases: true,
            ..self
        }
    }

    /// The same without.
    pub fn without_biases(self) -> Self {
        Self {
            biases: false,
            ..self
        }
    }

    /// Of its files: which network, loss, noise and biases.
    pub fn name(self) -> String {
        let loss = self.loss_words().replace(' ', "-");
        let biases = if self.biases { "-biases" } else { "" };
        let noise = if self.condition == 1.0 {
            "isotropic".to_owned()
        } else if self.condition == self.model.condition() {
            "anisotropic".to_owned()
        } else {
            format!("kappa-{}", self.condition)
        };
        format!("{}-{loss}{biases}-{noise}", self.model.word())
    }

    /// The loss, in titles and sentences.
    pub fn loss_words(self) -> &'static str {
        match self.loss {
            Loss::SquaredError(_) => "squared error",
            Loss::CrossEntropy | Loss::MeanCrossEntropy => "cross-entropy",
        }
    }

    /// The network, in titles and sentences.
    pub fn words(self) -> String {
        let biases = if self.biases { " with biases" } else { "" };
        format!("{}{biases}", self.model.name())
    }

    /// The experiment: the model's file, but for what is chosen here, with the steps, trials and measurements of
    /// `budget`.
    ///
    /// # Errors
    /// When the file is not an experiment.
    pub fn experiment(self, budget: Budget) -> Result<NetworkExperiment, ReproduceError> {
        let mut experiment =
            Draft::from_toml(self.model.file())?.experiment::<NetworkExperiment>()?;
        let outputs = experiment.network.outputs();
        experiment.loss = self.loss;
        *biases(&mut experiment.network) = self.biases;
        experiment.steps = budget.steps(experiment.steps);
        experiment.seeds = budget.trials(&experiment.seeds);
        if self.loss == CROSS_ENTROPY && self.model.is_slow() {
            experiment.seeds.truncate(FEWER_TRIALS);
        }
        if let Some(noise) = &mut experiment.data.noise {
            noise.covariance =
                covariance::from_deviations(&self.model.deviations(outputs, self.condition));
            noise.place = match self.loss {
                Loss::SquaredError(_) => Place::Targets,
                Loss::CrossEntropy | Loss::MeanCrossEntropy => Place::Logits,
            };
        }
        let measure = &mut experiment.measure;
        if self.loss == CROSS_ENTROPY {
            measure.labels = EvaluationLabels::Noisy;
        }
        measure.samples = budget.samples(measure.samples);
        if self.loss == CROSS_ENTROPY && self.model.is_small() {
            measure.samples = budget.choose(measure.samples, NOISY_SAMPLES);
        }
        measure.schedule.count = budget.measurements(measure.schedule.count);
        Ok(experiment)
    }

    /// The paper's runs under both noises.
    ///
    /// # Errors
    /// As [`Choice::experiment`].
    pub fn plan_pair(self, plan: &mut Plan, budget: Budget) -> Result<(), ReproduceError> {
        for choice in self.pair() {
            plan.network(choice.name(), choice.experiment(budget)?);
        }
        Ok(())
    }

    /// Under anisotropic and under isotropic noise.
    pub fn pair(self) -> [Self; 2] {
        [self.at(self.model.condition()), self.at(1.0)]
    }

    /// What [`plan_pair`](Self::plan_pair) planned, run.
    ///
    /// # Errors
    /// When it was not planned.
    pub fn ran_pair(self, ran: &Ran) -> Result<[&Trials; 2], ReproduceError> {
        let [anisotropic, isotropic] = self.pair().map(|choice| choice.name());
        Ok([ran.network(&anisotropic)?.1, ran.network(&isotropic)?.1])
    }

    /// Everything that fixes the numbers of its runs, for the figure's settings.
    ///
    /// # Errors
    /// As [`Choice::experiment`].
    pub fn settings(self, noises: &[f64], budget: Budget) -> Result<String, ReproduceError> {
        let experiment = self.experiment(budget)?;
        let outputs = experiment.network.outputs();
        let noises = noises
            .iter()
            .map(|&condition| noise_name(&self.model.deviations(outputs, condition)));
        let biases = if self.biases {
            "trainable biases that start at 0"
        } else {
            "no biases"
        };
        Ok(format!(
            "{}, {biases}; √Σε = {}; η = {}, B = {}, {} steps, {} trials, each measured on {} samples of its own",
            self.model.description(),
            noises.collect::<Vec<_>>().join(" and "),
            experiment.settings.optimizer.learning_rate().base,
            experiment.settings.batch,
            experiment.steps,
            experiment.seeds.len(),
            experiment.measure.samples
        ))
    }
}

fn biases(network: &mut Network) -> &mut bool {
    match network {
        Network::Mlp(mlp) => &mut mlp.biases,
        Network::Rnn(rnn) => &mut rnn.biases,
        Network::Transformer(transformer) => &mut transformer.biases,
        Network::LanguageModel(model) => &mut model.biases,
    }
}

impl Model {
    /// Whether many samples to measure on cost little and are to be had: a transformer is slow, and MNIST's test set
    /// small.
    fn is_small(self) -> bool {
        matches!(self, Self::Linear | Self::Relu | Self::Rnn)
    }

    /// Whether a trial takes seconds.
    pub fn is_slow(self) -> bool {
        matches!(self, Self::Rnn | Self::Transformer | Self::Mnist)
    }

    /// In titles and legends.
    pub fn name(self) -> &'static str {
        match self {
            Self::Linear => "linear network",
            Self::Relu => "ReLU network",
            Self::Rnn => "RNN",
            Self::Transformer => "transformer",
            Self::Mnist => "ReLU network, MNIST",
        }
    }

    /// In the names of files.
    fn word(self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::Relu => "relu",
            Self::Rnn => "rnn",
            Self::Transformer => "transformer",
            Self::Mnist => "mnist",
        }
    }

    /// Its architecture and data, in a line.
    fn description(self) -> &'static str {
        match self {
            Self::Linear => "2-2-2-2, a linear teacher of the same widths",
            Self::Relu => "2-4-2, teacher with 100 hidden units",
            Self::Rnn => "Elman, tanh, 4 hidden units, 4 steps, the last output; teacher with 100",
            Self::Transformer => {
                "d = 8, sequence of 4, 2 heads, perceptron with 4 hidden units, residuals; teacher with 100"
            }
            Self::Mnist => "784-128-10",
        }
    }

    pub(super) fn file(self) -> &'static str {
        match self {
            Self::Linear => examples::LINEAR,
            Self::Relu => examples::RELU,
            Self::Rnn => examples::RNN,
            Self::Transformer => examples::TRANSFORMER,
            Self::Mnist => examples::MNIST,
        }
    }

    /// The paper's largest standard deviation, and on how many outputs it stands; the rest have a
    /// smaller one.
    fn large(self) -> (f64, usize) {
        match self {
            Self::Linear | Self::Mnist => (10.0, if self == Self::Mnist { 5 } else { 1 }),
            Self::Relu | Self::Rnn => (3.0, 1),
            Self::Transformer => (4.0, 1),
        }
    }

    /// √Σε with condition number κ(Σε) = `condition`, by smaller noise on the other outputs.
    pub fn deviations(self, outputs: usize, condition: f64) -> Vec<f64> {
        let (large, count) = self.large();
        let small = large / condition.sqrt();
        (0..outputs)
            .map(|i| if i < count { large } else { small })
            .collect()
    }

    /// κ(Σε) in the paper's own pair of runs.
    pub fn condition(self) -> f64 {
        match self {
            Self::Mnist => 100.0,
            _ => 1e4,
        }
    }
}

/// Measured at the start, and twice in the last fifth and at its end: where only the end counts.
pub const ENDS: Schedule = Schedule {
    spacing: Spacing::Linear,
    count: 2,
    last_fifth: 2,
};

/// How trials are made and measured, for the settings of a figure.
pub const TRIALS: &str = "each trial draws its own teacher, start, data and evaluation set from its seed, the same for both noises. \
                          Evaluation sets differ between trials, so that their error is part of the trials' scatter. Trained in single \
                          precision on fresh samples, measured in double precision on samples that training does not use: with squared \
                          error, curvature on clean labels, which gives its mean over label noise, and F on noisy ones; with \
                          cross-entropy, both on noisy ones";

/// √Σε as a reader writes it: (10, …, 0.1, …).
pub fn noise_name(deviations: &[f64]) -> String {
    let runs = deviations
        .chunk_by(|a, b| a == b)
        .map(|run| match run.len() {
            1 => format!("{}", round(run[0])),
            n => format!("{} × {n}", round(run[0])),
        });
    format!("({})", runs.collect::<Vec<_>>().join(", "))
}

/// To four decimals, as a reader writes settings.
pub fn round(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

/// The part of the way from first to last loss that must be behind a network for its fitting to have ended.
const FITTED: f64 = 0.99;

/// The index of the first measured step at which the loss, averaged over trials, has come [`FITTED`] of its way; nothing
/// where it has not risen and fallen to that at any measured step before the run's last fifth, or falls so fast there
/// that a run as long again would take it by the rest of that way further: then it is fitting still, on a slow tail.
pub fn end_of_fitting(trials: &Trials) -> Option<usize> {
    let loss: Vec<f64> = trials
        .curve(&LOSS.key)
        .iter()
        .map(|point| point.y)
        .collect();
    let (first, last) = (loss.first()?, loss.last()?);
    let remainder = (1.0 - FITTED) * (first - last).max(0.0);
    let unfitted = loss.iter().rposition(|&loss| loss > last + remainder);
    let end = unfitted.map_or(0, |i| i + 1);
    let window = trials.window().next()?;
    let fifths = 5.0;
    let still_falling = fifths * (loss[window] - last) > remainder;
    (end < window && !still_falling).then_some(end)
}

/// The claim that SGD lowers F, from the end of fitting to the end of the run; where fitting has no end there, nothing
/// is measured.
pub fn falls(what: &str, trials: &Trials) -> Claim {
    let Some(from) = end_of_fitting(trials) else {
        let why = format!(
            "still fitting at the end of the run: the loss has not settled before the last fifth of {} steps",
            trials.last()
        );
        // Runs that diverged have no end to wait for.
        let diverged = trials.end(&FLUCTUATION.key).mean().err();
        return Claim {
            too_early: diverged.is_none().then(|| why.clone()),
            ..Claim::ratio(
                format!("{what}: F falls after the end of fitting"),
                beyond(""),
                Err(diverged.unwrap_or(why)),
                Tolerance::Below {},
            )
        };
    };
    let change = trials
        .end(&FLUCTUATION.key)
        .over(&trials.at(from, &FLUCTUATION.key));
    Claim::ratio(
        format!(
            "{what}: F falls from the end of fitting (step {}) to the end of the run",
            trials.steps[from]
        ),
        beyond(""),
        change.geometric_mean(),
        Tolerance::Below {},
    )
}

#[cfg(test)]
#[path = "network_tests.rs"]
mod tests;
