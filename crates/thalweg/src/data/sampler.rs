//! Draws batches from a source, for one seed and in one precision.

use super::Source;
use super::labelled::LabelledSampler;
use super::teacher::TeacherSampler;
use crate::loss::Objective;
use crate::random::{Bulk, Purpose};
use crate::tensor::{Block, LinesMut, Real};

/// One seed's samples. Which they are depends on the source, the seed, the step and the size of the batch
/// alone; in f32 they are those of f64, rounded. Nothing is allocated once warm.
#[derive(Clone, Debug)]
pub struct Sampler<T> {
    seed: u64,
    kind: Kind<T>,
}

#[derive(Clone, Debug)]
enum Kind<T> {
    Teacher(Box<TeacherSampler<T>>),
    Labelled(LabelledSampler<T>),
}

/// Which samples are drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Batch {
    /// What for.
    pub purpose: Purpose,
    /// The purpose that fixes the order of a labelled set.
    pub order: Purpose,
    /// The step's number.
    pub step: u64,
    /// How many samples of a labelled set were visited before.
    pub first: u128,
    /// Whether with noise.
    pub noisy: bool,
}

impl Batch {
    /// The minibatch of `step`, of `batch` samples.
    pub fn training(step: u64, batch: usize) -> Self {
        Self {
            purpose: Purpose::Batches,
            order: Purpose::Shuffle,
            step,
            first: u128::from(step) * batch as u128,
            noisy: true,
        }
    }

    /// An evaluation set.
    pub fn held_out(noisy: bool) -> Self {
        Self {
            purpose: Purpose::Evaluation,
            order: Purpose::EvaluationOrder,
            step: 0,
            first: 0,
            noisy,
        }
    }

    /// The fixed batch that is drawn at `step`, in a run with minibatches of `batch` samples.
    fn fixed(step: u64, batch: usize) -> Self {
        Self {
            purpose: Purpose::FixedBatch,
            ..Self::training(step, batch)
        }
    }
}

impl<T: Real> Sampler<T> {
    /// For the run of `seed`.
    pub fn new(source: &Source, seed: u64) -> Self {
        let kind = match source {
            Source::Teacher(stream) => Kind::Teacher(Box::new(TeacherSampler::new(stream, 1))),
            Source::Labelled(set) => Kind::Labelled(LabelledSampler::new(set, seed)),
        };
        Self { seed, kind }
    }

    /// Puts the minibatch of `step` into `objective`, whose tape the source must fit.
    pub fn fill(&mut self, step: u64, objective: &mut Objective<T>) {
        self.draw(&Batch::training(step, objective.batch()), objective);
    }

    /// Puts the fixed batch that is drawn at `step`, in a run with minibatches of `batch`, into
    /// `objective`. Of a labelled set it is what comes next.
    pub fn fill_fixed(&mut self, step: u64, batch: usize, objective: &mut Objective<T>) {
        self.draw(&Batch::fixed(step, batch), objective);
    }

    fn draw(&mut self, batch: &Batch, objective: &mut Objective<T>) {
        let mut bulk = self.inputs(batch, objective.inputs_mut());
        self.targets(batch, &mut bulk, objective.targets_mut());
    }

    /// The random numbers that [`Sampler::targets`] goes on with.
    pub(super) fn inputs(&mut self, batch: &Batch, to: LinesMut<'_, T>) -> Bulk {
        let mut bulk = Bulk::new(self.seed, batch.purpose, batch.step);
        match &mut self.kind {
            Kind::Teacher(sampler) => sampler.inputs(&mut bulk, to),
            Kind::Labelled(sampler) => sampler.inputs(batch, &mut bulk, to),
        }
        bulk
    }

    /// Noisy targets once more for inputs that have had some, clean or not.
    pub(super) fn targets_again(&mut self, bulk: &mut Bulk, to: &mut Block<T>) {
        match &mut self.kind {
            // The teacher's answer is still there, of a single seed.
            Kind::Teacher(sampler) => sampler.answer(0, bulk, to),
            Kind::Labelled(sampler) => sampler.targets(true, bulk, to.lines_mut()),
        }
    }

    pub(super) fn targets(&mut self, batch: &Batch, bulk: &mut Bulk, to: LinesMut<'_, T>) {
        match &mut self.kind {
            Kind::Teacher(sampler) => sampler.targets(batch.noisy, bulk, to),
            Kind::Labelled(sampler) => sampler.targets(batch.noisy, bulk, to),
        }
    }
}
