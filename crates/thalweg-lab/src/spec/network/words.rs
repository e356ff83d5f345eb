//! An experiment on a network in a reader's words.

use thalweg::data::LabelNoise;
use thalweg::loss::{Convention, Loss};
use thalweg::model::Network;
use thalweg::problem::{Caveat, ProblemField, caveats};
use thalweg::random::NoiseLaw;

use super::{EvaluationLabels, NetworkExperiment, NetworkMeasure, SAMPLES, interventions};
use crate::network::On;
use crate::provenance::LOSS_CONVENTION;
use crate::sources::NetworkSource;
use crate::spec::word::Word as _;

impl NetworkExperiment {
    /// What rounding did to the covariances of inputs and label noise. One that is none is refused elsewhere.
    pub fn caveats(&self) -> Vec<Caveat> {
        let inputs = self.data.source.about().input_covariance();
        let noise = self.data.noise.as_ref().map(|noise| &noise.covariance);
        [
            (ProblemField::InputCovariance, inputs),
            (ProblemField::NoiseCovariance, noise),
        ]
        .into_iter()
        .filter_map(|(field, covariance)| caveats(field, covariance?.clone()).ok())
        .flatten()
        .collect()
    }

    /// The network's shape and size.
    pub fn network_words(&self) -> String {
        let shape = match &self.network {
            Network::Mlp(mlp) => {
                let widths: Vec<_> = mlp.widths.iter().map(usize::to_string).collect();
                format!("perceptron {}", widths.join(" → "))
            }
            Network::Rnn(rnn) => format!(
                "recurrent network {} → {} → {} over {} positions",
                rnn.inputs, rnn.hidden, rnn.outputs, rnn.steps
            ),
            Network::LanguageModel(model) => format!(
                "language model: {} tokens, width {}, {} positions, {} heads, hidden {}, blocks {}",
                model.tokens, model.width, model.positions, model.heads, model.hidden, model.blocks
            ),
            Network::Transformer(transformer) => format!(
                "transformer: width {}, {} positions, {} heads, hidden {}, blocks {}",
                transformer.width,
                transformer.positions,
                transformer.heads,
                transformer.hidden,
                transformer.blocks
            ),
        };
        match self.network.tape() {
            Ok(tape) => format!("{shape}; {} parameters", tape.parameter_count()),
            Err(error) => format!("{shape} ({error})"),
        }
    }

    /// Where samples come from, and the noise on their labels.
    pub fn data_words(&self) -> String {
        let source = self.data.source.about().words();
        match &self.data.noise {
            None => format!("{source}; no noise added to the labels"),
            Some(noise) => format!("{source}; {}", noise_words(noise)),
        }
    }

    /// What is added to plain SGD; nothing where nothing is.
    pub fn intervention_words(&self) -> Option<String> {
        interventions::words(&self.settings.optimizer, self.dropout)
    }

    /// What is measured on.
    pub fn evaluation_words(&self) -> String {
        let NetworkMeasure {
            on,
            samples,
            seed,
            labels,
            ..
        } = self.measure;
        let labels = match labels {
            EvaluationLabels::Noisy if self.data.noise.is_none() => "their labels",
            EvaluationLabels::Noisy => "noisy labels",
            EvaluationLabels::Clean => "clean labels, but for the fluctuation",
        };
        let on = match on {
            On::Test => "",
            On::Train => " that are trained on",
        };
        let all = match &self.data.source {
            NetworkSource::Teacher(_) => "",
            _ if samples == SAMPLES => ", or all there are,",
            _ => "",
        };
        format!("{samples} samples{all}{on} with {labels} ({seed})")
    }

    /// What is averaged over samples, with its convention.
    pub fn loss_words(&self) -> &'static str {
        match self.loss {
            Loss::SquaredError(Convention::Half) => LOSS_CONVENTION,
            Loss::SquaredError(Convention::Mean) => {
                "‖y − f(x)‖² over the number of outputs (nn.MSELoss), averaged over samples"
            }
            Loss::CrossEntropy => {
                "cross-entropy −Σ y ln softmax f(x), summed over positions, averaged over samples"
            }
            Loss::MeanCrossEntropy => {
                "cross-entropy −Σ y ln softmax f(x), averaged over positions and over samples"
            }
        }
    }
}

fn noise_words(noise: &LabelNoise) -> String {
    let law = match noise.law {
        NoiseLaw::Gaussian => "Gaussian".to_owned(),
        NoiseLaw::Laplace => "Laplace".to_owned(),
        NoiseLaw::StudentT { degrees } => format!("Student-t ({degrees} degrees)"),
        NoiseLaw::Uniform => "uniform".to_owned(),
    };
    let place = noise.place.word();
    let d = noise.covariance.nrows();
    let deviations: Vec<f64> = (0..d).map(|i| noise.covariance[(i, i)].sqrt()).collect();
    let least = deviations.iter().copied().fold(f64::INFINITY, f64::min);
    let most = deviations.iter().copied().fold(0.0, f64::max);
    let size = if least == most {
        format!("standard deviation {most:.3}")
    } else {
        format!("standard deviations {least:.3} to {most:.3}")
    };
    format!("{law} noise on {place}, {size}")
}
