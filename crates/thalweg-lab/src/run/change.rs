//! What became of a quantity from the start of a run to its end, across seeds.

use thalweg::fluctuation::student;

use super::measurements::Measurements;
use super::seed_mean::SeedMean;
use crate::quantity;

/// A quantity at the start and at the end of the runs that did not diverge.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    /// At step 0.
    pub start: SeedMean,
    /// Over the last fifth of the steps: each seed's mean over its measured steps there.
    pub end: SeedMean,
    /// end/start, as exp of the seeds' mean logarithm; nothing where one of them is not positive, as the trace of a Hessian may be.
    pub factor: Option<SeedMean>,
    /// Whether that is clear of 1.
    pub direction: Direction,
}

/// Which way a quantity went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// It rose by more than chance makes of so many seeds once in 100 times ([`student::clear`]).
    Rose,
    /// It fell by as much.
    Fell,
    /// Neither is clear.
    Unclear,
    /// With a single seed there is no standard error.
    OneSeed,
    /// It is not positive everywhere, and has no factor.
    NotPositive,
}

impl Measurements {
    /// What became of `quantity` in runs of `steps` steps; `None` where no seed was measured both at
    /// the start and throughout the last fifth.
    pub fn change(&self, quantity: &str, steps: u64) -> Option<Change> {
        let last = quantity::end(steps);
        let complete = self.steps_in(quantity, last.clone()).len();
        let mut pairs = Vec::new();
        for seed in self.seeds() {
            let series = self.series(quantity, seed);
            let start = series.first().filter(|point| point.step == 0);
            let end: Vec<f64> = series
                .iter()
                .filter(|point| last.contains(&point.step))
                .map(|point| point.value)
                .collect();
            if let Some(start) = start
                && end.len() == complete
                && let Some(end) = quantity::average(&end)
            {
                pairs.push((start.value, end));
            }
        }
        let positive = pairs.iter().all(|(start, end)| *start > 0.0 && *end > 0.0);
        let of = |f: fn(&(f64, f64)) -> f64| SeedMean::of(&pairs.iter().map(f).collect::<Vec<_>>());
        let logarithm = of(|(start, end)| (end / start).ln()).filter(|_| positive);
        let factor = |logarithm: SeedMean| {
            let factor = logarithm.mean.exp();
            SeedMean {
                mean: factor,
                standard_error: logarithm.standard_error.map(|error| factor * error),
                ..logarithm
            }
        };
        Some(Change {
            start: of(|pair| pair.0)?,
            end: of(|pair| pair.1)?,
            factor: logarithm.map(factor),
            direction: logarithm.map_or(Direction::NotPositive, direction),
        })
    }
}

fn direction(logarithm: SeedMean) -> Direction {
    let clear = student::clear(logarithm.count.saturating_sub(1));
    match logarithm.standard_error {
        None => Direction::OneSeed,
        Some(error) if logarithm.mean > 0.0 && logarithm.mean >= clear * error => Direction::Rose,
        Some(error) if logarithm.mean < 0.0 && -logarithm.mean >= clear * error => Direction::Fell,
        Some(_) => Direction::Unclear,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seeds whose sharpness goes from 2 to `ends` over ten steps; the last two lie in the last fifth.
    fn change(ends: &[f64]) -> Change {
        let mut measurements = Measurements::default();
        for step in [0, 5, 8, 10] {
            for (seed, end) in ends.iter().enumerate() {
                let value = match step {
                    0 => 2.0,
                    5 => 1000.0,
                    8 => end - 0.5,
                    _ => end + 0.5,
                };
                measurements.push(seed as u64, step, 0.0, "sharpness", value);
            }
        }
        measurements.change("sharpness", 10).unwrap()
    }

    #[test]
    fn factors_are_geometric_means_with_their_error() {
        let change = change(&[4.0, 8.0]);
        assert_eq!((change.start.mean, change.end.mean), (2.0, 6.0));
        assert!((change.factor.unwrap().mean - 8.0f64.sqrt()).abs() < 1e-12);
        // The logarithms are ln 2 and 2 ln 2: their standard error is ½ ln 2.
        let error = change.factor.unwrap().standard_error.unwrap();
        assert!((error - 8.0f64.sqrt() * 0.5 * 2.0f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn directions_must_be_clear() {
        assert_eq!(change(&[4.0, 4.1, 4.2]).direction, Direction::Rose);
        assert_eq!(change(&[1.0, 1.02, 1.04]).direction, Direction::Fell);
        assert_eq!(change(&[1.0, 2.0, 4.5]).direction, Direction::Unclear);
        assert_eq!(change(&[4.0]).direction, Direction::OneSeed);
    }

    #[test]
    fn diverged_seeds_do_not_count() {
        let mut measurements = Measurements::default();
        for (seed, step, value) in [(0, 0, 1.0), (1, 0, 9.0), (0, 10, 2.0)] {
            measurements.push(seed, step, 0.0, "sharpness", value);
        }
        let change = measurements.change("sharpness", 10).unwrap();
        assert_eq!((change.start.mean, change.start.count), (1.0, 1));
        assert_eq!(measurements.change("lambda_max", 10), None);
    }

    /// The trace of a Hessian may be negative: what it was is known, and there is no factor.
    #[test]
    fn what_is_not_positive_has_ends_and_no_factor() {
        let mut measurements = Measurements::default();
        for (seed, step, value) in [(0, 0, -1.0), (1, 0, 3.0), (0, 10, 4.0), (1, 10, 6.0)] {
            measurements.push(seed, step, 0.0, "sharpness", value);
        }
        let change = measurements.change("sharpness", 10).unwrap();
        assert_eq!((change.start.mean, change.end.mean), (1.0, 5.0));
        assert_eq!(change.factor, None);
        assert_eq!(change.direction, Direction::NotPositive);
    }

    /// From 2 to `end` times e^{±1}, of two seeds: the logarithm's standard error is 1, and chance makes 63.7 of them once in 100 times.
    #[test]
    fn what_chance_makes_of_two_seeds_is_unclear_either_way() {
        let e = 1.0_f64.exp();
        for (logarithm, direction) in [
            (64.0, Direction::Rose),
            (63.0, Direction::Unclear),
            (3.1, Direction::Unclear),
            (-3.1, Direction::Unclear),
            (-63.0, Direction::Unclear),
            (-64.0, Direction::Fell),
        ] {
            let middle = 2.0 * f64::exp(logarithm);
            let mut measurements = Measurements::default();
            for (seed, end) in [(1, middle * e), (2, middle / e)] {
                measurements.push(seed, 0, 0.0, "sharpness", 2.0);
                measurements.push(seed, 10, 0.0, "sharpness", end);
            }
            let found = measurements.change("sharpness", 10).unwrap();
            assert_eq!(found.direction, direction, "{logarithm}");
        }
    }
}
