//! At which steps a run is measured.

use thalweg::simulate::schedule::{linear, logarithmic};

/// How the measured steps lie between the first and the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spacing {
    /// Equal ratios, after step 0.
    Log,
    /// Equal differences.
    Linear,
}

/// The steps at which a run is measured: 0, the last, and about `count` in all; fewer where rounding
/// to whole steps makes two of them one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// How they lie.
    pub spacing: Spacing,
    /// How many, 2 or more.
    pub count: usize,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            spacing: Spacing::Log,
            count: 100,
        }
    }
}

impl Schedule {
    /// The measured steps of a run of `total` steps, ascending.
    pub fn steps(&self, total: u64) -> Vec<u64> {
        match self.spacing {
            Spacing::Log => logarithmic(total, self.count),
            Spacing::Linear => linear(total, self.count),
        }
    }
}
