//! The report on η and B: known failures are flagged, known successes are not.

use thalweg::flow::{Settings, Times, Trajectory, slow_flow};
use thalweg::problem::{Problem, Weights};

use crate::diagonal;

/// V = Σx = I, d = 2, from a slightly unbalanced diagonal minimum.
fn run(deviations: [f64; 2], depth: usize, learning_rate: f64) -> Trajectory {
    let identity = diagonal(&[1.0; 2]);
    let noise = diagonal(&deviations.map(|sigma| sigma * sigma));
    let problem = Problem::new(identity.clone(), identity.clone(), noise, depth).unwrap();
    let mut layers = vec![identity; depth];
    layers[0] = diagonal(&[1.25, 0.8]);
    layers[1] = diagonal(&[0.8, 1.25]);
    let start = Weights::new(&problem, layers).unwrap();
    let times = Times::Steps {
        learning_rate,
        batch: 10,
        steps: vec![0, 500_000, 5_000_000, 10_000_000],
    };
    slow_flow(&problem, &start, &times, &Settings::default()).unwrap()
}

#[test]
fn in_range_where_sgd_was_seen_to_follow() {
    for (deviations, depth) in [([1.0, 0.1], 3), ([1.0, 0.2], 2), ([1.0, 0.3], 4)] {
        let report = run(deviations, depth, 0.003).validity.unwrap();
        assert!(report.in_range(), "{report:?}");
        assert!(report.sentence().starts_with("In the range"));
    }
}

#[test]
fn out_of_range_where_sgd_was_seen_to_lag() {
    for learning_rate in [0.01, 0.001] {
        let report = run([10.0, 0.1], 3, learning_rate).validity.unwrap();
        assert!(!report.in_range(), "{report:?}");
    }
    let report = run([10.0, 0.1], 3, 0.01).validity.unwrap();
    // λ_max = 189.6 at the exact minimum, 200 at the edge of stability.
    assert!((report.limit_stability.unwrap() - 0.948).abs() < 1e-3);
    let sentence = report.sentence();
    assert!(sentence.starts_with("Outside the range"), "{sentence}");
}

#[test]
fn slow_times_carry_no_report() {
    let identity = diagonal(&[1.0; 2]);
    let problem = Problem::new(identity.clone(), identity.clone(), identity.clone(), 2).unwrap();
    let start = Weights::new(&problem, vec![identity; 2]).unwrap();
    let found = slow_flow(
        &problem,
        &start,
        &Times::Slow(vec![1.0]),
        &Settings::default(),
    )
    .unwrap();
    assert!(found.validity.is_none());
    assert!(found.snapshots[0].step.is_none());
}
