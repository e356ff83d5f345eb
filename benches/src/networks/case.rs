//! The networks that are timed, with their data: those of the examples.

use std::path::Path;
use std::sync::Arc;

use thalweg::data::Sampler;
use thalweg::loss::Objective;
use thalweg::model::Network;
use thalweg::random::{Purpose, Stream};
use thalweg::train::{Interventions, Trainer, Training};
use thalweg_lab::images::Pixels;
use thalweg_lab::network::Made;
use thalweg_lab::sources::NetworkSource;
use thalweg_lab::spec::{NetworkExperiment, read_experiment};

use super::solution::Trained;

/// Minibatches, which steps go round.
pub const BATCHES: usize = 8;
/// Samples of a Hessian product.
const EVALUATION: usize = 200;
/// Of the start and the minibatches.
const SEED: u64 = 0;
/// Steps of training before curvature is measured, and samples that it is measured on.
const TRAINING: u64 = 1000;
const CURVATURE: usize = 1024;

/// A network with its data in f32.
pub struct Case {
    pub name: &'static str,
    pub network: Network,
    pub training: Training<Interventions>,
    pub start: Vec<f64>,
    pub batches: Vec<Objective<f32>>,
    /// For Hessian products.
    pub evaluation: Objective<f32>,
    /// What the Hessian is multiplied by.
    pub direction: Vec<f32>,
    /// For curvature to a given accuracy.
    pub trained: Option<Trained>,
}

impl Case {
    /// All networks.
    pub fn all() -> Result<Vec<Self>, Box<dyn std::error::Error>> {
        [
            ("mlp", "relu.toml", Pixels::Unit),
            ("transformer", "transformer.toml", Pixels::Unit),
            ("text", "text.toml", Pixels::Unit),
            ("mnist", "mnist.toml", Pixels::Unit),
            // No input of it is 0, while four of five are in digits from 0 to 1.
            ("mnist-dense", "mnist.toml", Pixels::Standardised),
        ]
        .into_iter()
        .map(|(name, file, pixels)| Self::new(name, file, pixels))
        .collect()
    }

    /// The example `file`; images with hard labels, as most users train on, and pixels as given.
    fn new(
        name: &'static str,
        file: &str,
        as_pixels: Pixels,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/thalweg-lab/examples");
        let mut experiment = read_experiment::<NetworkExperiment>(&examples.join(file))?;
        if let NetworkSource::Images(images) = &mut experiment.data.source {
            images.pixels = as_pixels;
            experiment.data.noise = None;
        }
        let made = Made::new(&experiment)?;
        let start = experiment.init.weights(made.training.tape(), SEED);
        let trained = match name {
            "mnist" => Some(train(&made, &start)?),
            _ => None,
        };
        let training = made.training;
        let (tape, source) = (training.tape(), training.source());
        let mut sampler = Sampler::new(source, SEED);
        let objective = |samples| Objective::new(Arc::clone(tape), training.loss(), samples);
        let mut batches = vec![objective(training.settings().batch); BATCHES];
        for (step, batch) in (0..).zip(&mut batches) {
            sampler.fill(step, batch);
        }
        let mut evaluation = objective(EVALUATION);
        Sampler::new(source, SEED + 1).fill(0, &mut evaluation);
        let mut stream = Stream::new(SEED, Purpose::Probes);
        Ok(Self {
            name,
            start,
            trained,
            direction: (0..tape.parameter_count())
                .map(|_| stream.normal() as f32)
                .collect(),
            network: experiment.network,
            batches,
            evaluation,
            training,
        })
    }

    /// The start in f32.
    pub fn parameters(&self) -> Vec<f32> {
        self.start.iter().map(|&x| x as f32).collect()
    }
}

/// Trains in f32, as the example does.
fn train(made: &Made, start: &[f64]) -> Result<Trained, Box<dyn std::error::Error>> {
    let training = &made.training;
    let mut run = Trainer::<f32, _>::start(training, start, SEED)?;
    run.run_to(TRAINING);
    let parameters = run.parameters().iter().map(|&x| x.into()).collect();
    let samples = made.samples_of(CURVATURE, SEED)?;
    Trained::new(
        Arc::clone(training.tape()),
        training.loss(),
        parameters,
        samples,
    )
}
