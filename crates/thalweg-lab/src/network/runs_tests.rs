//! Trainings that are taken apart between measurements and put together again.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::quantity::{MISMATCH_CONDITION, TEST_LOSS, TRAINED_MISMATCH_CONDITION};
use crate::spec::{Draft, NetworkExperiment};
use crate::store::State;

const TEXT: &str = r#"
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

fn experiment() -> NetworkExperiment {
    Draft::from_toml(TEXT).unwrap().experiment().unwrap()
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

/// Everything that is measured at the start.
fn at_the_start(text: &str) -> (NetworkExperiment, Measurements) {
    let experiment: NetworkExperiment = Draft::from_toml(text).unwrap().experiment().unwrap();
    let mut measurements = Measurements::default();
    let mut running = experiment.start().unwrap();
    running.measure(&mut measurements).unwrap();
    (experiment, measurements)
}

fn first(measurements: &Measurements, quantity: &quantity::Quantity) -> f64 {
    measurements.series(&quantity.key, 7)[0].value
}

/// Digits with flipped labels, measured on the side that is named.
fn digits(on: &str, addition: &str) -> String {
    format!(
        r#"
learning_rate = 0.1
batch = 10
steps = 2
seeds = [7]
{addition}
loss = "cross-entropy"
network = {{ kind = "mlp", hidden = [4] }}
measure = {{ samples = 60, seed = 3, on = "{on}" }}
data = {{ kind = "mnist", label_flips = 0.2 }}
"#
    )
}

/// On the training set all is of its samples, and the test loss is what a run that is measured on the test set calls its loss.
#[test]
fn a_training_set_is_measured_with_the_test_loss_beside() {
    let (experiment, train) = at_the_start(&digits("train", ""));
    let (_, test) = at_the_start(&digits("test", ""));
    let loss = quantity::LOSS;
    assert_eq!(first(&train, &TEST_LOSS), first(&test, &loss));
    assert!(first(&train, &loss) != first(&test, &loss));
    assert!(test.series(&TEST_LOSS.key, 7).is_empty());
    let made = Made::new(&experiment).unwrap();
    let weights = experiment.init.weights(made.training.tape(), 7);
    let samples = made.training.source().evaluation(3, 60);
    let mut evaluation = made.evaluation(Arc::new(samples)).unwrap();
    assert_eq!(first(&train, &loss), evaluation.loss(&weights).unwrap());
    let words = experiment.evaluation_words();
    assert!(words.contains("60 samples that are trained on"), "{words}");
}

/// κ is that of the whole measurement of the fluctuation, on noisy labels where curvature is on clean ones; κ* that of changed samples.
#[test]
fn the_mismatch_is_that_of_the_residuals() {
    let of = |made: &Made, samples, weights: &[f64], as_trained| {
        let evaluation = if as_trained {
            made.evaluation_as_trained(samples)
        } else {
            made.evaluation(samples)
        };
        let found = thalweg::fluctuation::measure(&mut evaluation.unwrap(), weights).unwrap();
        found.residuals.mismatch_condition()
    };
    let (experiment, found) = at_the_start(&digits(
        "train",
        "label_smoothing = 0.3\nhidden_dropout = 0.4",
    ));
    let made = Made::new(&experiment).unwrap();
    let weights = experiment.init.weights(made.training.tape(), 7);
    let plain = made.samples().unwrap();
    let changed = made.as_trained(&plain).unwrap();
    let expected = [
        of(&made, plain, &weights, false),
        of(&made, changed, &weights, true),
    ];
    let measured = [MISMATCH_CONDITION, TRAINED_MISMATCH_CONDITION].map(|q| first(&found, &q));
    for (measured, expected) in measured.iter().zip(expected) {
        assert!(
            (measured / expected - 1.0).abs() < 1e-12,
            "{measured} {expected}"
        );
    }
    assert!((measured[0] / measured[1] - 1.0).abs() > 1e-3);

    let clean = TEXT.replace("samples = 64", "samples = 64, labels = \"clean\"");
    let (clean, found) = at_the_start(&clean);
    let made = Made::new(&clean).unwrap();
    let weights = clean.init.weights(made.training.tape(), 5);
    let noisy = made.noisy_samples().unwrap().unwrap();
    let expected = of(&made, noisy, &weights, false);
    let measured = found.series(&MISMATCH_CONDITION.key, 5)[0].value;
    assert!(
        (measured / expected - 1.0).abs() < 1e-12,
        "{measured} {expected}"
    );
    let without_noise = of(&made, made.samples().unwrap(), &weights, false);
    assert!((measured / without_noise - 1.0).abs() > 1e-3);
}
