//! How a reproduction is run: its budget, whom it tells, and when it must stop.

use std::sync::atomic::{AtomicBool, Ordering};

use super::ReproduceError;
use super::ran::Kept;
use crate::results::Budget;

/// Trials of each deep linear network, as in the paper.
const LINEAR_TRIALS: u64 = 5;
/// Trials at the full budget of those that fluctuate by a tenth of T and more: with five, three standard errors are more than 5 %.
const STRONG_TRIALS: u64 = 8;
/// Trials of each network at the quick budget, at most.
const QUICK_TRIALS: usize = 5;
/// Trials of each network at the tiny budget.
const TINY_TRIALS: usize = 3;
/// Steps at the tiny budget, at most.
const TINY_STEPS: u64 = 50;

impl Budget {
    /// `quick` or `full`, by this budget.
    pub fn choose<T>(self, quick: T, full: T) -> T {
        match self {
            Self::Tiny | Self::Quick => quick,
            Self::Full => full,
        }
    }

    /// The steps of a run that has `quick` or `full` of them.
    pub fn long(self, quick: u64, full: u64) -> u64 {
        match self {
            Self::Tiny => TINY_STEPS.min(quick),
            _ => self.choose(quick, full),
        }
    }

    /// The steps of a network's run that has `full` of them.
    pub fn steps(self, full: u64) -> u64 {
        self.long(full / 10, full)
    }

    /// The seeds of a network's trials, of `full`.
    pub fn trials(self, full: &[u64]) -> Vec<u64> {
        let count = match self {
            Self::Tiny => TINY_TRIALS,
            Self::Quick => QUICK_TRIALS,
            Self::Full => full.len(),
        };
        full.iter().copied().take(count).collect()
    }

    /// The seeds of a deep linear network's trials.
    pub fn linear_seeds(self) -> Vec<u64> {
        (1..=LINEAR_TRIALS).collect()
    }

    /// The seeds of its trials at step sizes at which SGD fluctuates strongly.
    pub fn strong_seeds(self) -> Vec<u64> {
        (1..=self.choose(LINEAR_TRIALS, STRONG_TRIALS)).collect()
    }

    /// How often a network is measured that is measured `full` times.
    pub fn measurements(self, full: usize) -> usize {
        self.choose(full.div_ceil(2), full)
    }

    /// The samples of an evaluation set that has `full` of them.
    pub fn samples(self, full: usize) -> usize {
        match self {
            Self::Tiny => full.min(64),
            Self::Quick => full / 4,
            Self::Full => full,
        }
    }
}

/// What a figure in the making may use.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Its name.
    pub figure: &'static str,
    /// How much work it may do.
    pub budget: Budget,
    /// Told the figure's name and the fraction of it that is done.
    pub progress: &'a (dyn Fn(&'static str, f64) + Sync),
    /// Runs that figures share.
    pub kept: &'a Kept,
    /// Set from outside to stop.
    pub stop: &'a AtomicBool,
}

impl Context<'_> {
    /// Tells that the fraction `done` of the figure is done.
    ///
    /// # Errors
    /// When the work is to stop.
    pub fn tell(&self, done: f64) -> Result<(), ReproduceError> {
        (self.progress)(self.figure, done);
        if self.stop.load(Ordering::Relaxed) {
            return Err(ReproduceError::Stopped {
                figure: self.figure,
            });
        }
        Ok(())
    }
}
