//! Every number of a comparison stands in its own place, in the table as in the JSON.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(
    clippy::disallowed_methods,
    reason = "the experiment to be read is written first"
)]

use serde_json::{Value, json};
use thalweg_lab::answer;
use thalweg_lab::compare::{Answered, MeasuredQuantity, Predicted, PredictedQuantity, Values};
use thalweg_lab::quantity::{FLUCTUATION, LAMBDA_MAX, Quantity, SHARPNESS};
use thalweg_lab::run::SeedMean;
use thalweg_lab::spec::read_experiment;

use super::*;

fn measured(quantity: Quantity, mean: f64, error: f64) -> MeasuredQuantity {
    MeasuredQuantity {
        quantity,
        course: vec![],
        end: Some(SeedMean {
            mean,
            standard_error: Some(error),
            count: 4,
        }),
    }
}

fn predicted(key: &'static str, name: &'static str, values: [(f64, f64); 3]) -> Predicted {
    let series = values.map(|(end, z)| {
        Some(PredictedQuantity {
            course: vec![end],
            end,
            z: Some(z),
        })
    });
    Predicted {
        key,
        name,
        legend: name,
        leaves_out: None,
        answer: Ok(Answered {
            series: series.into(),
            belief: None,
            values: Values::Level(vec![]),
        }),
    }
}

/// No two numbers are equal.
fn comparison() -> Comparison {
    Comparison {
        step: 500,
        seeds: 5,
        diverged: 1,
        diverged_by: Some(90),
        divergence: None,
        known_digits: 10,
        followed: vec![1, 2, 3, 4],
        departures: Vec::new(),
        steps: vec![0, 500],
        measured: vec![
            measured(SHARPNESS, 10.25, 0.5),
            measured(LAMBDA_MAX, 20.25, 0.25),
            measured(FLUCTUATION, 30.25, 0.125),
        ],
        predicted: vec![
            predicted(
                "slow_flow",
                "slow flow",
                [(11.5, 1.5), (21.5, -2.5), (31.5, 3.5)],
            ),
            predicted(
                "limit",
                "limit",
                [(12.75, 4.5), (22.75, -5.5), (32.75, 6.5)],
            ),
        ],
    }
}

#[test]
fn json_has_each_number_under_its_name() {
    let found = answer::simulated(&comparison(), &[]);
    assert_eq!(
        found["sharpness"],
        json!({"mean": 10.25, "standard_error": 0.5, "slow_flow": 11.5, "slow_flow_z": 1.5, "limit": 12.75, "limit_z": 4.5})
    );
    assert_eq!(
        found["lambda_max"],
        json!({"mean": 20.25, "standard_error": 0.25, "slow_flow": 21.5, "slow_flow_z": -2.5, "limit": 22.75, "limit_z": -5.5})
    );
    assert_eq!(
        found["fluctuation"],
        json!({"mean": 30.25, "standard_error": 0.125, "slow_flow": 31.5, "slow_flow_z": 3.5, "limit": 32.75, "limit_z": 6.5})
    );
    for (key, expected) in [("step", 500), ("seeds", 5), ("diverged", 1)] {
        assert_eq!(found[key], expected, "{key}");
    }
    assert_eq!(found["no_answer"], json!({}));
    let mut comparison = comparison();
    comparison.predicted[0].answer = Err("why not".to_owned());
    let found = answer::simulated(&comparison, &[]);
    assert_eq!(found["no_answer"], json!({ "slow_flow": "why not" }));
    assert_eq!(found["sharpness"]["slow_flow"], Value::Null);
    assert_eq!(found["sharpness"]["limit"], 12.75);
}

#[test]
fn the_table_has_each_number_in_its_column() {
    let text = "depth = 2\ninput_covariance = [[1, 0], [0, 1]]\nteacher = [[1, 0], [0, 1]]\n\
                noise_standard_deviations = [1, 0.5]\nlearning_rate = 0.01\nbatch = 7\nsteps = 500\n";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("experiment.toml");
    std::fs::write(&path, text).unwrap();
    let experiment = read_experiment::<Experiment>(&path).unwrap();
    let page = page(&comparison(), &experiment, Path::new("somewhere"));
    let lines: Vec<String> = page
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    for expected in [
        "After 500 steps at η = 0.01, B = 7, over 5 seeds",
        "T ±, z λ_max ±, z F ±, z",
        "SGD 10.25 ± 0.5 20.25 ± 0.25 30.25 ± 0.12",
        "slow flow 11.5 1.5 21.5 -2.5 31.5 3.5",
        "limit 12.75 4.5 22.75 -5.5 32.75 6.5",
    ] {
        assert!(
            lines.iter().any(|line| line == expected),
            "{expected} in\n{page}"
        );
    }
}
