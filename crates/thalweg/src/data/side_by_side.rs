//! Draws the batches of several runs at once, each into a lane of its own.

use super::Source;
use super::draws::Draws;
use super::law::Batch;
use super::masks;
use crate::loss::Objective;
use crate::tensor::{Block, Lines, LinesMut, Real};

/// The samples of several seeds: for each the same as a [`Sampler`](super::Sampler) of its own draws. Nothing is
/// allocated once warm.
#[derive(Clone, Debug)]
pub(crate) struct SideBySide<T> {
    draws: Draws<T>,
    /// Each run's inputs.
    inputs: Vec<Block<T>>,
    /// One run's targets.
    targets: Block<T>,
}

impl<T: Real> SideBySide<T> {
    /// Batches of `batch` samples for the runs of `seeds`.
    pub fn new(source: &Source, seeds: Vec<u64>, batch: usize) -> Self {
        let [inputs, targets] = source.lines();
        Self {
            inputs: vec![Block::zeros(inputs, batch); seeds.len()],
            targets: Block::zeros(targets, batch),
            draws: Draws::new(source, seeds),
        }
    }

    /// Puts the minibatches of `step` into `objective`, the first seed's into the first lane, each after `change` of
    /// its seed, inputs and targets.
    pub fn fill(
        &mut self,
        step: u64,
        objective: &mut Objective<T::Seeds>,
        change: impl Fn(u64, LinesMut<'_, T>, LinesMut<'_, T>),
    ) {
        self.draw(&Batch::training(step, objective.batch()), objective, change);
    }

    /// The same with the minibatches on which ascents of their own are made.
    pub fn fill_ascent(
        &mut self,
        step: u64,
        objective: &mut Objective<T::Seeds>,
        change: impl Fn(u64, LinesMut<'_, T>, LinesMut<'_, T>),
    ) {
        self.draw(&Batch::ascent(step, objective.batch()), objective, change);
    }

    fn draw(
        &mut self,
        batch: &Batch,
        objective: &mut Objective<T::Seeds>,
        change: impl Fn(u64, LinesMut<'_, T>, LinesMut<'_, T>),
    ) {
        self.draws.begin(batch);
        for (run, inputs) in self.inputs.iter_mut().enumerate() {
            self.draws.inputs(run, batch, inputs.lines_mut());
        }
        self.draws.between();
        for (run, inputs) in self.inputs.iter_mut().enumerate() {
            let targets = &mut self.targets;
            self.draws.targets(run, batch.noisy, targets.lines_mut());
            let seed = self.draws.seeds()[run];
            change(seed, inputs.lines_mut(), targets.lines_mut());
            put::<T>(run, inputs.lines(), objective.inputs_mut());
            put::<T>(run, targets.lines(), objective.targets_mut());
            let mut random = masks::random(seed, batch.change_step());
            for index in 0..objective.tape().masks().len() {
                let mask = objective.tape().masks()[index];
                let mut numbers = Block::zeros(mask.count(), objective.batch());
                masks::fill(mask, &mut random, numbers.lines_mut());
                put::<T>(run, numbers.lines(), objective.mask_mut(index));
            }
        }
    }
}

/// One run's numbers into its lane.
fn put<T: Real>(lane: usize, from: Lines<'_, T>, mut to: LinesMut<'_, T::Seeds>) {
    for line in 0..from.count() {
        for (to, &x) in to.line(line).iter_mut().zip(from.line(line)) {
            to.as_mut()[lane] = x;
        }
    }
}
