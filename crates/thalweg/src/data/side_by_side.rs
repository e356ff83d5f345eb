//! Draws the batches of several seeds at once, each into a lane of its own.

use super::Source;
use super::labelled::LabelledSampler;
use super::sampler::Batch;
use super::teacher::TeacherSampler;
use crate::loss::Objective;
use crate::random::Bulk;
use crate::tensor::{Block, Lines, LinesMut, Real};

/// The samples of several seeds: for each the same as a [`Sampler`](super::Sampler) of its own draws. A teacher
/// answers for all of them at once. Nothing is allocated once warm.
#[derive(Clone, Debug)]
pub(crate) struct SideBySide<T> {
    seeds: Vec<u64>,
    kind: Kind<T>,
    bulks: Vec<Bulk>,
    /// One seed's samples.
    inputs: Block<T>,
    targets: Block<T>,
}

#[derive(Clone, Debug)]
enum Kind<T> {
    Teacher(Box<TeacherSampler<T>>),
    Labelled(Vec<LabelledSampler<T>>),
}

impl<T: Real> SideBySide<T> {
    /// Batches of `batch` samples for the runs of `seeds`.
    pub fn new(source: &Source, seeds: Vec<u64>, batch: usize) -> Self {
        let kind = match source {
            Source::Teacher(stream) => {
                let sampler = TeacherSampler::new(stream, seeds.len() * batch);
                Kind::Teacher(Box::new(sampler))
            }
            Source::Labelled(set) => {
                let sampler = |&seed| LabelledSampler::new(set, seed);
                Kind::Labelled(seeds.iter().map(sampler).collect())
            }
        };
        let (inputs, targets) = source.lines();
        Self {
            kind,
            bulks: Vec::with_capacity(seeds.len()),
            inputs: Block::zeros(inputs, batch),
            targets: Block::zeros(targets, batch),
            seeds,
        }
    }

    /// Puts the minibatches of `step` into `objective`, the first seed's into the first lane.
    pub fn fill(&mut self, step: u64, objective: &mut Objective<T::Seeds>) {
        let batch = Batch::training(step, objective.batch());
        self.bulks.clear();
        for (lane, &seed) in self.seeds.iter().enumerate() {
            let mut bulk = Bulk::new(seed, batch.purpose, batch.step);
            match &mut self.kind {
                Kind::Teacher(teacher) => teacher.ask(lane, &mut bulk, &mut self.inputs),
                Kind::Labelled(samplers) => {
                    samplers[lane].inputs(&batch, &mut bulk, self.inputs.lines_mut());
                }
            }
            put::<T>(lane, self.inputs.lines(), objective.inputs_mut());
            self.bulks.push(bulk);
        }
        if let Kind::Teacher(teacher) = &mut self.kind {
            teacher.think();
        }
        for (lane, bulk) in self.bulks.iter_mut().enumerate() {
            match &mut self.kind {
                Kind::Teacher(teacher) => teacher.answer(lane, bulk, &mut self.targets),
                Kind::Labelled(samplers) => {
                    samplers[lane].targets(batch.noisy, bulk, self.targets.lines_mut());
                }
            }
            put::<T>(lane, self.targets.lines(), objective.targets_mut());
        }
    }
}

/// One seed's numbers into its lane.
fn put<T: Real>(lane: usize, from: Lines<'_, T>, mut to: LinesMut<'_, T::Seeds>) {
    for line in 0..from.count() {
        for (to, &x) in to.line(line).iter_mut().zip(from.line(line)) {
            to.as_mut()[lane] = x;
        }
    }
}
