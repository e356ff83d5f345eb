//! What commands that run an experiment share: progress, signals, and which failures are whose.

use std::path::Path;
use std::time::Duration;

use indicatif::ProgressBar;
use thalweg_lab::network::NetworkError;
use thalweg_lab::run::{Note, Observer, RunError, RunStatus};
use thalweg_lab::saved::SavedError;

use crate::exit::Failure;
use crate::{interrupt, leave, progress};

/// How often the state is put on the disk: what a kill -9 can cost.
pub const SAVE_EVERY: Duration = Duration::from_secs(10);

/// Lets `run` make `steps` steps in the directory `out`, with a progress bar, until a signal stops it.
///
/// # Errors
/// Those of the run, and [`Failure::Interrupted`] when it was stopped before its end.
pub fn to_its_end(
    steps: u64,
    out: &Path,
    run: impl FnOnce(&mut Watcher) -> Result<RunStatus, RunError>,
) -> Result<(), Failure> {
    let mut watcher = Watcher {
        bar: progress::bar(steps, &format!("{steps} steps")),
        out,
    };
    leave::keeping(format!(
        "what was saved before is in {}, and the same command goes on from there",
        out.display()
    ));
    interrupt::patiently();
    let status = run(&mut watcher);
    watcher.bar.finish_and_clear();
    match status.map_err(failure)? {
        RunStatus::Stopped { step } => Err(Failure::Interrupted(format!(
            "stopped at step {step} of {steps}; all of it is in {}, and the same command goes on from there",
            out.display()
        ))),
        RunStatus::Finished(_) | RunStatus::AlreadyFinished(_) => {
            interrupt::impatiently();
            leave::keeping(format!(
                "the finished run is in {}, and the same command shows it",
                out.display()
            ));
            Ok(())
        }
    }
}

/// Shows a run's progress, and knows what of it is kept.
pub struct Watcher<'a> {
    bar: ProgressBar,
    out: &'a Path,
}

impl Watcher<'_> {
    /// What is there if the run is cut off now.
    fn keeps(&self, step: u64) {
        leave::keeping(format!(
            "step {step} is in {}, and the same command goes on from there",
            self.out.display()
        ));
    }
}

impl Observer for Watcher<'_> {
    fn progress(&mut self, done: u64, _total: u64) {
        self.bar.set_position(done);
    }

    fn saved(&mut self, step: u64) {
        self.keeps(step);
    }

    fn stopping(&mut self) {
        interrupt::saving();
    }

    fn note(&mut self, note: Note) {
        let words = match note {
            Note::Resumed { step } => {
                self.keeps(step);
                // Steps made earlier say nothing of the speed.
                self.bar.set_position(step);
                self.bar.reset_eta();
                format!("goes on from step {step}")
            }
            Note::OtherBuild {
                found,
                current,
                finished: true,
            } => format!("note: this run was made by {found}, and this is {current}"),
            Note::OtherBuild {
                found,
                current,
                finished: false,
            } => format!(
                "note: this run was made by {found}, and {current} goes on with it: its numbers may differ from those of \
                 either alone; specification.toml records from which step"
            ),
            Note::Damaged { path } => {
                format!("{} was damaged; an older state is used", path.display())
            }
        };
        self.bar.suspend(|| eprintln!("{words}"));
    }
}

/// Whether input or work failed.
fn failure(error: RunError) -> Failure {
    match &error {
        RunError::Store(cause)
        | RunError::Network(NetworkError::Saved(SavedError::Store(cause))) => {
            Failure::stored(&error, cause)
        }
        RunError::Network(NetworkError::Evaluation(_)) => Failure::work(error),
        _ => Failure::input(error),
    }
}
