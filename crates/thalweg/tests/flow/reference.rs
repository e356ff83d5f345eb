//! The slow flow against reference trajectories from an independent implementation.

use faer::Mat;
use serde_json::Value;
use thalweg::flow::{Drift, FlowSettings, Times, slow_flow};
use thalweg::problem::{Problem, Weights};

use crate::relative;

fn matrix(value: &Value) -> Mat<f64> {
    let rows: Vec<Vec<f64>> = serde_json::from_value(value.clone()).unwrap();
    Mat::from_fn(rows.len(), rows[0].len(), |i, j| rows[i][j])
}

struct Case {
    problem: Problem,
    start: Weights,
    times: Vec<f64>,
    sharpness: Vec<f64>,
    fluctuation: Vec<f64>,
    limit: f64,
}

fn cases() -> Vec<Case> {
    let file: Value = serde_json::from_str(include_str!("../oracle/slow_flow.json")).unwrap();
    let numbers = |value: &Value| -> Vec<f64> { serde_json::from_value(value.clone()).unwrap() };
    let read = |case: &Value| {
        let layers: Vec<Mat<f64>> = case["start_weights"]
            .as_array()
            .unwrap()
            .iter()
            .map(matrix)
            .collect();
        let hidden: Vec<usize> = layers[..layers.len() - 1].iter().map(Mat::nrows).collect();
        let problem = Problem::with_hidden_widths(
            matrix(&case["input_covariance"]),
            matrix(&case["teacher"]),
            matrix(&case["noise_covariance"]),
            layers.len(),
            &hidden,
        )
        .unwrap();
        Case {
            start: Weights::new(&problem, layers).unwrap(),
            problem,
            times: numbers(&case["slow_time"]),
            sharpness: numbers(&case["sharpness"]),
            fluctuation: numbers(&case["fluctuation"]),
            limit: case["limit"].as_f64().unwrap(),
        }
    };
    file["cases"].as_array().unwrap().iter().map(read).collect()
}

/// The references are themselves interpolated, to about 2e-5.
#[test]
fn reference_trajectories() {
    for case in cases() {
        let times = Times::Slow(case.times.clone());
        let found =
            slow_flow(&case.problem, &case.start, &times, &FlowSettings::default()).unwrap();
        for (k, snapshot) in found.snapshots.iter().enumerate() {
            assert!(relative(snapshot.sharpness, case.sharpness[k]) < 1e-4);
            assert!(relative(snapshot.fluctuation, case.fluctuation[k]) < 1e-4);
            assert!(snapshot.distance < 1e-13);
        }
    }
}

#[test]
fn reference_limits() {
    for case in cases() {
        let times = Times::Slow(vec![1e5]);
        let found =
            slow_flow(&case.problem, &case.start, &times, &FlowSettings::default()).unwrap();
        assert!(relative(found.snapshots[0].sharpness, case.limit) < 1e-6);
    }
}

/// The sharpness of the first reference rises, falls and rises again while the fluctuation only falls.
#[test]
fn sharpness_is_not_monotone() {
    let case = &cases()[0];
    let times = Times::Slow(vec![0.0, 2.3, 29.7, 1e4]);
    let found = slow_flow(&case.problem, &case.start, &times, &FlowSettings::default()).unwrap();
    let sharpness: Vec<f64> = found.snapshots.iter().map(|s| s.sharpness).collect();
    assert!(sharpness[1] > sharpness[0] + 5.0);
    assert!(sharpness[2] < sharpness[1] - 10.0);
    assert!(sharpness[3] > sharpness[2] + 1.0);
    let fluctuation = found.snapshots.iter().map(|s| s.fluctuation);
    assert!(fluctuation.is_sorted_by(|before, after| before > after));
}

/// The largest relative error in T or F over a case, at times stretched by `stretch`.
fn worst_error(case: &Case, stretch: f64, drift: Drift) -> f64 {
    let times = Times::Slow(case.times.iter().map(|u| stretch * u).collect());
    let settings = FlowSettings {
        drift,
        ..FlowSettings::default()
    };
    let found = slow_flow(&case.problem, &case.start, &times, &settings).unwrap();
    found
        .snapshots
        .iter()
        .enumerate()
        .map(|(k, snapshot)| {
            relative(snapshot.sharpness, case.sharpness[k])
                .max(relative(snapshot.fluctuation, case.fluctuation[k]))
        })
        .fold(0.0, f64::max)
}

/// The tolerance of 1e-4 tells a coefficient that is wrong by 1 % (the field times 1.01 is the flow at
/// times 1.01 u) and the other drift from the right ones, in every case.
#[test]
fn a_wrong_field_fails_the_references() {
    for case in cases() {
        assert!(worst_error(&case, 1.0, Drift::Symmetric) < 1e-4);
        assert!(worst_error(&case, 1.01, Drift::Symmetric) > 1e-4);
        assert!(worst_error(&case, 1.0, Drift::Exact) > 1e-4);
    }
}
