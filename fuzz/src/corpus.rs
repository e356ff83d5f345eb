//! Whole files of every kind: small, and made by the program itself wherever it writes them.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use flate2::{Compression, write::GzEncoder};
use thalweg_lab::examples;
use thalweg_lab::network::{Effort, measure};
use thalweg_lab::run::{self, Observer};
use thalweg_lab::saved::{SavedNetwork, networks_of};
use thalweg_lab::spec::{Experiment, NetworkExperiment, read_experiment};
use thalweg_report::reproduce::{find, write};
use thalweg_report::results::Budget;

/// Anything that keeps a target from being set up, or a reader's promise that was not kept.
pub type Error = Box<dyn std::error::Error>;

/// Problems in both formats, with the fields that stand beside one.
pub const PROBLEMS: &[&str] = &[
    r#"{"depth": 3, "input_covariance": [[1, 0.5], [0.5, 2]], "teacher": [[1, 0], [0.25, 1]],
 "noise_covariance": [[1, 0], [0, 0.01]], "hidden_widths": [2, 3], "learning_rate": 0.003, "batch": 10,
 "steps": 9, "name": "λ"}"#,
    r#"depth = 2
noise_standard_deviations = [1, 0.1, 3]
slow_time = [0, 0.5, 2]
input_covariance = { kind = "power-law", dimension = 2, exponent = 1.5, scale = 2, basis_seed = 3 }
[teacher]
kind = "diagonal"
values = [2, 0.5]
rows = 3
columns = 2
left_basis_seed = 1
right_basis_seed = 2
"#,
    r#"start_weights = [[[1.0, 0.0]], [[1.0], [0.5]]]
[problem]
depth = 2
hidden_widths = [1]
input_covariance = [[1.0, 1.0], [1.0, 1.0]]
teacher = [[1.0, 0.0], [0.0, 1.0]]
noise_covariance = { kind = "spiked", dimension = 2, spikes = 1, height = 4 }
"#,
];

/// An experiment on a deep linear network, few steps long.
pub const EXPERIMENT: &str = r#"learning_rate = 0.01
batch = 4
steps = 8
seeds = [0, 7]
momentum = 0.5
weight_decay = 0.0
precision = "f64"
init = { kind = "xavier", gain = 0.5 }
measure = { spacing = "linear", count = 5 }
switch = { at_step = 6, samples = 3 }
[data]
heteroscedasticity = 0.5
noise = { kind = "student-t", degrees = 5 }
source = { kind = "finite", samples = 9, replacement = false }
[problem]
depth = 2
input_covariance = { kind = "identity", dimension = 2 }
teacher = [[1, 0], [0, 1]]
noise_covariance = [[1, 0], [0, 0.25]]
"#;

/// One on a small network, few steps long.
pub const NETWORK: &str = r#"learning_rate = 0.1
batch = 4
steps = 6
seeds = 2
momentum = 0.5
loss = "squared-error"
warmup = 2
decay = { kind = "steps", every = 3, factor = 0.5 }
measure = { count = 3, samples = 5 }
network = { kind = "mlp", inputs = 2, hidden = [3], outputs = 2, activation = "tanh", biases = true }
[data]
kind = "teacher"
teacher = { hidden = [4], seed = 5 }
noise_standard_deviations = [3, 0.5]
noise = "laplace"
"#;

/// The networks of the other kinds, and images.
pub const MORE_NETWORKS: &[&str] = &[
    examples::LINEAR,
    examples::MNIST,
    examples::RNN,
    examples::TRANSFORMER,
    examples::RELU,
];

/// Stops a run at its first note of progress from `step` on.
struct StopAt<'a> {
    step: u64,
    stop: &'a AtomicBool,
}

impl Observer for StopAt<'_> {
    fn progress(&mut self, done: u64, _: u64) {
        if done >= self.step {
            self.stop.store(true, Ordering::Relaxed);
        }
    }
}

/// The experiment in `text`.
pub fn linear(folder: &Path, text: &str) -> Result<Experiment, Error> {
    Ok(read_experiment::<Experiment>(&written(folder, text)?)?)
}

/// The experiment on a network in `text`.
pub fn network(folder: &Path, text: &str) -> Result<NetworkExperiment, Error> {
    let path = written(folder, text)?;
    Ok(read_experiment::<NetworkExperiment>(&path)?)
}

fn written(folder: &Path, text: &str) -> Result<PathBuf, Error> {
    let path = folder.join("specification.toml");
    std::fs::write(&path, text)?;
    Ok(path)
}

/// Makes the run of an experiment of either kind in a directory, stopped after some steps or finished.
macro_rules! run_directory {
    ($experiment:expr, $directory:expr, $step:expr) => {{
        let step: Option<u64> = $step;
        let stop = AtomicBool::new(false);
        let mut observer = StopAt {
            step: step.unwrap_or(u64::MAX),
            stop: &stop,
        };
        run::run(
            $experiment,
            $directory,
            Duration::ZERO,
            &mut observer,
            &stop,
        )?;
        Ok(())
    }};
}

/// A run directory of a deep linear network, stopped after `step` steps or, without, finished.
pub fn linear_run(
    experiment: &Experiment,
    directory: &Path,
    step: Option<u64>,
) -> Result<(), Error> {
    run_directory!(experiment, directory, step)
}

/// The same for any network.
pub fn network_run(
    experiment: &NetworkExperiment,
    directory: &Path,
    step: Option<u64>,
) -> Result<(), Error> {
    run_directory!(experiment, directory, step)
}

/// A trained network as safetensors.
pub fn safetensors(folder: &Path) -> Result<Vec<u8>, Error> {
    let experiment = network(folder, NETWORK)?;
    let directory = folder.join("trained");
    network_run(&experiment, &directory, None)?;
    Ok(std::fs::read(&networks_of(&directory)?[0])?)
}

/// The file of one network's measurements, in `folder`, which holds nothing else that a report shows.
pub fn measured(folder: &Path) -> Result<PathBuf, Error> {
    let elsewhere = tempfile::tempdir()?;
    let path = elsewhere.path().join("network.safetensors");
    std::fs::write(&path, safetensors(elsewhere.path())?)?;
    let saved = SavedNetwork::read(&path, None)?;
    let effort = Effort {
        eigenpairs: 2,
        trace_products: 4,
        ..Effort::default()
    };
    let measured = measure("seed-0", &saved, 8, 1, effort, |_| {})?;
    Ok(measured.write(folder)?)
}

/// A reproduction of two figures in `folder`.
pub fn reproduction(folder: &Path) -> Result<(), Error> {
    let figures = find(&["cor1".to_owned(), "corrections".to_owned()])?;
    let stop = AtomicBool::new(false);
    write(&figures, Budget::Quick, folder, &|_, _| {}, &stop)?;
    Ok(())
}

/// An IDX file of unsigned bytes.
pub fn idx(sizes: &[u32]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, sizes.len() as u8];
    bytes.extend(sizes.iter().flat_map(|size| size.to_be_bytes()));
    let count: u32 = sizes.iter().product();
    bytes.extend((0..count).map(|i| (i % 10) as u8));
    bytes
}

/// The same, packed.
pub fn packed(bytes: &[u8]) -> Result<Vec<u8>, Error> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}
