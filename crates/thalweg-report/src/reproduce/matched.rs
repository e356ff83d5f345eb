//! Runs read where their training loss comes down to a level, so that they are compared at the same loss.

use crate::statistics::Trials;
use thalweg_lab::quantity::{
    FLUCTUATION, GRADIENT_NORM_SQUARED, LAMBDA_MAX, LOSS, SHARPNESS, TEST_LOSS,
};

/// What may be watched, in the order of [`Reading::watched`].
pub const WATCHED: [&str; 5] = ["T", "λ_{max}", "F", "tr Cov", "F/T"];

/// One run at the level.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// Each of [`WATCHED`].
    pub watched: [f64; WATCHED.len()],
    /// The loss on samples that are not trained on.
    pub test_loss: f64,
}

/// Why there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoReading {
    /// The loss stays above the level.
    NeverReached,
    /// The weights grew without bound, or a number is beyond double precision, before it was reached.
    Diverged,
}

/// What is measured of the run number `trial` at the first time that its training loss falls below `level`: between the last measured step
/// above and the first one below, on straight lines between the logarithms, so that every run is read at the same loss.
///
/// # Errors
/// When it never falls so far, or diverges before.
pub fn reading(trials: &Trials, trial: usize, level: f64) -> Result<Reading, NoReading> {
    let value = |key: &str, at: usize| trials.at(at, key).0[trial].map_err(|_| NoReading::Diverged);
    for at in 1..trials.steps.len() {
        let below = value(&LOSS.key, at)?;
        let reached = below <= level;
        if !reached {
            continue;
        }
        let above = value(&LOSS.key, at - 1)?;
        let part = if above > level {
            (above / level).ln() / (above / below).ln()
        } else {
            1.0
        };
        let between = |of: &dyn Fn(usize) -> Result<f64, NoReading>| {
            let (before, after) = (of(at - 1)?, of(at)?);
            Ok((before.ln() + part * (after / before).ln()).exp())
        };
        let [sharpness, lambda_max, fluctuation, test_loss] =
            [SHARPNESS, LAMBDA_MAX, FLUCTUATION, TEST_LOSS]
                .map(|quantity| between(&|at| value(&quantity.key, at)));
        let covariance =
            between(
                &|at| Ok(value(&FLUCTUATION.key, at)? - value(&GRADIENT_NORM_SQUARED.key, at)?),
            );
        let (sharpness, fluctuation) = (sharpness?, fluctuation?);
        return Ok(Reading {
            watched: [
                sharpness,
                lambda_max?,
                fluctuation,
                covariance?,
                fluctuation / sharpness,
            ],
            test_loss: test_loss?,
        });
    }
    Err(NoReading::NeverReached)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::trials_by_hand as by_hand;

    /// The loss falls 8, 4, 1, ½; the level 2 is half way from 4 to 1 on their logarithms.
    #[test]
    fn a_run_is_read_at_the_level_itself() {
        let mut trials = by_hand(
            &[0, 10, 20, 30],
            &LOSS.key,
            &[&[8.0, 4.0, 1.0, 0.5], &[8.0, 7.0, 6.0, 5.0], &[8.0, 9.0]],
        );
        let add = |trials: &mut Trials, key: &str, values: [f64; 4]| {
            trials.add_by_hand(key, &[&values, &values, &values]);
        };
        add(&mut trials, &SHARPNESS.key, [9.0, 9.0, 1.0, 7.0]);
        add(&mut trials, &LAMBDA_MAX.key, [5.0, 2.0, 8.0, 7.0]);
        add(&mut trials, &FLUCTUATION.key, [1.0, 10.0, 40.0, 1.0]);
        add(
            &mut trials,
            &GRADIENT_NORM_SQUARED.key,
            [0.0, 1.0, 4.0, 0.0],
        );
        add(&mut trials, &TEST_LOSS.key, [9.0, 16.0, 1.0, 1.0]);
        let found = reading(&trials, 0, 2.0).unwrap();
        let expected = [3.0, 4.0, 20.0, 18.0, 20.0 / 3.0];
        for (found, expected) in found.watched.iter().zip(expected) {
            assert!((found / expected - 1.0).abs() < 1e-12, "{found} {expected}");
        }
        assert!((found.test_loss / 4.0 - 1.0).abs() < 1e-12);
        // A measured step at the level is the reading.
        assert!((reading(&trials, 0, 4.0).unwrap().watched[1] - 2.0).abs() < 1e-12);
        assert_eq!(reading(&trials, 1, 2.0), Err(NoReading::NeverReached));
        assert_eq!(reading(&trials, 0, f64::NAN), Err(NoReading::NeverReached));
        assert_eq!(reading(&trials, 2, 2.0), Err(NoReading::Diverged));
    }
}
