//! Draws the batches of one run.

use super::Source;
use super::draws::Draws;
use super::law::Batch;
use super::masks;
use crate::loss::Objective;
use crate::tensor::{Block, Real};

/// One seed's samples. Which they are depends on the source, the seed, the step and the size of the batch
/// alone; in f32 they are those of f64, rounded. Nothing is allocated once warm.
#[derive(Clone, Debug)]
pub struct Sampler<T> {
    draws: Draws<T>,
}

impl<T: Real> Sampler<T> {
    /// For the run of `seed`.
    pub fn new(source: &Source, seed: u64) -> Self {
        Self {
            draws: Draws::new(source, vec![seed]),
        }
    }

    /// Puts the minibatch of `step` into `objective`, whose tape the source must fit, and the tape's masks.
    pub fn fill(&mut self, step: u64, objective: &mut Objective<T>) {
        self.draw(&Batch::training(step, objective.batch()), objective);
    }

    /// Puts the fixed batch that is drawn at `step`, in a run with minibatches of `batch`, into
    /// `objective`. Of a labelled set it is what comes next.
    pub fn fill_fixed(&mut self, step: u64, batch: usize, objective: &mut Objective<T>) {
        self.draw(&Batch::fixed(step, batch), objective);
    }

    /// Puts the minibatch of `step` on which an ascent of its own is made into `objective`.
    pub fn fill_ascent(&mut self, step: u64, objective: &mut Objective<T>) {
        self.draw(&Batch::ascent(step, objective.batch()), objective);
    }

    fn draw(&mut self, batch: &Batch, objective: &mut Objective<T>) {
        self.draws.begin(batch);
        self.draws.inputs(0, batch, objective.inputs_mut());
        self.draws.between();
        self.draws.targets(0, batch.noisy, objective.targets_mut());
        let mut random = masks::random(self.draws.seeds()[0], batch.change_step());
        for index in 0..objective.tape().masks().len() {
            let mask = objective.tape().masks()[index];
            masks::fill(mask, &mut random, objective.mask_mut(index));
        }
    }

    /// The samples of `batch` into blocks of any size.
    pub(super) fn samples(&mut self, batch: &Batch, inputs: &mut Block<T>, targets: &mut Block<T>) {
        self.draws.begin(batch);
        self.draws.inputs(0, batch, inputs.lines_mut());
        self.draws.between();
        self.draws.targets(0, batch.noisy, targets.lines_mut());
    }

    /// Noisy targets once more, for the same inputs, by the random numbers of `again`.
    pub(super) fn targets_again(&mut self, again: &Batch, to: &mut Block<T>) {
        self.draws.begin(again);
        self.draws.targets(0, true, to.lines_mut());
    }
}
