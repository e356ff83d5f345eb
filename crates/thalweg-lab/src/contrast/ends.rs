//! Where runs ended, and by which factor from the first.

use serde::Serialize;

use super::ContrastedRun;
use crate::quantity::{self, Quantity, SCALARS};
use crate::run::SeedMean;

/// One quantity at the ends of all runs.
#[derive(Clone, Debug)]
pub struct Ends {
    /// Which.
    pub quantity: Quantity,
    /// Run by run.
    pub of_run: Vec<End>,
}

/// One quantity at the end of one run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct End {
    /// Over the last fifth of its steps, and its seeds; none where no seed was measured there.
    pub value: Option<SeedMean>,
    /// How many times that of the first run it is, as exp of a difference of mean logarithms; none for the first, and where
    /// a value is not positive. Seed by seed over those that both runs have, if these are two at least; otherwise as of
    /// independent runs, and `count` is then the smaller number of seeds.
    pub factor: Option<SeedMean>,
}

/// All that any of `runs` measured as one number for a whole network.
pub(super) fn of(runs: &[ContrastedRun]) -> Vec<Ends> {
    let quantities = SCALARS.into_iter().map(|quantity| {
        let by_seed = runs.iter().map(|run| {
            let last = quantity::end(run.steps);
            run.measurements.window_by_seed(&quantity.key, last)
        });
        let by_seed: Vec<Vec<(u64, f64)>> = by_seed.collect();
        let end = |(i, own): (usize, &Vec<(u64, f64)>)| End {
            value: SeedMean::of(&own.iter().map(|(_, value)| *value).collect::<Vec<_>>()),
            factor: (i > 0).then(|| factor(own, &by_seed[0])).flatten(),
        };
        Ends {
            of_run: by_seed.iter().enumerate().map(end).collect(),
            quantity,
        }
    });
    quantities
        .filter(|ends| ends.of_run.iter().any(|end| end.value.is_some()))
        .collect()
}

/// own/first, from each one's values by seed.
fn factor(own: &[(u64, f64)], first: &[(u64, f64)]) -> Option<SeedMean> {
    if own.iter().chain(first).any(|(_, value)| *value <= 0.0) {
        return None;
    }
    let logarithms = |values: &[(u64, f64)]| {
        SeedMean::of(
            &values
                .iter()
                .map(|(_, value)| value.ln())
                .collect::<Vec<_>>(),
        )
    };
    let paired: Vec<f64> = own
        .iter()
        .filter_map(|(seed, value)| {
            let (_, of_first) = first.iter().find(|(other, _)| other == seed)?;
            Some((value / of_first).ln())
        })
        .collect();
    let difference = if paired.len() > 1 {
        SeedMean::of(&paired)?
    } else {
        let (own, first) = (logarithms(own)?, logarithms(first)?);
        let errors = own.standard_error.zip(first.standard_error);
        SeedMean {
            mean: own.mean - first.mean,
            standard_error: errors.map(|(a, b)| a.hypot(b)),
            count: own.count.min(first.count),
        }
    };
    let factor = difference.mean.exp();
    Some(SeedMean {
        mean: factor,
        standard_error: difference.standard_error.map(|error| factor * error),
        ..difference
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The seeds' own levels differ by a factor of ten and cancel.
    #[test]
    fn seeds_of_both_runs_are_paired() {
        let first = [(1, 1.0), (2, 10.0), (3, 100.0)];
        let own = [(3, 200.0), (1, 2.0), (2, 20.0)];
        let found = factor(&own, &first).unwrap();
        assert!((found.mean - 2.0).abs() < 1e-12);
        assert!(found.standard_error.unwrap() < 1e-12);
        assert_eq!(found.count, 3);
    }

    /// ln 4 ± ½ ln 4 beside ln 2 ± ½ ln 4, whose seeds are others.
    #[test]
    fn other_seeds_are_independent_runs() {
        let first = [(1, 1.0), (2, 4.0)];
        let own = [(3, 2.0), (4, 8.0)];
        let found = factor(&own, &first).unwrap();
        assert!((found.mean - 2.0).abs() < 1e-12);
        let expected = 2.0 * (0.5 * 4.0_f64.ln()) * 2.0_f64.sqrt();
        assert!((found.standard_error.unwrap() - expected).abs() < 1e-12);
    }

    #[test]
    fn there_is_no_factor_of_what_is_not_positive() {
        assert_eq!(factor(&[(1, 0.0)], &[(1, 1.0)]), None);
        assert_eq!(factor(&[], &[(1, 1.0)]), None);
    }
}
