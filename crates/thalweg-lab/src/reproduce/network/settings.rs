//! The paper's networks: the experiment files under `examples/`, with the noise and loss that a panel asks for.

use thalweg::data::Place;
use thalweg::loss::{Convention, Loss};

use super::super::trials::SEEDS;
use super::super::{Budget, ReproduceError};
use crate::spec::{NetworkExperiment, Schedule, Spacing, parse_network_experiment};

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

impl Model {
    /// Those of Figure 3.
    pub const SWEPT: [Self; 4] = [Self::Linear, Self::Relu, Self::Rnn, Self::Transformer];

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

    /// Its architecture and data, in a line.
    pub fn description(self) -> &'static str {
        match self {
            Self::Linear => "2-2-2-2, linear teacher",
            Self::Relu => "2-4-2, teacher with 100 hidden units",
            Self::Rnn => "Elman, tanh, 4 hidden units, 4 steps, the last output; teacher with 100",
            Self::Transformer => {
                "d = 8, sequence of 4, 2 heads, perceptron with 4 hidden units, residuals; teacher with 100"
            }
            Self::Mnist => "784-128-10",
        }
    }

    fn file(self) -> &'static str {
        match self {
            Self::Linear => include_str!("../../../../../examples/linear.toml"),
            Self::Relu => include_str!("../../../../../examples/relu.toml"),
            Self::Rnn => include_str!("../../../../../examples/rnn.toml"),
            Self::Transformer => include_str!("../../../../../examples/transformer.toml"),
            Self::Mnist => include_str!("../../../../../examples/mnist.toml"),
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

    /// The experiment with κ(Σε) = `condition`, measured `count` times at equal distances; a quick one has a
    /// tenth of the steps, and a quarter of the measurements and of the samples that they use.
    ///
    /// # Errors
    /// When the file is not an experiment.
    pub fn experiment(
        self,
        loss: Loss,
        condition: f64,
        count: usize,
        budget: Budget,
    ) -> Result<NetworkExperiment, ReproduceError> {
        let mut experiment = parse_network_experiment(self.file())?;
        let outputs = experiment.network.outputs();
        experiment.loss = loss;
        experiment.seeds = SEEDS.to_vec();
        experiment.steps = budget.choose(experiment.steps / 10, experiment.steps);
        experiment.measure.schedule = Schedule {
            spacing: Spacing::Linear,
            count: budget.choose(count.div_ceil(4), count),
        };
        let samples = &mut experiment.measure.samples;
        *samples = budget.choose(*samples / 4, *samples);
        if let Some(noise) = &mut experiment.data.noise {
            noise.covariance =
                thalweg::problem::covariance::from_deviations(&self.deviations(outputs, condition));
            noise.place = match loss {
                Loss::SquaredError(_) => Place::Targets,
                Loss::CrossEntropy => Place::Logits,
            };
        }
        Ok(experiment)
    }
}

/// ½‖y − f‖².
pub const SQUARED_ERROR: Loss = Loss::SquaredError(Convention::Half);

/// From soft labels, softmax(clean + noise).
pub const CROSS_ENTROPY: Loss = Loss::CrossEntropy;

/// How every network is run and measured.
pub const TRIALS: &str = "seeds 1 to 5, mean ± standard error; trained in f32 on fresh noise at each step, measured in f64 on \
                          samples that no step sees";

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

fn round(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

/// η, B and the steps of `experiment`.
pub fn budget(experiment: &NetworkExperiment) -> String {
    let learning_rate = experiment.settings.optimizer.learning_rate.base;
    let (batch, steps) = (experiment.settings.batch, experiment.steps);
    format!("η = {learning_rate}, B = {batch}, {steps} steps")
}
