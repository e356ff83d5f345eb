//! What a specification describes, made: the network's recording, its training, its evaluation set.

use std::sync::Arc;

use faer::Mat;
use thalweg::data::{
    LabelNoise, LabelledSet, Redraw, Samples, Source, TeacherStream, symmetric_flips,
};
use thalweg::evaluation::Evaluation;
use thalweg::model::Network;
use thalweg::tensor::Tape;
use thalweg::train::Training;

use super::NetworkError;
use crate::images::{ImageSet, builtin, read_folder};
use crate::spec::{NetworkExperiment, NetworkSource};
use crate::store::Fingerprint;

/// An experiment with its data in memory.
#[derive(Clone, Debug)]
pub struct Made {
    /// What is trained on what, and how.
    pub training: Training,
    /// What was read from the user's own files.
    pub(crate) data: Option<Fingerprint>,
    /// What the evaluation set is drawn from: the stream itself, or the images that are not trained on.
    source: Source,
    samples: usize,
    seed: u64,
}

impl Made {
    /// Reads and checks everything that `experiment` names.
    ///
    /// # Errors
    /// When the network cannot be built, the data cannot be read or do not fit it, or a setting is out
    /// of range.
    pub fn new(experiment: &NetworkExperiment) -> Result<Self, NetworkError> {
        let tape = Arc::new(experiment.network.tape()?);
        let ([train, test], data) = sources(experiment, &tape)?;
        Ok(Self {
            data,
            training: Training::new(tape, experiment.loss, train, experiment.settings)?,
            source: test,
            samples: experiment.measure.samples,
            seed: experiment.measure.seed,
        })
    }

    /// The experiment's own evaluation set.
    pub fn samples(&self) -> Samples {
        self.samples_of(self.samples, self.seed)
    }

    /// `count` samples with noise, fixed by `seed`; never ones that are trained on.
    pub fn samples_of(&self, count: usize, seed: u64) -> Samples {
        Arc::new(self.source.clone()).evaluation(seed, count)
    }

    /// The labels of these samples, drawn again; nothing where they have no noise.
    pub fn redraw(&self, count: usize, seed: u64) -> Option<Redraw> {
        self.source.redraw(seed, count)
    }

    /// The loss over `samples`, with its derivatives.
    ///
    /// # Errors
    /// When a sample is not finite.
    pub fn evaluation(&self, samples: Samples) -> Result<Evaluation, NetworkError> {
        let training = &self.training;
        let tape = Arc::clone(training.tape());
        Ok(Evaluation::new(
            tape,
            training.loss(),
            samples,
            Evaluation::BATCH,
        )?)
    }
}

/// What to train on and what to evaluate on, and the fingerprint of what was read from the user's files.
fn sources(
    experiment: &NetworkExperiment,
    tape: &Tape,
) -> Result<([Source; 2], Option<Fingerprint>), NetworkError> {
    let outputs = experiment.network.outputs();
    let noise = experiment.data.noise.clone();
    let noise = noise.unwrap_or_else(|| LabelNoise::none(outputs));
    match &experiment.data.source {
        NetworkSource::Teacher {
            network,
            seed,
            init,
            input_covariance,
        } => {
            let teacher = teacher_tape(network, &experiment.network)?;
            let weights = init.teacher_weights(&teacher, *seed);
            let inputs = tape.input().rows();
            let covariance = input_covariance
                .clone()
                .unwrap_or_else(|| Mat::identity(inputs, inputs));
            let stream = Source::from(TeacherStream::new(teacher, weights, covariance, noise)?);
            Ok(([stream.clone(), stream], None))
        }
        NetworkSource::Images {
            path,
            pixels,
            sampling,
            label_flips,
        } => {
            let set = match path {
                None => builtin()?,
                Some(path) => read_folder(path)?,
            };
            let data = path.as_ref().map(|path| set.fingerprint(path));
            let features = set.features(*pixels);
            let ImageSet { train, test } = set;
            let flips = match label_flips {
                0.0 => None,
                chance => Some(symmetric_flips(outputs, *chance)?),
            };
            let source = |features: &Mat<f64>, labels: &[u8]| {
                let inputs = Mat::from_fn(features.nrows(), features.ncols(), |i, j| {
                    features[(i, j)] as f32
                });
                let labels = labels.iter().map(|&label| usize::from(label)).collect();
                let set = LabelledSet::new(inputs, labels, outputs, noise.clone())?;
                let set = set.visited(sampling.clone())?;
                Ok(Source::from(match &flips {
                    None => set,
                    Some(confusion) => set.flipped(confusion)?,
                }))
            };
            let sources = [
                source(&features[0], &train.labels),
                source(&features[1], &test.labels),
            ];
            let [train, test]: [Result<Source, NetworkError>; 2] = sources;
            Ok(([train?, test?], data))
        }
    }
}

/// The teacher on the student's inputs: a perceptron teaches a sequence at each of its positions.
fn teacher_tape(teacher: &Network, student: &Network) -> Result<Tape, NetworkError> {
    Ok(teacher.tape_at(student.positions()[0])?)
}
