//! At which steps a run is measured.

/// How the measured steps lie between the first and the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spacing {
    /// Equal ratios, after step 0.
    Log,
    /// Equal differences.
    Linear,
}

/// The steps at which a run is measured: always 0 and the last, and `count` in all or fewer where
/// rounding to whole steps makes two of them one.
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
        let last = self.count.saturating_sub(1).max(1);
        let end = total as f64;
        let mut steps: Vec<u64> = (0..last)
            .map(|index| match (self.spacing, index) {
                (_, 0) => 0,
                (Spacing::Linear, _) => (end * index as f64 / last as f64).round() as u64,
                // From 1 to the end; index 0 is taken by step 0.
                (Spacing::Log, _) => {
                    let place = (index - 1) as f64 / (last - 1).max(1) as f64;
                    end.powf(place).round() as u64
                }
            })
            .chain([total])
            .collect();
        steps.dedup();
        steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(spacing: Spacing, count: usize, total: u64) -> Vec<u64> {
        Schedule { spacing, count }.steps(total)
    }

    #[test]
    fn linear_steps_are_equal_differences() {
        assert_eq!(steps(Spacing::Linear, 5, 100), [0, 25, 50, 75, 100]);
        assert_eq!(steps(Spacing::Linear, 2, 7), [0, 7]);
    }

    #[test]
    fn log_steps_are_equal_ratios_after_0() {
        assert_eq!(steps(Spacing::Log, 5, 1000), [0, 1, 10, 100, 1000]);
        assert_eq!(steps(Spacing::Log, 3, 1000), [0, 1, 1000]);
    }

    #[test]
    fn steps_ascend_strictly_and_end_at_the_last() {
        for spacing in [Spacing::Log, Spacing::Linear] {
            for total in [0, 1, 2, 17, 1 << 40] {
                for count in [0, 1, 2, 3, 50, 1000] {
                    let steps = steps(spacing, count, total);
                    assert!(
                        steps.is_sorted_by(|a, b| a < b),
                        "{spacing:?} {total} {count}"
                    );
                    assert_eq!((steps[0], steps[steps.len() - 1]), (0, total));
                }
            }
        }
    }
}
