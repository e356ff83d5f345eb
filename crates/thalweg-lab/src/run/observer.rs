//! What a run tells whoever started it.

use std::path::PathBuf;

use crate::provenance::Build;

/// Something worth telling about a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// The run goes on from a checkpoint.
    Resumed {
        /// The step reached before.
        step: u64,
    },
    /// A file that the newest state relies on was damaged, and an older state is used.
    Damaged {
        /// The file, removed since.
        path: PathBuf,
    },
    /// What the directory holds was made by another build, whose numbers may differ.
    OtherBuild {
        /// The last one that worked on it.
        found: Build,
        /// This one.
        current: Build,
        /// Whether the run is finished; otherwise this build goes on with it, which its specification records.
        finished: bool,
    },
}

/// Listens to a run; every method does nothing unless it is given.
pub trait Observer {
    /// `done` of `total` steps are made.
    fn progress(&mut self, done: u64, total: u64) {
        let _ = (done, total);
    }

    /// The state at `step` is on the disk.
    fn saved(&mut self, step: u64) {
        let _ = step;
    }

    /// The run was asked to stop; it makes no further step and saves its state.
    fn stopping(&mut self) {}

    /// Something worth telling happened.
    fn note(&mut self, note: Note) {
        let _ = note;
    }
}

/// Listens to nothing.
impl Observer for () {}
