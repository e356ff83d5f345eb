//! The curves of a training are the seeds' means with their standard errors, each in its own panel.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::*;
use crate::plot::Scale;
use thalweg_lab::run::run;
use thalweg_lab::spec::{NetworkExperiment, read_experiment};

const TRAINING: &str = r#"
learning_rate = 0.05
batch = 10
steps = 60
seeds = [4, 2, 7]
loss = "squared-error"
network = { kind = "mlp", inputs = 2, hidden = [3], outputs = 2 }
measure = { spacing = "linear", count = 4, samples = 32 }
[data]
kind = "teacher"
teacher = { hidden = [5], seed = 3 }
noise_standard_deviations = [1, 0.1]
"#;

#[test]
fn curves_are_means_over_seeds_with_their_standard_errors() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("experiment.toml");
    std::fs::write(&path, TRAINING).unwrap();
    let experiment = read_experiment::<NetworkExperiment>(&path).unwrap();
    let out = folder.path().join("run");
    let stop = AtomicBool::new(false);
    run(&experiment, &out, Duration::from_secs(60), &mut (), &stop).unwrap();
    let stored = load::<NetworkExperiment>(&out).unwrap();
    let figure = draw(&stored);
    let expected = [
        ("sharpness", "sharpness T"),
        ("lambda_max", "eigenvalue"),
        ("fluctuation", "fluctuation F"),
        ("fluctuation_per_sharpness", "F/T"),
        ("loss", "loss"),
    ];
    assert_eq!(figure.panels.len(), expected.len());
    for (panel, (quantity, label)) in figure.panels.iter().zip(expected) {
        assert!(panel.y.label.contains(label), "{}", panel.y.label);
        assert_eq!((panel.x.scale, panel.y.scale), (Scale::Log, Scale::Log));
        let points = &panel.series[0].points;
        assert_eq!(points.len(), 4);
        for (point, step) in points.iter().zip([0, 20, 40, 60]) {
            let of = |seed| {
                let series = stored.measurements.series(quantity, seed);
                series.iter().find(|p| p.step == step).unwrap().value
            };
            let values = [4, 2, 7].map(of);
            let mean = values.iter().sum::<f64>() / 3.0;
            let squares: f64 = values.iter().map(|x| (x - mean).powi(2)).sum();
            assert_eq!(point.x, step as f64);
            assert!((point.y - mean).abs() < 1e-12 * mean);
            let error = (squares / 6.0).sqrt();
            assert!(error > 0.0 && (point.error - error).abs() < 1e-9 * error);
        }
        let levels: Vec<f64> = panel.levels.iter().map(|level| level.value).collect();
        if quantity == "lambda_max" {
            assert_eq!(levels, [40.0]);
        } else {
            assert!(levels.is_empty());
        }
    }
}
