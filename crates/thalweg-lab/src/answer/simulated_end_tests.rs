//! SGD's own end: near the limit where the step is small, and honest where it is not.
#![allow(clippy::unwrap_used)]

use super::super::{PredictAnswer, Prepared};
use super::*;
use thalweg::problem::covariance;
use thalweg::recipe::Recipe;
use thalweg::theory::predict;

/// V = Σx = I, d = D = 2.
fn problem() -> Problem {
    let noise = covariance::from_deviations(&[1.0, 0.5]);
    let one = || faer::Mat::<f64>::identity(2, 2);
    Problem::new(one(), one(), noise, 2).unwrap()
}

fn end(learning_rate: f64, rounds: usize, least: Option<f64>) -> SimulatedEnd {
    let problem = problem();
    let start = predict(&problem).unwrap().minimum.weights().unwrap();
    let settings = SimulateSettings::new(learning_rate, 10);
    let mut left = rounds * MEASURED as usize;
    SimulatedEnd::new(&problem, &settings, None, (&start, least), || {
        left -= 1;
        left > 0
    })
    .unwrap()
}

/// At a small step the end is Theorem 1's, and it is known when it is.
#[test]
fn a_small_step_ends_at_the_limit() {
    let found = end(0.005, 12, Some(4000.0));
    let means = found.means.unwrap();
    let problem = problem();
    let limit = predict(&problem).unwrap();
    assert!(found.settled && found.steps >= 16_000, "{found:?}");
    let expected = [limit.sharpness, limit.lambda_max, limit.fluctuation];
    for (mean, expected) in means.iter().zip(expected) {
        assert!(
            (mean.mean / expected - 1.0).abs() < 0.02,
            "{mean:?} {expected}"
        );
    }
}

#[test]
fn time_up_and_divergence_are_said() {
    let short = end(0.005, 1, Some(0.0));
    assert!(
        !short.settled
            && short
                .sentence()
                .contains("The runs ended before T had settled")
    );
    let mut loose = short.clone();
    for mean in loose.means.iter_mut().flatten() {
        mean.standard_error = Some(0.03 * mean.mean);
    }
    assert!(loose.sentence().contains("standard errors of up to 3.0 %"));
    let unknown = end(0.005, 6, None);
    assert!(!unknown.settled && unknown.sentence().contains("not known here"));
    let near = end(0.005, 6, Some(1e9));
    assert!(
        !near.settled
            && near
                .sentence()
                .contains("shorter than four relaxation times")
    );
    let wild = end(2.0, 3, None);
    assert!(wild.means.is_none() && wild.sentence().contains("smaller learning rate"));
    assert_eq!(wild.json()["sharpness"]["mean"], Value::Null);
}

/// Under dropout of hidden units no relaxation time is known, and that under the noise alone is named as such.
#[test]
fn a_clock_of_the_noise_alone_is_named() {
    let problem = problem();
    for (hidden_dropout, named) in [(0.0, false), (0.01, true)] {
        let recipe = Recipe {
            hidden_dropout,
            ..Recipe::default()
        };
        let step = (0.01, 10);
        let prepared = Prepared::new(&problem, recipe, Some(step)).unwrap();
        let answer = PredictAnswer::new(&prepared, false).unwrap();
        let end = answer.simulated_at(&problem, step, || false).unwrap();
        assert_eq!(end.by_noise_alone, named);
        assert_eq!(end.json()["relaxation_by_noise_alone"], named);
        let words = "relaxation times of the slow flow under the noise alone";
        assert_eq!(end.sentence().contains(words), named, "{}", end.sentence());
        assert!(end.least.is_some());
    }
}
