//! Runs experiments: in memory, or in a directory from which they can be resumed.
//!
//! ```
//! use std::{sync::atomic::AtomicBool, time::Duration};
//! use thalweg_lab::{run::{self, RunStatus}, spec::{Draft, Experiment}, store::load};
//!
//! let text = "depth = 2\ninput_covariance = [[1, 0], [0, 1]]\nteacher = [[1, 0], [0, 1]]\n\
//!     noise_standard_deviations = [1, 0.5]\nlearning_rate = 0.01\nbatch = 10\nsteps = 100\nseeds = 4";
//! let experiment = Draft::from_toml(text)?.experiment::<Experiment>()?;
//! let out = std::env::temp_dir().join(format!("thalweg-run-{}", std::process::id()));
//! let stop = AtomicBool::new(false);
//! let status = run::run(&experiment, &out, Duration::from_secs(60), &mut (), &stop)?;
//! assert!(matches!(status, RunStatus::Finished(_)));
//! assert_eq!(load::<Experiment>(&out)?.experiment, experiment);
//! # std::fs::remove_dir_all(&out)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod change;
mod departures;
mod driver;
mod error;
mod kept;
mod linear;
mod measurements;
mod observer;
mod runnable;
mod seed_mean;

use std::collections::HashSet;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

pub use change::{Change, Direction};
pub use departures::{departures, notes_on};
pub(crate) use departures::{forces_on, is_reshuffled, left_out, note_on_law};
pub use error::RunError;
pub use linear::LinearRuns;
pub use measurements::{AtStep, Columns, Measurements};
pub use observer::{Note, Observer};
pub use runnable::{Runnable, Running};
pub use seed_mean::SeedMean;

pub(crate) use kept::run_lasting;

use kept::{Ended, Kept};

use crate::provenance::Build;
use crate::store::{Progress, RunDirectory, RunOutcome, State};

/// How a call of [`run`] ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunStatus {
    /// All steps are made and everything is written.
    Finished(Vec<RunOutcome>),
    /// They were so already; nothing was done.
    AlreadyFinished(Vec<RunOutcome>),
    /// It was asked to stop; the same call goes on from `step`.
    Stopped {
        /// The step reached, which is on the disk.
        step: u64,
    },
}

/// The measurements and outcomes of a run without a directory.
#[derive(Clone, Debug, PartialEq)]
pub struct MemoryRun {
    /// What was measured.
    pub measurements: Measurements,
    /// What became of each seed.
    pub outcomes: Vec<RunOutcome>,
    /// Whether all steps were made; false if it was asked to stop.
    pub finished: bool,
}

/// Runs `experiment` and keeps its measurements in memory.
///
/// # Errors
/// When the settings do not fit the problem.
pub fn run_in_memory<E: Runnable>(
    experiment: &E,
    observer: &mut dyn Observer,
    stop: &AtomicBool,
) -> Result<MemoryRun, RunError> {
    let mut running = start(experiment)?;
    let (finished, measurements) =
        driver::drive(experiment, &mut running, None, observer, stop, |_, _, _| {
            Ok(())
        })?;
    Ok(MemoryRun {
        measurements,
        outcomes: running.outcomes(),
        finished,
    })
}

/// Runs `experiment` in the directory `path`, going on from where an earlier call stopped or was killed.
///
/// The state is saved every `save_every`, and when `stop` is set. Whatever happens in between, the
/// finished run's measurements are the same to the last bit.
///
/// # Errors
/// When the settings do not fit the problem, or the directory cannot be written, is in use, holds
/// something else, or is damaged.
pub fn run<E: Runnable>(
    experiment: &E,
    path: &Path,
    save_every: Duration,
    observer: &mut dyn Observer,
    stop: &AtomicBool,
) -> Result<RunStatus, RunError> {
    // Settings that cannot run should not leave a directory behind.
    let fresh = start(experiment)?;
    let (directory, progress) = RunDirectory::open(path, experiment, fresh.data())?;
    let (found, current) = (directory.found().clone(), Build::here());
    if found != current {
        let finished = matches!(progress, Progress::Finished(_));
        observer.note(Note::OtherBuild {
            found,
            current,
            finished,
        });
    }
    let state: Option<<E::Running as Running>::State> = match progress {
        Progress::Finished(outcomes) => {
            fresh.check_kept(path)?;
            return Ok(RunStatus::AlreadyFinished(outcomes));
        }
        Progress::Unfinished { state, damaged } => {
            for path in damaged {
                observer.note(Note::Damaged { path });
            }
            state
        }
    };
    let measured = state.as_ref().map(State::step);
    let mut running = match state {
        None => fresh,
        Some(state) => {
            observer.note(Note::Resumed { step: state.step() });
            // Two of them would take twice the memory.
            drop(fresh);
            experiment.resume(state)?
        }
    };
    let kept = Kept::new(experiment, path, save_every, Some(directory));
    Ok(match kept.drive(&mut running, measured, observer, stop)? {
        Ended::Kept(outcomes) => RunStatus::Finished(outcomes),
        Ended::InMemory(..) | Ended::Stopped => RunStatus::Stopped {
            step: running.step(),
        },
    })
}

fn start<E: Runnable>(experiment: &E) -> Result<E::Running, RunError> {
    let mut taken = HashSet::new();
    for &seed in experiment.seeds() {
        if i64::try_from(seed).is_err() || !taken.insert(seed) {
            return Err(RunError::Seed { seed });
        }
    }
    experiment.start()
}
