//! The samples of some runs from any source, with the random numbers that each draws them by.

use std::fmt::Debug;

use super::Source;
use super::law::{Batch, Draw};
use crate::random::Bulk;
use crate::tensor::{LinesMut, Real};

/// [`Draw`] of any law.
pub(super) trait AnyDraw<T>: Debug + Send + Sync {
    fn inputs(&mut self, run: usize, batch: &Batch, random: &mut Bulk, to: LinesMut<'_, T>);
    fn between(&mut self);
    fn targets(&mut self, run: usize, noisy: bool, random: &mut Bulk, to: LinesMut<'_, T>);
    fn boxed(&self) -> Box<dyn AnyDraw<T>>;
}

impl<T: Real, D: Draw<T>> AnyDraw<T> for D {
    fn inputs(&mut self, run: usize, batch: &Batch, random: &mut Bulk, to: LinesMut<'_, T>) {
        Draw::inputs(self, run, batch, random, to);
    }
    fn between(&mut self) {
        Draw::between(self);
    }
    fn targets(&mut self, run: usize, noisy: bool, random: &mut Bulk, to: LinesMut<'_, T>) {
        Draw::targets(self, run, noisy, random, to);
    }
    fn boxed(&self) -> Box<dyn AnyDraw<T>> {
        Box::new(self.clone())
    }
}

/// Some runs' samples.
#[derive(Debug)]
pub(super) struct Draws<T> {
    seeds: Vec<u64>,
    draw: Box<dyn AnyDraw<T>>,
    /// Each run's random numbers: the targets' follow the inputs'.
    random: Vec<Bulk>,
}

impl<T> Clone for Draws<T> {
    fn clone(&self) -> Self {
        Self {
            seeds: self.seeds.clone(),
            draw: self.draw.boxed(),
            random: self.random.clone(),
        }
    }
}

impl<T: Real> Draws<T> {
    /// Those of `seeds`.
    pub(super) fn new(source: &Source, seeds: Vec<u64>) -> Self {
        Self {
            draw: source.draw(&seeds),
            random: Vec::with_capacity(seeds.len()),
            seeds,
        }
    }

    pub(super) fn seeds(&self) -> &[u64] {
        &self.seeds
    }

    /// Goes to the start of `batch`'s random numbers.
    pub(super) fn begin(&mut self, batch: &Batch) {
        self.random.clear();
        let start = |&seed| Bulk::new(seed, batch.purpose, batch.step);
        self.random.extend(self.seeds.iter().map(start));
    }

    pub(super) fn inputs(&mut self, run: usize, batch: &Batch, to: LinesMut<'_, T>) {
        self.draw.inputs(run, batch, &mut self.random[run], to);
    }

    pub(super) fn between(&mut self) {
        self.draw.between();
    }

    pub(super) fn targets(&mut self, run: usize, noisy: bool, to: LinesMut<'_, T>) {
        self.draw.targets(run, noisy, &mut self.random[run], to);
    }
}
