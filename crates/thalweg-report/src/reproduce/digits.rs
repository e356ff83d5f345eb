//! The experiments on the built-in digits from which figures on additions to training begin: plain SGD, measured on the training set.

use thalweg::loss::Loss;
use thalweg::model::{Mlp, Network};
use thalweg::tensor::Activation;
use thalweg_lab::network::On;
use thalweg_lab::spec::{Draft, NetworkExperiment};

use super::ReproduceError;
use super::network::Model;

/// Pixels, and classes.
const ENDS: [usize; 2] = [784, 10];

/// Perceptrons of ReLU with these `hidden` widths learn the digits on `loss`, without noise on the labels and without biases, at η = 0.05 and
/// B = 64; all is measured on samples that are trained on, and the loss on others beside.
///
/// # Errors
/// When the example that it is made from is not an experiment.
pub fn digits(hidden: &[usize], loss: Loss) -> Result<NetworkExperiment, ReproduceError> {
    let mut experiment =
        Draft::from_toml(Model::Mnist.file())?.experiment::<NetworkExperiment>()?;
    let [inputs, outputs] = ENDS;
    experiment.network = Network::Mlp(Mlp {
        widths: [&[inputs], hidden, &[outputs]].concat(),
        activation: Activation::Relu,
        biases: false,
    });
    experiment.loss = loss;
    experiment.data.noise = None;
    experiment.settings.batch = 64;
    let optimizer = &mut experiment.settings.optimizer;
    optimizer.update.learning_rate_mut().base = 0.05;
    experiment.measure.on = On::Train;
    Ok(experiment)
}
