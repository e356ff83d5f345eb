//! Keeps a run that takes long in a directory, and leaves a short one in memory.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use super::driver;
use super::error::RunError;
use super::measurements::Measurements;
use super::observer::Observer;
use super::runnable::{Runnable, Running};
use super::{MemoryRun, RunStatus, run, start};
use crate::store::{RunDirectory, RunOutcome, is_run, load};

/// A run on its way, with the directory that it is saved in from when there is something to save.
pub(super) struct Kept<'e, E> {
    experiment: &'e E,
    path: &'e Path,
    save_every: Duration,
    directory: Option<RunDirectory>,
}

/// A run that has taken as long is kept when it is stopped; a shorter one starts again.
const WORTH_KEEPING: Duration = Duration::from_secs(1);

/// How the way ended.
pub(super) enum Ended {
    /// At its end; everything is in the directory.
    Kept(Vec<RunOutcome>),
    /// At its end, before anything had to be saved.
    InMemory(Measurements, Vec<RunOutcome>),
    /// Before its end; what the directory holds, if there is one, can be gone on from.
    Stopped,
}

impl<'e, E: Runnable> Kept<'e, E> {
    pub(super) fn new(
        experiment: &'e E,
        path: &'e Path,
        save_every: Duration,
        directory: Option<RunDirectory>,
    ) -> Self {
        Self {
            experiment,
            path,
            save_every,
            directory,
        }
    }

    /// Takes `running` to its end, or until `stop`. Without a directory one is made when `save_every` has passed.
    pub(super) fn drive(
        mut self,
        running: &mut E::Running,
        measured: Option<u64>,
        observer: &mut dyn Observer,
        stop: &AtomicBool,
    ) -> Result<Ended, RunError> {
        let begun = Instant::now();
        let mut saved = begun;
        let (experiment, path, save_every) = (self.experiment, self.path, self.save_every);
        let directory = &mut self.directory;
        let pause =
            |running: &E::Running, measurements: &mut Measurements, observer: &mut dyn Observer| {
                if saved.elapsed() >= save_every {
                    let directory = match directory {
                        Some(directory) => directory,
                        None => directory.insert(begin(experiment, path, running)?),
                    };
                    directory.save(running.state(), measurements)?;
                    measurements.clear_rows();
                    saved = Instant::now();
                    observer.saved(running.step());
                }
                Ok(())
            };
        let (finished, rest) = driver::drive(experiment, running, measured, observer, stop, pause)?;
        crate::memory::worked();
        if !finished {
            observer.stopping();
        }
        let outcomes = running.outcomes();
        let mut directory = match self.directory {
            Some(directory) => directory,
            None if finished => return Ok(Ended::InMemory(rest, outcomes)),
            // Else a batch system's time limit might never let it come further.
            None if begun.elapsed() >= WORTH_KEEPING => begin(experiment, path, running)?,
            None => return Ok(Ended::Stopped),
        };
        directory.save(running.state(), &rest)?;
        if !finished {
            return Ok(Ended::Stopped);
        }
        running.keep(path)?;
        directory.finish(&outcomes)?;
        Ok(Ended::Kept(outcomes))
    }
}

/// The new directory `path` for `running`.
fn begin<E: Runnable>(
    experiment: &E,
    path: &Path,
    running: &E::Running,
) -> Result<RunDirectory, RunError> {
    let opened =
        RunDirectory::open::<E, <E::Running as Running>::State>(path, experiment, running.data())?;
    Ok(opened.0)
}

/// Runs `experiment` in memory, and goes on in the directory `path` once it has taken `save_every`; or goes on with what an
/// earlier call left there. The directory is left to the caller, who removes it when the result is safe.
///
/// # Errors
/// As [`run`].
pub(crate) fn run_lasting<E: Runnable>(
    experiment: &E,
    path: &Path,
    save_every: Duration,
    observer: &mut dyn Observer,
    stop: &AtomicBool,
) -> Result<MemoryRun, RunError> {
    let stopped = MemoryRun {
        measurements: Measurements::default(),
        outcomes: Vec::new(),
        finished: false,
    };
    if is_run(path) {
        match run(experiment, path, save_every, observer, stop)? {
            RunStatus::Stopped { .. } => return Ok(stopped),
            RunStatus::Finished(_) | RunStatus::AlreadyFinished(_) => {}
        }
    } else {
        let mut running = start(experiment)?;
        let kept = Kept::new(experiment, path, save_every, None);
        match kept.drive(&mut running, None, observer, stop)? {
            Ended::InMemory(measurements, outcomes) => {
                return Ok(MemoryRun {
                    measurements,
                    outcomes,
                    finished: true,
                });
            }
            Ended::Stopped => return Ok(stopped),
            Ended::Kept(_) => {}
        }
    }
    let stored = load::<E>(path)?;
    Ok(MemoryRun {
        measurements: stored.measurements,
        outcomes: stored.outcomes,
        finished: true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::run_in_memory;
    use crate::spec::{Draft, Experiment};

    fn experiment() -> Experiment {
        let text = "depth = 2\ninput_covariance = [[1, 0], [0, 1]]\nteacher = [[1, 0], [0, 1]]\n\
            noise_standard_deviations = [1, 0.5]\nlearning_rate = 0.01\nbatch = 10\nsteps = 3000\nseeds = 2";
        Draft::from_toml(text).unwrap().experiment().unwrap()
    }

    /// In memory, in a directory from its first chunk on, and stopped on the way: the same measurements.
    #[test]
    fn where_it_is_kept_changes_no_number() {
        let experiment = experiment();
        let go = AtomicBool::new(false);
        let expected = run_in_memory(&experiment, &mut (), &go).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cell");
        let lasting = |save_every, stop: &AtomicBool| {
            run_lasting(&experiment, &path, save_every, &mut (), stop).unwrap()
        };
        assert_eq!(lasting(Duration::from_secs(3600), &go), expected);
        assert!(!path.exists());

        struct StopAt<'s>(&'s AtomicBool);
        impl Observer for StopAt<'_> {
            fn saved(&mut self, step: u64) {
                if step > 0 {
                    self.0.store(true, std::sync::atomic::Ordering::Relaxed);
                }
            }
        }
        let stop = AtomicBool::new(false);
        let observer = &mut StopAt(&stop);
        let cut = run_lasting(&experiment, &path, Duration::ZERO, observer, &stop).unwrap();
        assert!(!cut.finished && is_run(&path));
        assert_eq!(lasting(Duration::ZERO, &go), expected);
        // Finished in its directory, and asked for once more.
        assert_eq!(lasting(Duration::ZERO, &go), expected);
    }
}
