//! Runs experiments: in memory, or in a directory from which they can be resumed.

mod driver;
mod error;
mod estimate;
mod measurements;
mod observer;

use std::collections::HashSet;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use thalweg::simulate::Ensemble;

pub use error::RunError;
pub use estimate::Estimate;
pub use measurements::{Measurements, Point};
pub use observer::{Note, Observer};

use crate::spec::Experiment;
use crate::store::{Progress, RunDirectory, RunOutcome};

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
pub fn run_in_memory(
    experiment: &Experiment,
    observer: &mut dyn Observer,
    stop: &AtomicBool,
) -> Result<MemoryRun, RunError> {
    let mut ensemble = start(experiment)?;
    let (finished, measurements) =
        driver::drive(experiment, &mut ensemble, None, observer, stop, |_, _| {
            Ok(())
        })?;
    Ok(MemoryRun {
        measurements,
        outcomes: outcomes(&ensemble),
        finished,
    })
}

/// Runs `experiment` in `directory`, going on from where an earlier call stopped or was killed.
///
/// The state is saved every `save_every`, and when `stop` is set. Whatever happens in between, the
/// finished run's measurements are the same to the last bit.
///
/// # Errors
/// When the settings do not fit the problem, or the directory cannot be written, is in use, holds
/// something else, or is damaged.
pub fn run(
    experiment: &Experiment,
    directory: &Path,
    save_every: Duration,
    observer: &mut dyn Observer,
    stop: &AtomicBool,
) -> Result<RunStatus, RunError> {
    // Settings that cannot run should not leave a directory behind.
    let fresh = start(experiment)?;
    let (mut directory, progress) = RunDirectory::open(directory, experiment)?;
    let snapshot = match progress {
        Progress::Finished(outcomes) => return Ok(RunStatus::AlreadyFinished(outcomes)),
        Progress::Unfinished { snapshot, damaged } => {
            for path in damaged {
                observer.note(Note::DamagedCheckpoint { path });
            }
            snapshot
        }
    };
    let measured = snapshot.as_ref().map(|snapshot| snapshot.step);
    let mut ensemble = match snapshot {
        None => fresh,
        Some(snapshot) => {
            observer.note(Note::Resumed {
                step: snapshot.step,
            });
            Ensemble::resume(&experiment.problem, &experiment.settings, snapshot)?
        }
    };
    let mut saved = Instant::now();
    let pause = |ensemble: &Ensemble, measurements: &mut Measurements| {
        if saved.elapsed() >= save_every {
            directory.save(ensemble.snapshot(), measurements)?;
            measurements.clear_rows();
            saved = Instant::now();
        }
        Ok(())
    };
    let (finished, rest) =
        driver::drive(experiment, &mut ensemble, measured, observer, stop, pause)?;
    directory.save(ensemble.snapshot(), &rest)?;
    if !finished {
        let step = ensemble.step();
        return Ok(RunStatus::Stopped { step });
    }
    let outcomes = outcomes(&ensemble);
    directory.finish(&outcomes)?;
    Ok(RunStatus::Finished(outcomes))
}

fn start(experiment: &Experiment) -> Result<Ensemble, RunError> {
    let Experiment {
        problem,
        settings,
        seeds,
        ..
    } = experiment;
    let mut taken = HashSet::new();
    for &seed in seeds {
        if i64::try_from(seed).is_err() || !taken.insert(seed) {
            return Err(RunError::Seed { seed });
        }
    }
    Ok(Ensemble::start(problem, settings, seeds)?)
}

fn outcomes(ensemble: &Ensemble) -> Vec<RunOutcome> {
    let each = ensemble.seeds().into_iter().zip(ensemble.outcomes());
    each.map(|(seed, outcome)| RunOutcome::new(seed, outcome))
        .collect()
}
