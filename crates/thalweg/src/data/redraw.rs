//! Fresh labels for the inputs of an evaluation set, as often as one likes.

use faer::Mat;

use super::Source;
use super::law::Batch;
use super::sampler::Sampler;
use super::samples::matrix;
use crate::random::Purpose;
use crate::tensor::Block;

/// The inputs of an evaluation set, whose labels are drawn again: for each input from its own law, independently
/// of the set's labels and of one another.
#[derive(Clone, Debug)]
pub struct Redraw {
    sampler: Sampler<f64>,
    targets: Block<f64>,
}

impl Redraw {
    /// For the first `inputs` of the `count` samples that `source` gives to `seed`.
    pub(super) fn new(source: &Source, seed: u64, count: usize, inputs: usize) -> Self {
        let count = source.evaluated(count);
        let [mut all, mut targets] = source.lines().map(|lines| Block::zeros(lines, count));
        let mut sampler = Sampler::new(source, seed);
        sampler.samples(&Batch::held_out(true), &mut all, &mut targets);
        let [_, targets] = source
            .lines()
            .map(|lines| Block::zeros(lines, inputs.min(count)));
        Self { sampler, targets }
    }

    /// Draw number `index`, lines × inputs: a function of the source, the seed, both counts and `index` alone.
    pub fn labels(&mut self, index: u64) -> Mat<f64> {
        let again = Batch {
            purpose: Purpose::Redraws,
            step: index,
            ..Batch::held_out(true)
        };
        self.sampler.targets_again(&again, &mut self.targets);
        matrix(&self.targets)
    }
}
