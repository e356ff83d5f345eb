//! How a reproduction is run: its budget, whom it tells, and when it must stop.

use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};

use super::ReproduceError;
use super::network::Kept;

/// How much work a figure may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Budget {
    /// Everything together in under ninety seconds on two cores; long runs are cut short and say so.
    Quick,
    /// Everything together in under ten minutes.
    Full,
}

impl Budget {
    /// `quick` or `full`, by this budget.
    pub fn choose<T>(self, quick: T, full: T) -> T {
        match self {
            Self::Quick => quick,
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
    /// Runs of networks that figures share.
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
