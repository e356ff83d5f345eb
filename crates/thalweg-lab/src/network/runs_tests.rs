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

/// The state is all there is: nothing else carries over.
#[test]
fn a_state_between_measurements_is_the_whole_run() {
    let straight = measured(|state| state);
    assert_eq!(straight.series("lambda_max", 5).len(), 3);
    assert!(measured(|state| through_words(&state)) == straight);
    let forgetful = measured(|mut state| {
        state.runs[0].memory.iter_mut().for_each(|x| *x = 0);
        state
    });
    assert!(forgetful.series("lambda_max", 1) == straight.series("lambda_max", 1));
    assert!(forgetful.series("lambda_max", 5) != straight.series("lambda_max", 5));
}

/// What is measured is a matter of the weights: not of what was measured before.
#[test]
fn a_measurement_does_not_depend_on_those_before() {
    let experiment = experiment();
    let [often, once] = [&[100, 200, 300][..], &[300]].map(|steps| {
        let mut running = experiment.start().unwrap();
        let mut measurements = Measurements::default();
        for &step in steps {
            running.run_to(step);
            running.measure(&mut measurements).unwrap();
        }
        measurements
    });
    for quantity in ["lambda_max", "sharpness", "fluctuation"] {
        let last = |run: &Measurements| run.series(quantity, 5).last().unwrap().value;
        assert_eq!(last(&often).to_bits(), last(&once).to_bits(), "{quantity}");
    }
}
