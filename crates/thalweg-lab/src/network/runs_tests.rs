//! Trainings that are taken apart between measurements and put together again.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::spec::{NetworkExperiment, read_experiment};
use crate::store::State;

fn experiment() -> NetworkExperiment {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("experiment.toml");
    let text = r#"
learning_rate = 0.02
batch = 10
steps = 400
seeds = [5, 1]
momentum = 0.5
loss = "squared-error"
network = { kind = "mlp", inputs = 3, hidden = [8], outputs = 2, activation = "tanh" }
measure = { spacing = "linear", count = 5, samples = 64 }
[data]
kind = "teacher"
teacher = { hidden = [9], seed = 3 }
noise_standard_deviations = [1, 0.1]
"#;
    std::fs::write(&path, text).unwrap();
    read_experiment::<NetworkExperiment>(&path).unwrap()
}

/// What is measured at steps 100, 200 and 300 when the state at 150 goes through `between`.
fn measured(between: impl FnOnce(NetworkState) -> NetworkState) -> Measurements {
    let experiment = experiment();
    let mut running = experiment.start().unwrap();
    let mut measurements = Measurements::default();
    running.run_to(100);
    running.measure(&mut measurements).unwrap();
    running.run_to(150);
    let mut running = experiment.resume(between(running.state())).unwrap();
    for step in [200, 300] {
        running.run_to(step);
        running.measure(&mut measurements).unwrap();
    }
    measurements
}

fn through_words(state: &NetworkState) -> NetworkState {
    let mut words = Vec::new();
    state.encode(&mut |word| words.push(word));
    let mut words = words.into_iter();
    NetworkState::decode(&mut || words.next()).unwrap()
}

/// The state is all there is: nothing else carries over, and the eigenvector does.
#[test]
fn a_state_between_measurements_is_the_whole_run() {
    let straight = measured(|state| state);
    assert_eq!(straight.series("lambda_max", 5).len(), 3);
    assert!(measured(|state| through_words(&state)) == straight);
    let forgetful = measured(|mut state| {
        assert!(state.runs.iter().all(|run| !run.leading.is_empty()));
        state.runs[0].leading.clear();
        state
    });
    assert!(forgetful.series("lambda_max", 1) == straight.series("lambda_max", 1));
    assert!(forgetful.series("lambda_max", 5) != straight.series("lambda_max", 5));
}

/// An eigenvector of another network's size is refused and not read past its end.
#[test]
fn an_eigenvector_that_does_not_fit_is_refused() {
    let experiment = experiment();
    let mut running = experiment.start().unwrap();
    let mut state = running.state();
    state.runs[1].leading = vec![1.0_f64.to_bits(); 3];
    running = experiment.resume(state).unwrap();
    let error = running.measure(&mut Measurements::default()).unwrap_err();
    assert!(
        error.to_string().contains("the warm start is 3 × 1"),
        "{error}"
    );
}

/// Same eigenvalues to their tolerance, for fewer products in all.
#[test]
fn going_on_from_the_last_eigenvector_saves_products() {
    let experiment = experiment();
    let mut runs = [true, false].map(|warm| {
        let mut running = experiment.start().unwrap();
        let mut measurements = Measurements::default();
        for step in experiment.measured_steps() {
            running.run_to(step);
            if !warm {
                running.leading.iter_mut().for_each(Vec::clear);
            }
            running.measure(&mut measurements).unwrap();
        }
        measurements
    });
    let series = |run: &Measurements, quantity| -> Vec<f64> {
        let seeds = [5, 1].into_iter();
        let points = seeds.flat_map(|seed| run.series(quantity, seed));
        points.map(|point| point.value).collect()
    };
    let [warm, cold] = &mut runs;
    let [found, expected] = [&*warm, &*cold].map(|run| series(run, "lambda_max"));
    assert_eq!(found.len(), 10);
    for (found, expected) in found.iter().zip(expected) {
        // The square of the residual's tolerance, times what a small gap makes of it.
        assert!(
            (found - expected).abs() < 1e-6 * expected,
            "{found} and {expected}"
        );
    }
    let [warm, cold] = [&*warm, &*cold].map(|run| series(run, "lambda_max_products"));
    let [warm, cold] = [warm, cold].map(|products| products.iter().sum::<f64>());
    assert!(warm < cold, "{warm} and {cold}");
}
