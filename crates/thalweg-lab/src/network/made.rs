//! What a specification describes, made: the network's recording, its training, its evaluation set.

use std::sync::Arc;

use thalweg::data::{LabelNoise, Redraw, Samples, Source};
use thalweg::evaluation::Evaluation;
use thalweg::model::Dropout;
use thalweg::tensor::Tape;
use thalweg::train::{Interventions, Training};

use super::NetworkError;
use super::measure::{Effort, On};
use crate::sources::{Sources, Student};
use crate::spec::{EvaluationLabels, LEAST_SAMPLES, NetworkExperiment, NetworkMeasure, SAMPLES};
use crate::store::Fingerprint;

/// An experiment with its data in memory, as the run with one seed has it; clones share the data.
#[derive(Clone, Debug)]
pub struct Made {
    /// What is trained on what, and how. Its tape has the masks of dropout.
    pub training: Training<Interventions>,
    /// The network without dropout.
    tape: Arc<Tape>,
    /// What was read from the user's own files.
    pub(crate) data: Option<Fingerprint>,
    /// Bytes that reading the data took at its peak.
    pub data_memory: u64,
    /// What the evaluation set is drawn from: the stream itself, or the images that are not trained on.
    source: Source,
    measure: NetworkMeasure,
    /// The run's, by which its own teacher and evaluation set are drawn.
    run: u64,
}

impl Made {
    /// Reads and checks everything that `experiment` names, for the run with its first seed.
    ///
    /// # Errors
    /// When the network cannot be built, the data cannot be read or do not fit it, or a setting is out
    /// of range.
    pub fn new(experiment: &NetworkExperiment) -> Result<Self, NetworkError> {
        Self::of_run(experiment, experiment.seeds.first().copied().unwrap_or(0))
    }

    /// The same for the run with seed `run`.
    ///
    /// # Errors
    /// As [`Made::new`].
    pub fn of_run(experiment: &NetworkExperiment, run: u64) -> Result<Self, NetworkError> {
        let tape = Arc::new(experiment.network.tape()?);
        let trained = match experiment.dropout == Dropout::default() {
            true => Arc::clone(&tape),
            false => Arc::new(experiment.network.tape_with(&experiment.dropout)?),
        };
        let noise = experiment.data.noise.clone();
        let student = Student {
            network: &experiment.network,
            tape: &tape,
            noise: noise.unwrap_or_else(|| LabelNoise::none(experiment.network.outputs())),
            run,
        };
        let Sources {
            train,
            test,
            data,
            memory,
        } = experiment.data.source.about().make(&student)?;
        Ok(Self {
            data,
            data_memory: memory,
            training: Training::new(trained, experiment.loss, train, experiment.settings.clone())?,
            tape,
            source: test,
            measure: experiment.measure,
            run,
        })
    }

    /// The network without dropout, as it is measured and used.
    pub fn tape(&self) -> &Arc<Tape> {
        &self.tape
    }

    /// The same for each of the experiment's seeds, one after the other.
    ///
    /// # Errors
    /// As [`Made::new`].
    pub fn each(experiment: &NetworkExperiment) -> Result<Vec<Self>, NetworkError> {
        let own = experiment.data.source.about().differs_by_run();
        let first = Self::new(experiment)?;
        let each = experiment.seeds.iter().map(|&run| {
            if own {
                return Self::of_run(experiment, run);
            }
            Ok(Self {
                run,
                ..first.clone()
            })
        });
        each.collect()
    }

    /// The run's own evaluation set, of the side and with the labels that the experiment has.
    ///
    /// # Errors
    /// When there are not so many samples.
    pub fn samples(&self) -> Result<Arc<Samples>, NetworkError> {
        self.labelled(self.side())
    }

    /// As many samples that training does not use, labelled alike, where [`Made::samples`] are trained on.
    pub(crate) fn held_out(&self) -> Result<Option<Arc<Samples>>, NetworkError> {
        (self.measure.on == On::Train)
            .then(|| self.labelled(&self.source))
            .transpose()
    }

    fn labelled(&self, source: &Source) -> Result<Arc<Samples>, NetworkError> {
        let count = available(source, self.measure.samples)?;
        let seed = self.evaluation_seed();
        Ok(Arc::new(match self.measure.labels {
            EvaluationLabels::Noisy => source.evaluation(seed, count),
            EvaluationLabels::Clean => source.clean(seed, count),
        }))
    }

    /// What the run is measured on.
    fn side(&self) -> &Source {
        self.source_of(self.measure.on)
    }

