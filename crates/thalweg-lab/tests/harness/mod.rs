//! Runs in directories that are watched, stopped and killed.

use std::path::Path;
use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tempfile::TempDir;
use thalweg_lab::run::{Note, Observer, RunError, RunStatus, Runnable, run};

/// Where the child process finds its run directory.
pub const CHILD: &str = "THALWEG_TEST_CHILD";

/// A folder in memory where there is one: these runs save after every chunk, and a disk takes its time.
pub fn scratch() -> TempDir {
    TempDir::new_in("/dev/shm")
        .or_else(|_| TempDir::new())
        .unwrap()
}

/// Notes what it is told, slows the run down, and asks to stop once `stop_at` steps are made.
#[derive(Default)]
pub struct Listener<'a> {
    pub notes: Vec<Note>,
    pub pause: Duration,
    pub stop_at: Option<(u64, &'a AtomicBool)>,
}

impl Observer for Listener<'_> {
    fn progress(&mut self, done: u64, total: u64) {
        assert!(done <= total);
        std::thread::sleep(self.pause);
        if let Some((step, stop)) = self.stop_at
            && done >= step
        {
            stop.store(true, Ordering::Relaxed);
        }
    }

    fn note(&mut self, note: Note) {
        self.notes.push(note);
    }
}

/// A run that saves after every chunk, and what it had to tell.
pub fn run_in<E: Runnable>(
    path: &Path,
    experiment: &E,
) -> (Result<RunStatus, RunError>, Vec<Note>) {
    let mut listener = Listener::default();
    let stop = AtomicBool::new(false);
    let status = run(experiment, path, Duration::ZERO, &mut listener, &stop);
    (status, listener.notes)
}

/// The directory of a run that was made without interruption.
pub fn finished<E: Runnable>(experiment: &E) -> TempDir {
    let folder = scratch();
    let status = run_in(folder.path(), experiment).0.unwrap();
    assert!(matches!(status, RunStatus::Finished(_)));
    folder
}

/// What a child process does: it runs slowly, so that however fast the steps, there is time to be killed between them.
pub fn run_slowly<E: Runnable>(path: &Path, experiment: &E) -> Result<RunStatus, RunError> {
    let mut listener = Listener {
        pause: Duration::from_millis(2),
        ..Listener::default()
    };
    let stop = AtomicBool::new(false);
    run(experiment, path, Duration::ZERO, &mut listener, &stop)
}

/// Starts children and kills them until one comes to its end, after at least `least` kills. The delays differ, so that the
/// kills fall into writing, renaming and computing alike.
pub fn killed_again_and_again(least: usize, mut begin: impl FnMut() -> Child) {
    let mut kills = 0;
    for round in 0u64.. {
        assert!(round < 500, "the run makes no headway between kills");
        let mut child = begin();
        std::thread::sleep(Duration::from_millis(15 + round * 37 % 60));
        if child.try_wait().unwrap().is_some() {
            assert!(child.wait().unwrap().success());
            break;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
    }
    assert!(kills >= least, "only {kills} kills before the end");
}
