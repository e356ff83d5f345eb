//! The networks that are timed, with their data: those of the examples.

use std::path::Path;
use std::sync::Arc;

use thalweg::data::{Sampler, Samples, Source};
use thalweg::loss::Objective;
use thalweg::model::Network;
use thalweg::random::{Purpose, Stream};
use thalweg::tensor::Tape;
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
/// Samples of a set that other programs are given: all digits, and a part of the text.
const DIGITS: usize = 10_000;
const WINDOWS: usize = 2048;

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
    /// What it learns from, where that draws fresh samples.
    pub teacher: Option<Teacher>,
    /// What it is trained on, or a part of it, where that is a set in memory that programs are compared on.
    pub set: Option<Arc<Samples>>,
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
        let teacher = Teacher::of(&experiment)?;
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
            teacher,
            set: set(name, source),
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

/// Digits as they are, and windows of the text.
fn set(name: &str, source: &Source) -> Option<Arc<Samples>> {
    let most = match name {
        "mnist" => DIGITS,
        "text" => WINDOWS,
        _ => return None,
    };
    Some(Arc::new(source.evaluation(SEED, most)))
}

/// A teacher that draws fresh samples, from what its specification says.
pub struct Teacher {
    pub tape: Tape,
    pub weights: Vec<f64>,
    /// √Σε, which is diagonal; Σx is the identity.
    pub deviations: Vec<f64>,
}

impl Teacher {
    /// That of the run that [`Made::new`] makes.
    fn of(experiment: &NetworkExperiment) -> Result<Option<Self>, Box<dyn std::error::Error>> {
        let (NetworkSource::Teacher(source), Some(noise)) =
            (&experiment.data.source, &experiment.data.noise)
        else {
            return Ok(None);
        };
        let tape = source.network.tape_at(experiment.network.positions()[0])?;
        let run = experiment.seeds.first().copied().unwrap_or(0);
        let outputs = noise.covariance.nrows();
        Ok(Some(Self {
            weights: source.init.teacher_weights(&tape, source.seed.of(run)),
            deviations: (0..outputs)
                .map(|i| noise.covariance[(i, i)].sqrt())
                .collect(),
            tape,
        }))
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
