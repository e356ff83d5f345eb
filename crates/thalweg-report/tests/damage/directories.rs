//! Small directories of every kind, and what later commands read of them.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use thalweg_lab::network::{Effort, NetworkMeasurement, measure};
use thalweg_lab::run::{Note, Observer, run};
use thalweg_lab::saved::{SavedNetwork, networks_of};
use thalweg_lab::spec::{Experiment, NetworkExperiment, read_experiment};
use thalweg_lab::store::load;
use thalweg_report::report::{self, REPORT_FILE};
use thalweg_report::reproduce;
use thalweg_report::results::Budget;

use crate::flips::{Read, scratch};

const LINEAR: &str = r#"
learning_rate = 0.01
batch = 10
steps = 400
seeds = [5, 1]
measure = { spacing = "linear", count = 9 }
[problem]
depth = 2
input_covariance = { kind = "identity", dimension = 2 }
teacher = { kind = "identity", dimension = 2 }
noise_standard_deviations = [1, 0.1]
"#;

const NETWORK: &str = r#"
learning_rate = 0.02
batch = 10
steps = 20
seeds = [5, 1]
loss = "squared-error"
network = { kind = "mlp", inputs = 2, hidden = [2], outputs = 2 }
measure = { count = 3, samples = 8 }
[data]
kind = "teacher"
teacher = { hidden = [3] }
noise_standard_deviations = [1, 0.1]
"#;

/// Stops a run after so many steps, and keeps what it is told.
struct Listener<'a> {
    stop_at: u64,
    stop: &'a AtomicBool,
    damaged: Vec<String>,
}

impl Observer for Listener<'_> {
    fn progress(&mut self, done: u64, _total: u64) {
        self.stop.store(done >= self.stop_at, Ordering::Relaxed);
    }

    fn note(&mut self, note: Note) {
        if let Note::Damaged { path } = note {
            self.damaged.push(path.display().to_string());
        }
    }
}

fn linear() -> Experiment {
    let folder = scratch();
    let path = folder.path().join("experiment.toml");
    fs::write(&path, LINEAR).unwrap();
    read_experiment::<Experiment>(&path).unwrap()
}

/// Runs `experiment` in `directory` until `stop_at` and says which files were told to be damaged.
fn run_until(directory: &Path, stop_at: u64) -> Result<Vec<String>, String> {
    let stop = AtomicBool::new(false);
    let mut listener = Listener {
        stop_at,
        stop: &stop,
        damaged: Vec::new(),
    };
    run(&linear(), directory, Duration::ZERO, &mut listener, &stop)
        .map_err(|error| error.to_string())?;
    Ok(listener.damaged)
}

/// What `report` and `simulate` read.
pub fn finished_run() -> Read {
    let directory = scratch();
    run_until(directory.path(), u64::MAX).unwrap();
    // Checkpoints of a finished run are read no more.
    fs::remove_dir_all(directory.path().join("checkpoints")).unwrap();
    Read {
        directory,
        read: |copy| {
            let stored = load::<Experiment>(copy).map_err(|error| error.to_string())?;
            Ok(format!("{stored:?}").into_bytes())
        },
    }
}

/// What the command that goes on reads, and makes of it in the end.
pub fn unfinished_run() -> Read {
    let made = fresh();
    run_until(made.directory.path(), 200).unwrap();
    made
}

/// The same where nothing has been done.
pub fn fresh() -> Read {
    Read {
        directory: scratch(),
        read: |copy| {
            let damaged = run_until(copy, u64::MAX)?;
            let stored = load::<Experiment>(copy).map_err(|error| error.to_string())?;
            // An older state stands in for a damaged one: told, and to the same numbers.
            assert_eq!(stored.measurements.len(), 9 * 2 * 8);
            if damaged.is_empty() {
                Ok(fs::read(copy.join("measurements.parquet")).unwrap())
            } else {
                Err(damaged.join(", "))
            }
        },
    }
}

/// What `measure` and `report` read of a training and its networks.
pub fn finished_training() -> Read {
    let directory = scratch();
    let path = directory.path();
    let file = scratch();
    let file = file.path().join("experiment.toml");
    fs::write(&file, NETWORK).unwrap();
    let experiment = read_experiment::<NetworkExperiment>(&file).unwrap();
    let stop = AtomicBool::new(false);
    run(&experiment, path, Duration::MAX, &mut (), &stop).unwrap();
    let effort = Effort {
        eigenpairs: 1,
        trace_products: 4,
        ..Effort::default()
    };
    for network in networks_of(path).unwrap() {
        let saved = SavedNetwork::read(&network, None).unwrap();
        let name = network.file_stem().unwrap().to_str().unwrap().to_owned();
        let measured = measure(&name, &saved, 8, 1, effort, |_| {}).unwrap();
        measured.write(path).unwrap();
    }
    fs::remove_dir_all(path.join("checkpoints")).unwrap();
    Read {
        directory,
        read: |copy| {
            let words = |error: &dyn std::error::Error| error.to_string();
            let stored = load::<NetworkExperiment>(copy).map_err(|error| words(&error))?;
            let mut all = format!("{stored:?}");
            for network in networks_of(copy).map_err(|error| words(&error))? {
                let saved = SavedNetwork::read(&network, None).map_err(|error| words(&error))?;
                all += &format!("{saved:?}");
            }
            let measured = NetworkMeasurement::read_all(copy).map_err(|error| words(&error))?;
            all += &format!("{measured:?}");
            report::write(copy).map_err(|error| words(&error))?;
            Ok(all.into_bytes())
        },
    }
}

/// What `report` reads of a reproduction.
pub fn reproduction() -> Read {
    let directory = scratch();
    let figures = reproduce::find(&["cor1".to_owned(), "corrections".to_owned()]).unwrap();
    let stop = AtomicBool::new(false);
    let path = directory.path();
    reproduce::write(&figures, Budget::Quick, path, &|_, _| {}, &stop).unwrap();
    Read {
        directory,
        read: |copy| {
            report::write(copy).map_err(|error| error.to_string())?;
            Ok(fs::read(copy.join(REPORT_FILE)).unwrap())
        },
    }
}
