//! The steps at which a run is measured.
//!
//! ```
//! use thalweg::simulate::schedule;
//!
//! assert_eq!(schedule::linear(100, 5), [0, 25, 50, 75, 100]);
//! assert_eq!(schedule::logarithmic(1000, 4), [0, 1, 10, 100, 1000]);
//! ```

/// About `count` steps from 0 to `last`, evenly spaced, both ends included; never a step twice.
pub fn linear(last: u64, count: usize) -> Vec<u64> {
    let intervals = count.saturating_sub(1).max(1);
    let at = |i: usize| (last as f64 * (i as f64 / intervals as f64)).round() as u64;
    distinct(last, (0..=intervals).map(at))
}

/// Step 0 and about `count` steps from 1 to `last`, evenly spaced in log t; never a step twice.
///
/// Early on, where the spacing is below one step, every step is measured once, so fewer than `count`
/// come back.
pub fn logarithmic(last: u64, count: usize) -> Vec<u64> {
    let intervals = count.saturating_sub(1).max(1);
    let log = (last.max(1) as f64).ln();
    let at = |i: usize| (log * (i as f64 / intervals as f64)).exp().round() as u64;
    distinct(last, std::iter::once(0).chain((0..=intervals).map(at)))
}

fn distinct(last: u64, steps: impl Iterator<Item = u64>) -> Vec<u64> {
    let mut steps: Vec<u64> = steps.map(|t| t.min(last)).chain([last]).collect();
    steps.dedup();
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_schedules() {
        assert_eq!(linear(100, 5), [0, 25, 50, 75, 100]);
        assert_eq!(logarithmic(1000, 4), [0, 1, 10, 100, 1000]);
        assert_eq!(logarithmic(4, 9), [0, 1, 2, 3, 4]);
        assert_eq!(linear(0, 7), [0]);
        assert_eq!(logarithmic(0, 7), [0]);
        assert_eq!(linear(9, 0), [0, 9]);
        // 10/3 and 20/3, to the nearest step.
        assert_eq!(linear(10, 4), [0, 3, 7, 10]);
    }

    #[test]
    fn steps_rise_strictly_to_the_last() {
        for last in [1, 7, 1_000_003, 10_000_000_000] {
            for count in [1, 2, 10, 333] {
                for steps in [linear(last, count), logarithmic(last, count)] {
                    assert!(steps.windows(2).all(|w| w[0] < w[1]), "{last} {count}");
                    assert_eq!((steps[0], steps[steps.len() - 1]), (0, last));
                }
            }
        }
    }
}
