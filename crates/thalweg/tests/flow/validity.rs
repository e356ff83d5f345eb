//! The report on η and B: known failures are flagged, known successes are not.

use thalweg::flow::{
    Approach, Drift, FlowSettings, OwnDrift, Times, Trajectory, Validity, slow_flow,
};
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
    slow_flow(&problem, &start, &times, &FlowSettings::default()).unwrap()
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

/// η λ_max/2 and η F/(2B‖V√Σx‖²) by hand: λ_max = 19.6794 and F = 4.30621 at Theorem 1's minimum, ‖V‖² = 2.
#[test]
fn numbers_are_those_of_their_definitions() {
    let found = run([1.0, 0.1], 3, 0.003);
    let report = found.validity.unwrap();
    let near = |found: f64, expected: f64| {
        assert!((found / expected - 1.0).abs() < 1e-5, "{found} {expected}");
    };
    near(report.limit_stability.unwrap(), 0.0015 * 19.6794);
    near(
        report.limit_relative_weighted_fluctuation.unwrap(),
        0.003 * 4.30621 / (2.0 * 10.0 * 2.0),
    );
    let largest = |of: fn(&thalweg::flow::Waypoint) -> f64| {
        found.snapshots.iter().map(of).fold(0.0, f64::max)
    };
    near(report.stability, 0.0015 * largest(|s| s.lambda_max));
    near(
        report.relative_weighted_fluctuation,
        0.000_075 * largest(|s| s.fluctuation),
    );
    assert_eq!((report.misalignment, report.approach), (0.0, None));
}

/// Two paths of which each is worse in another number.
#[test]
fn the_worst_of_two_has_the_larger_of_each() {
    let one = run([1.0, 0.1], 3, 0.003).validity.unwrap();
    let other = Validity {
        signal: one.signal,
        stability: 2.0 * one.stability,
        effective_stability: 2.0 * one.effective_stability,
        limit_stability: None,
        relative_weighted_fluctuation: 0.5 * one.relative_weighted_fluctuation,
        limit_relative_weighted_fluctuation: one
            .limit_relative_weighted_fluctuation
            .map(|x| 3.0 * x),
        moved_in_epoch: Some(2.0),
        misalignment: 0.7,
        most_misalignment: 0.5 * one.most_misalignment,
        own_drift: Some(OwnDrift {
            largest: 0.4,
            end: 0.2,
            is_followed: false,
        }),
        amplified: 1.5,
        stability_formula: "η λ_max/2".to_owned(),
        is_forced: false,
        left_out: Vec::new(),
        approach: Some(Approach {
            distance: 0.5,
            step: 10.0,
            arrival: 90.0,
            drift: 0.3,
            end_drift: 0.1,
            is_tried: true,
            leaves_saddle: true,
            lambda_max: 9.0,
            inputs: 2.0,
        }),
    };
    for worst in [one.clone().worst(&other), other.clone().worst(&one)] {
        let expected = Validity {
            limit_stability: one.limit_stability,
            relative_weighted_fluctuation: one.relative_weighted_fluctuation,
            ..other.clone()
        };
        assert_eq!(worst, expected);
    }
}

/// However small the step, noise turned against the signal is out of Theorem 1's range, by the exact drift in it.
#[test]
fn turned_noise_is_out_of_range_at_any_step() {
    let noise = faer::mat![[0.52, 0.48], [0.48, 0.52]];
    let teacher = diagonal(&[1.5, 0.5]);
    let problem = Problem::new(diagonal(&[1.0; 2]), teacher.clone(), noise, 2).unwrap();
    let start = Weights::new(&problem, vec![teacher, diagonal(&[1.0; 2])]).unwrap();
    let report = |drift: Drift| {
        let times = Times::Steps {
            learning_rate: 1e-6,
            batch: 1000,
            steps: vec![0, 10],
        };
        let settings = FlowSettings {
            drift,
            ..FlowSettings::default()
        };
        let found = slow_flow(&problem, &start, &times, &settings).unwrap();
        found.validity.unwrap()
    };
    let symmetric = report(Drift::Symmetric);
    assert!(!symmetric.in_range());
    assert!(
        symmetric
            .sentence()
            .starts_with("Noise and signal have different axes")
    );
    assert!(report(Drift::Exact).in_range());
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
        &FlowSettings::default(),
    )
    .unwrap();
    assert!(found.validity.is_none());
    assert!(found.snapshots[0].step.is_none());
}
