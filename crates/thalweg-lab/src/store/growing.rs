//! A run as far as it has come, for an onlooker: nothing is taken, and nothing is written.

use std::path::Path;

use super::directory::{CHECKPOINTS, WAY_OUT, digest_but_for_steps, experiment_of, part};
use super::error::StoreError;
use super::outcomes::RunOutcome;
use super::plain::read_listed;
use super::{checkpoint, is_network, load, table};
use crate::memory;
use crate::run::{Measurements, Runnable, Running};
use crate::spec::{Experiment, NetworkExperiment};
use crate::store::State;

/// What a run's directory holds at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct SoFar {
    /// Steps of each run at its end.
    pub steps: u64,
    /// The step up to which all is on the disk.
    pub step: u64,
    /// How many runs.
    pub seeds: usize,
    /// What was measured up to then.
    pub measurements: Measurements,
    /// What became of each seed; nothing before the end.
    pub outcomes: Option<Vec<RunOutcome>>,
}

/// The run in `directory` as far as it is saved, whether or not a process is at work on it.
///
/// ```
/// use std::{sync::atomic::AtomicBool, time::Duration};
/// use thalweg_lab::{run, spec::{Draft, Experiment}, store::so_far};
///
/// let text = "depth = 2\ninput_covariance = [[1, 0], [0, 1]]\nteacher = [[1, 0], [0, 1]]\n\
///     noise_standard_deviations = [1, 0.5]\nlearning_rate = 0.01\nbatch = 10\nsteps = 100\nseeds = 4";
/// let experiment = Draft::from_toml(text)?.experiment::<Experiment>()?;
/// let out = std::env::temp_dir().join(format!("thalweg-so-far-{}", std::process::id()));
/// run::run(&experiment, &out, Duration::from_secs(60), &mut (), &AtomicBool::new(false))?;
/// let seen = so_far(&out)?;
/// assert_eq!((seen.step, seen.steps, seen.seeds), (100, 100, 4));
/// assert!(!seen.measurements.mean("sharpness").is_empty());
/// # std::fs::remove_dir_all(&out)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// When there is no run, or a file of it cannot be read or is damaged.
pub fn so_far(directory: &Path) -> Result<SoFar, StoreError> {
    let look = || {
        if is_network(directory)? {
            of::<NetworkExperiment>(directory)
        } else {
            of::<Experiment>(directory)
        }
    };
    // Between two files that are read the run may have finished, which leaves others.
    look().or_else(|_| look())
}

fn of<E: Runnable>(directory: &Path) -> Result<SoFar, StoreError> {
    let experiment = experiment_of::<E>(directory)?;
    let mut so_far = SoFar {
        steps: experiment.steps(),
        step: 0,
        seeds: experiment.seeds().len(),
        measurements: Measurements::default(),
        outcomes: None,
    };
    match load::<E>(directory) {
        Ok(run) => {
            return Ok(SoFar {
                step: so_far.steps,
                measurements: run.measurements,
                outcomes: Some(run.outcomes),
                ..so_far
            });
        }
        Err(error) if super::directory::is_finished(directory) => return Err(error),
        Err(_) => {}
    }
    let folder = directory.join(CHECKPOINTS);
    let states = digest_but_for_steps(&experiment);
    let stored = checkpoint::stored::<<E::Running as Running>::State>(&folder, states)?;
    let mut failed = None;
    for checkpoint in stored.into_iter().filter_map(|stored| stored.checkpoint) {
        match parts(directory, &checkpoint.parts) {
            Ok(measurements) => {
                so_far.step = checkpoint.state.step();
                so_far.measurements = measurements;
                return Ok(so_far);
            }
            Err(error) => failed = Some(error),
        }
    }
    failed.map_or(Ok(so_far), Err)
}

/// The measurements of the parts with these `digests`, in their order.
fn parts(directory: &Path, digests: &[u64]) -> Result<Measurements, StoreError> {
    let mut all = Measurements::default();
    for (index, &digest) in digests.iter().enumerate() {
        let path = part(directory, index);
        let bytes = read_listed(&path, digest, WAY_OUT)?;
        let read = table::decode(&path, bytes)?;
        memory::fits(
            Measurements::memory(all.len() + read.len()),
            0,
            "measurements at fewer steps or of fewer seeds need less",
        )?;
        all.append(&read);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;
    use std::time::Duration;

    use super::*;
    use crate::run::{self, Observer, RunStatus};
    use crate::spec::Draft;

    /// Asks the run to stop once it has been saved twice.
    struct Stop<'a> {
        saved: usize,
        stop: &'a AtomicBool,
    }

    impl Observer for Stop<'_> {
        fn saved(&mut self, _step: u64) {
            self.saved += 1;
            if self.saved == 2 {
                self.stop.store(true, std::sync::atomic::Ordering::Relaxed);
            }
        }
    }

    #[test]
    fn a_run_is_seen_up_to_where_it_is_saved_and_then_whole() {
        let text = "depth = 2\ninput_covariance = [[1, 0], [0, 1]]\nteacher = [[1, 0], [0, 1]]\n\
             noise_standard_deviations = [1, 0.5]\nlearning_rate = 0.01\nbatch = 10\nsteps = 5000\nseeds = 3";
        let experiment = Draft::from_toml(text)
            .unwrap()
            .experiment::<Experiment>()
            .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("run");
        let stop = AtomicBool::new(false);
        let mut observer = Stop {
            saved: 0,
            stop: &stop,
        };
        let ended = run::run(&experiment, &out, Duration::ZERO, &mut observer, &stop).unwrap();
        let RunStatus::Stopped { step } = ended else {
            unreachable!("it was stopped")
        };
        let half = so_far(&out).unwrap();
        assert_eq!((half.step, half.steps, half.seeds), (step, 5000, 3));
        assert!(step > 0 && step < 5000 && half.outcomes.is_none());

        run::run(
            &experiment,
            &out,
            Duration::ZERO,
            &mut (),
            &AtomicBool::new(false),
        )
        .unwrap();
        let whole = so_far(&out).unwrap();
        assert_eq!(
            (whole.step, whole.outcomes.as_ref().unwrap().len()),
            (5000, 3)
        );
        // As a run without a directory has it.
        let kept = run::run_in_memory(&experiment, &mut (), &AtomicBool::new(false)).unwrap();
        assert_eq!(whole.measurements, kept.measurements);
        let (part, mean) = (
            half.measurements.mean("sharpness"),
            kept.measurements.mean("sharpness"),
        );
        assert!(part.len() > 1 && part.len() < mean.len());
        assert_eq!(part, mean[..part.len()]);
    }
}
