//! Fresh labels for the inputs of an evaluation set, as often as one likes.

use faer::Mat;

use super::Source;
use super::sampler::{Batch, Sampler};
use super::samples::matrix;
use crate::random::{Bulk, Purpose};
use crate::tensor::Block;

/// The inputs of an evaluation set, whose labels are drawn again: for each input from its own law, independently
/// of the set's labels and of one another.
#[derive(Clone, Debug)]
pub struct Redraw {
    seed: u64,
    sampler: Sampler<f64>,
    targets: Block<f64>,
}

impl Redraw {
    /// For the `count` samples that `source` gives to `seed`.
    pub(super) fn new(source: &Source, seed: u64, count: usize) -> Self {
        let (inputs, targets) = source.lines();
        let mut sampler = Sampler::new(source, seed);
        let (mut inputs, mut targets) = (Block::zeros(inputs, count), Block::zeros(targets, count));
        let batch = Batch::held_out(true);
        let mut bulk = sampler.inputs(&batch, inputs.lines_mut());
        sampler.targets(&batch, &mut bulk, targets.lines_mut());
        Self {
            seed,
            sampler,
            targets,
        }
    }

    /// Draw number `index`, lines × samples: a function of the source, the seed, the count and `index` alone.
    pub fn labels(&mut self, index: u64) -> Mat<f64> {
        let mut bulk = Bulk::new(self.seed, Purpose::Redraws, index);
        self.sampler.targets_again(&mut bulk, &mut self.targets);
        matrix(&self.targets)
    }
}
