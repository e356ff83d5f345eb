//! When a run diverged, as its directory tells it: the very step that the simulator and the trainer say.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tempfile::TempDir;
use thalweg::outcome::Outcome;
use thalweg::simulate::Ensemble;
use thalweg::train::Trainer;
use thalweg_lab::network::Made;
use thalweg_lab::run::run;
use thalweg_lab::spec::{Experiment, NetworkExperiment, read_experiment};
use thalweg_lab::store::load;

const LINEAR: &str = r#"
learning_rate = 0.7
batch = 10
steps = 300
seeds = [0, 1, 2, 3]
[problem]
depth = 3
input_covariance = [[1, 0], [0, 1]]
teacher = [[1, 0], [0, 1]]
noise_standard_deviations = [1, 0.5]
"#;

const NETWORK: &str = r#"
learning_rate = 3.0
batch = 10
steps = 300
seeds = [5, 1]
loss = "squared-error"
network = { kind = "mlp", inputs = 2, hidden = [4], outputs = 2 }
measure = { count = 3, samples = 16 }
data = { kind = "teacher", teacher = { hidden = [9] } }
"#;

fn written(text: &str) -> (TempDir, std::path::PathBuf) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("experiment.toml");
    std::fs::write(&path, text).unwrap();
    (folder, path)
}

/// The step of each run that diverged.
fn steps(outcomes: impl IntoIterator<Item = Outcome>) -> Vec<Option<u64>> {
    let step = |outcome| match outcome {
        Outcome::Running => None,
        Outcome::Diverged { step } => Some(step),
    };
    outcomes.into_iter().map(step).collect()
}

#[test]
fn linear_runs() {
    let (folder, path) = written(LINEAR);
    let experiment = read_experiment::<Experiment>(&path).unwrap();
    let out = folder.path().join("run");
    let (every, stop) = (Duration::from_secs(60), AtomicBool::new(false));
    run(&experiment, &out, every, &mut (), &stop).unwrap();
    let found = load::<Experiment>(&out).unwrap().outcomes;
    let found: Vec<_> = found
        .iter()
        .map(|run| (run.seed, run.diverged_at))
        .collect();
    let Experiment {
        problem, settings, ..
    } = &experiment;
    let mut ensemble = Ensemble::start(problem, settings, &[0, 1, 2, 3]).unwrap();
    ensemble.run_to(300);
    let expected: Vec<_> = (0..4).zip(steps(ensemble.outcomes())).collect();
    assert_eq!(found, expected);
    assert!(found.iter().any(|(_, step)| step.is_some()), "{found:?}");
}

#[test]
fn trainings() {
    let (folder, path) = written(NETWORK);
    let experiment = read_experiment::<NetworkExperiment>(&path).unwrap();
    let out = folder.path().join("run");
    let (every, stop) = (Duration::from_secs(60), AtomicBool::new(false));
    run(&experiment, &out, every, &mut (), &stop).unwrap();
    let found = load::<NetworkExperiment>(&out).unwrap().outcomes;
    let training = Made::new(&experiment).unwrap().training;
    for run in found {
        let weights = experiment.init.weights(training.tape(), run.seed);
        let mut trainer = Trainer::<f64, _>::start(&training, &weights, run.seed).unwrap();
        trainer.run_to(300);
        assert_eq!([run.diverged_at], steps([trainer.outcome()])[..]);
        assert!(run.diverged_at.is_some());
    }
}
