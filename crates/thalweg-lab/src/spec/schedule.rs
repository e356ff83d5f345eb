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
    /// Distances into which the last fifth of the run is cut besides, over which its end is averaged; 0 for none.
    pub last_fifth: usize,
}

/// The part of a run before its last fifth.
pub const BEFORE_END: f64 = 0.8;

impl Default for Schedule {
    fn default() -> Self {
        Self {
            spacing: Spacing::Log,
            count: 100,
            last_fifth: 0,
        }
    }
}

impl Schedule {
    /// The measured steps of a run of `total` steps, ascending.
    pub fn steps(&self, total: u64) -> Vec<u64> {
        let mut steps = match self.spacing {
            Spacing::Log => logarithmic(total, self.count),
            Spacing::Linear => linear(total, self.count),
        };
        let end = (0..self.last_fifth).map(|i| {
            let part = BEFORE_END + (1.0 - BEFORE_END) * i as f64 / self.last_fifth as f64;
            (part * total as f64).round() as u64
        });
        steps.extend(end);
        steps.sort_unstable();
        steps.dedup();
        steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_fifth_is_cut_evenly_besides() {
        let schedule = Schedule {
            spacing: Spacing::Linear,
            count: 3,
            last_fifth: 4,
        };
        assert_eq!(schedule.steps(100), [0, 50, 80, 85, 90, 95, 100]);
        let short = Schedule {
            last_fifth: 20,
            ..schedule
        };
        assert_eq!(short.steps(4), [0, 2, 3, 4]);
    }
}
