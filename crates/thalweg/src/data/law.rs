//! What a kind of data must be able to do.

use std::fmt::Debug;
use std::sync::Arc;

use crate::random::{Bulk, Purpose};
use crate::tensor::{LinesMut, Real, Variable};

/// A law of samples: inputs x with targets y. [`Source`](super::Source) makes of it what trainings and evaluations
/// draw from.
///
/// A new kind of data implements this and [`Draw`], and is known nowhere else.
pub trait SampleLaw: Debug + Send + Sync + Sized + 'static {
    /// What draws the samples of one or several runs.
    type Draw<T: Real>: Draw<T>;

    /// The shapes of inputs and of targets.
    fn shapes(&self) -> [SampleShape; 2];

    /// How many different samples there are to evaluate on; nothing limits fresh ones.
    fn evaluation_limit(&self) -> Option<usize> {
        None
    }

    /// Whether the same input may have different targets.
    fn is_noisy(&self) -> bool;

    /// Draws for the runs of `seeds`.
    fn draw<T: Real>(self: &Arc<Self>, seeds: &[u64]) -> Self::Draw<T>;

    /// Whether samples that are drawn for several runs at once have the bits that each run's have alone.
    fn same_bits_together(&self) -> bool {
        true
    }
}

/// Draws the samples of one or several runs, in one precision. For each batch it is asked for the inputs of all runs
/// in turn, then for their targets.
///
/// What a run's samples are must depend on its seed and on the batch alone, through [`Bulk`] or through what [`Batch`]
/// says, and not on the batches drawn before, nor on the other runs.
pub trait Draw<T: Real>: Clone + Debug + Send + Sync + 'static {
    /// The inputs of run number `run`, of as many samples as `to` has room for.
    fn inputs(&mut self, run: usize, batch: &Batch, random: &mut Bulk, to: LinesMut<'_, T>);

    /// Called once when all runs have their inputs: what is best done for all of them together.
    fn between(&mut self) {}

    /// The targets of the inputs last drawn for run number `run`, `noisy` or as they are on average; may be asked for
    /// again and again, and where there is one run alone also for the first of its inputs.
    fn targets(&mut self, run: usize, noisy: bool, random: &mut Bulk, to: LinesMut<'_, T>);
}

/// The lines that a sample's inputs or targets have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SampleShape {
    /// So many rows at each of so many positions.
    Sequence {
        /// Numbers at each position.
        rows: usize,
        /// Places in the sequence; 1 where there is none.
        positions: usize,
    },
    /// So many numbers, of which the network may make rows and positions as it likes.
    Features(usize),
}

impl SampleShape {
    /// That of a network's input or output.
    pub fn of(variable: Variable) -> Self {
        Self::Sequence {
            rows: variable.rows(),
            positions: variable.positions(),
        }
    }

    /// How many numbers these are.
    pub fn lines(self) -> usize {
        match self {
            Self::Sequence { rows, positions } => rows * positions,
            Self::Features(features) => features,
        }
    }

    /// Rows and positions for a network that takes `network`.
    pub(super) fn for_network(self, network: Variable) -> [usize; 2] {
        match self {
            Self::Features(features) if features == network.rows() * network.positions() => {
                [network.rows(), network.positions()]
            }
            Self::Features(features) => [features, 1],
            Self::Sequence { rows, positions } => [rows, positions],
        }
    }
}

/// Which samples are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// What for: trainings and evaluations never meet.
    pub purpose: Purpose,
    /// The purpose that fixes the order of a finite set.
    pub order: Purpose,
    /// The step's number.
    pub step: u64,
    /// How many samples of a finite set were visited before.
    pub first: u128,
    /// Whether with noise.
    pub noisy: bool,
    /// Whether each sample of a finite set is taken once, in the order's first pass, and never more than its
    /// [`evaluation_limit`](SampleLaw::evaluation_limit) are asked for.
    pub once: bool,
}

impl Batch {
    /// The minibatch of `step`, of `batch` samples.
    pub(super) fn training(step: u64, batch: usize) -> Self {
        Self {
            purpose: Purpose::Batches,
            order: Purpose::Shuffle,
            step,
            first: u128::from(step) * batch as u128,
            noisy: true,
            once: false,
        }
    }

    /// The minibatch on which SAM ascends at `step`, where it is not that of the step.
    pub(super) fn ascent(step: u64, batch: usize) -> Self {
        Self {
            purpose: Purpose::Ascent,
            order: Purpose::AscentOrder,
            ..Self::training(step, batch)
        }
    }

    /// The step of its random changes and masks: those of an ascent's own batch lie 2⁶³ further.
    pub(crate) fn change_step(&self) -> u64 {
        match self.purpose {
            Purpose::Ascent => self.step | 1 << 63,
            _ => self.step,
        }
    }

    /// An evaluation set.
    pub(super) fn held_out(noisy: bool) -> Self {
        Self {
            purpose: Purpose::Evaluation,
            order: Purpose::EvaluationOrder,
            step: 0,
            first: 0,
            noisy,
            once: true,
        }
    }

    /// The fixed batch that is drawn at `step`, in a run with minibatches of `batch` samples.
    pub(super) fn fixed(step: u64, batch: usize) -> Self {
        Self {
            purpose: Purpose::FixedBatch,
            ..Self::training(step, batch)
        }
    }
}
