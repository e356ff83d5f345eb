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
    /// For the `count` samples that `source` gives to `seed`.
    pub(super) fn new(source: &Source, seed: u64, count: usize) -> Self {
        let [mut inputs, mut targets] = source.lines().map(|lines| Block::zeros(lines, count));
        let mut sampler = Sampler::new(source, seed);
        sampler.samples(&Batch::held_out(true), &mut inputs, &mut targets);
        Self { sampler, targets }
    }

    /// Draw number `index`, lines × samples: a function of the source, the seed, the count and `index` alone.
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
