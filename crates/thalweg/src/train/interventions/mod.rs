//! What people add to SGD when they train networks: changes of the batch, SAM, clipping, another optimiser.
//!
//! Each addition is one file here and one entry of the list that it belongs to: [`Change`] for what is done to a batch,
//! [`Optimizer`] for updates. All are functions of (seed, step), so that a run that was stopped goes on with the same bits, and
//! runs in lanes have those that each has alone.

mod ascent;
mod change;
mod clipping;
mod flips;
mod input_dropout;
mod mixup;
mod noise;
mod shifts;
mod smoothing;

pub use ascent::Ascent;
pub use change::Change;
pub use clipping::clip;
pub use flips::Flips;
pub use input_dropout::InputDropout;
pub use mixup::Mixup;
pub use noise::InputNoise;
pub use shifts::Shifts;
pub use smoothing::Smoothing;

use super::method::{Drawn, Method, Needs, Room};
use crate::data::{Samples, masks};
use crate::loss::Objective;
use crate::optimizer::{Optimizer, OptimizerError, RateSchedule, Sgd};
use crate::tensor::{Block, Number, Real, Tape};

/// The step whose random numbers change the samples of an evaluation set. No run gets there.
const EVALUATION: u64 = u64::MAX >> 1;

/// A training step with all that is added to it.
///
/// The batch is changed first, by each of `changes` in turn; the gradient is that of SAM where there is an ascent; then it is
/// clipped; then the optimiser makes its update.
///
/// ```
/// use thalweg::optimizer::Sgd;
/// use thalweg::train::{Change, Interventions, Smoothing};
///
/// let plain = Interventions::from(Sgd::new(0.1));
/// let smoothed = Interventions { changes: vec![Change::Smoothing(Smoothing(0.1))], ..plain.clone() };
/// assert!(smoothed.change_the_loss() && !plain.change_the_loss());
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Interventions {
    /// What is done to each batch, in this order.
    pub changes: Vec<Change>,
    /// Sharpness-aware minimisation.
    pub sam: Option<Ascent>,
    /// c > 0: a longer gradient is shortened to ‖g‖ = c.
    pub clipping: Option<f64>,
    /// What makes an update of a gradient.
    pub update: Optimizer,
}

impl From<Sgd> for Interventions {
    fn from(sgd: Sgd) -> Self {
        Self {
            changes: Vec::new(),
            sam: None,
            clipping: None,
            update: Optimizer::Sgd(sgd),
        }
    }
}

impl Interventions {
    /// η_t, the learning rate as a function of the step.
    pub fn learning_rate(&self) -> &RateSchedule {
        self.update.learning_rate()
    }

    /// Whether the loss that is descended is another than the plain one.
    pub fn change_the_loss(&self) -> bool {
        !self.changes.is_empty()
    }

    /// `samples` as a training on `tape` sees them: each with a change of its own, drawn by `seed`. Their mean loss estimates that
    /// of the law of samples *and* changes, and so do its derivatives and the scatter of the samples' gradients. Where the tape has
    /// masks, theirs stand below the inputs.
    pub fn samples(&self, tape: &Tape, samples: &Samples, seed: u64) -> Samples {
        let block = |from: &faer::Mat<f64>| {
            Block::from_fn(from.nrows(), from.ncols(), |line, sample| {
                from[(line, sample)]
            })
        };
        let (mut inputs, mut targets) = (block(&samples.inputs), block(&samples.targets));
        let drawn = Drawn {
            tape,
            inputs: inputs.lines_mut(),
            targets: targets.lines_mut(),
        };
        self.batch(seed, EVALUATION, drawn);
        let mut samples = Samples::of(&inputs, &targets);
        let mut random = masks::random(seed, EVALUATION);
        for &mask in tape.masks() {
            let mut numbers = Block::zeros(mask.count(), samples.inputs.ncols());
            masks::fill(mask, &mut random, numbers.lines_mut());
            samples.append(&numbers);
        }
        samples
    }
}

impl Method for Interventions {
    fn validate(&self, batches: &[usize]) -> Result<(), OptimizerError> {
        for change in &self.changes {
            change.validate()?;
        }
        if let Some(sam) = &self.sam {
            sam.validate(batches)?;
        }
        if let Some(limit) = self.clipping {
            clipping::validate(limit)?;
        }
        self.update.validate()
    }

    fn batch<T: Real>(&self, seed: u64, step: u64, mut drawn: Drawn<'_, T>) {
        for change in &self.changes {
            change.apply(seed, step, &mut drawn);
        }
    }

    fn needs(&self) -> Needs {
        self.sam.as_ref().map_or_else(Needs::default, Ascent::needs)
    }

    fn gradient<N: Number>(
        &self,
        _: u64,
        objective: &mut Objective<N>,
        parameters: &[N],
        room: &mut Room<N>,
        gradient: &mut [N],
    ) {
        match &self.sam {
            None => objective.gradient(parameters, gradient),
            Some(sam) => sam.gradient(objective, parameters, room, gradient),
        }
        if let Some(limit) = self.clipping {
            clip(limit, gradient);
        }
    }

    fn memory_len(&self, parameters: usize) -> usize {
        self.update.memory_len(parameters)
    }

    fn update<N: Number>(
        &self,
        step: u64,
        parameters: &mut [N],
        memory: &mut [N],
        gradient: &[N],
    ) -> N {
        self.update.update(step, parameters, memory, gradient)
    }

    fn preconditioner(&self, steps: u64, memory: &[f64]) -> Option<Vec<f64>> {
        match &self.update {
            Optimizer::Sgd(_) => None,
            Optimizer::AdamW(adam) => adam.preconditioner(steps, memory),
        }
    }
}