    fn source_of(&self, on: On) -> &Source {
        match on {
            On::Test => &self.source,
            On::Train => self.training.source(),
        }
    }

    /// The same inputs with noisy labels, where [`Made::samples`] has clean ones: the fluctuation is theirs.
    pub(crate) fn noisy_samples(&self) -> Result<Option<Arc<Samples>>, NetworkError> {
        let NetworkMeasure {
            samples, labels, ..
        } = self.measure;
        if labels == EvaluationLabels::Noisy {
            return Ok(None);
        }
        let source = self.side();
        let samples = available(source, samples)?;
        let noisy = source.evaluation(self.evaluation_seed(), samples);
        Ok(Some(Arc::new(noisy)))
    }

    /// `samples` as the training sees them, each with a change of its own; nothing where they are not changed.
    pub(crate) fn as_trained(&self, samples: &Samples) -> Option<Arc<Samples>> {
        let (method, tape) = (&self.training.settings().optimizer, self.training.tape());
        let seed = self.evaluation_seed();
        let changed = || Arc::new(method.samples(tape, samples, seed));
        (method.change_the_loss() || !tape.masks().is_empty()).then(changed)
    }

    /// Of the run's evaluation set and random probes.
    pub(crate) fn evaluation_seed(&self) -> u64 {
        self.measure.seed.of(self.run)
    }

    /// How many samples are measured on where `count` are asked for.
    ///
    /// # Errors
    /// When there are not so many.
    pub(crate) fn available(&self, on: On, count: usize) -> Result<usize, NetworkError> {
        available(self.source_of(on), count)
    }

    /// `count` samples with noise, fixed by `seed`; never ones that are trained on, and none of them twice.
    ///
    /// # Errors
    /// When there are not so many.
    pub fn samples_of(&self, count: usize, seed: u64) -> Result<Arc<Samples>, NetworkError> {
        let count = available(&self.source, count)?;
        Ok(Arc::new(self.source.evaluation(seed, count)))
    }

    /// `count` samples that are trained on, none of them twice, fixed by `seed`; each changed as the training changes it.
    ///
    /// # Errors
    /// When there are not so many.
    pub(crate) fn training_samples(
        &self,
        count: usize,
        seed: u64,
    ) -> Result<Arc<Samples>, NetworkError> {
        let source = self.training.source();
        let count = available(source, count)?;
        let samples = source.evaluation(seed, count);
        let (method, tape) = (&self.training.settings().optimizer, self.training.tape());
        Ok(Arc::new(method.samples(tape, &samples, seed)))
    }

    /// The labels of the first `inputs` of these samples, drawn again; nothing where they have no noise.
    pub fn redraw(&self, count: usize, seed: u64, inputs: usize) -> Option<Redraw> {
        self.source.redraw(seed, count, inputs)
    }

    /// Bytes that an evaluation on `samples` samples takes, with estimates of that effort, on `threads` threads.
    pub(super) fn memory(&self, samples: usize, effort: Effort, threads: usize) -> u64 {
        let vectors = effort.vectors(self.training.tape());
        Evaluation::memory(self.training.tape(), samples, vectors, threads)
    }

    /// The loss over `samples`, with its derivatives.
    ///
    /// # Errors
    /// When a sample is not finite.
    pub fn evaluation(&self, samples: Arc<Samples>) -> Result<Evaluation, NetworkError> {
        self.evaluation_of(&self.tape, samples)
    }

    /// The loss that is descended over samples as they are trained on.
    pub(crate) fn evaluation_as_trained(
        &self,
        samples: Arc<Samples>,
    ) -> Result<Evaluation, NetworkError> {
        self.evaluation_of(self.training.tape(), samples)
    }

    fn evaluation_of(
        &self,
        tape: &Arc<Tape>,
        samples: Arc<Samples>,
    ) -> Result<Evaluation, NetworkError> {
        let loss = self.training.loss();
        let tape = Arc::clone(tape);
        Ok(Evaluation::new(tape, loss, samples, Evaluation::BATCH)?)
    }
}

/// `count`, or all that `source` has where that is fewer than are taken unasked.
fn available(source: &Source, count: usize) -> Result<usize, NetworkError> {
    match source.evaluation_limit() {
        Some(limit) if limit < LEAST_SAMPLES => Err(NetworkError::TooFewHeldOut { limit }),
        Some(limit) if count > limit && count == SAMPLES => Ok(limit),
        Some(limit) if count > limit => Err(NetworkError::EvaluationSet { count, limit }),
        _ => Ok(count),
    }
}
