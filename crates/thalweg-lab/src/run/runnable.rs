//! What an experiment needs so that it can be run, stored and resumed.

use std::path::Path;

use super::error::RunError;
use super::measurements::Measurements;
use crate::spec::Specification;
use crate::store::{Fingerprint, RunOutcome, State};

/// An experiment that can be run.
pub trait Runnable: Specification {
    /// Its runs under way.
    type Running: Running;

    /// One run for each.
    fn seeds(&self) -> &[u64];

    /// Steps of each run.
    fn steps(&self) -> u64;

    /// The steps at which the runs are measured, ascending; the last is [`Runnable::steps`].
    fn measured_steps(&self) -> Vec<u64>;

    /// All runs at step 0.
    fn start(&self) -> Result<Self::Running, RunError>;

    /// All runs where `state` was taken.
    fn resume(&self, state: <Self::Running as Running>::State) -> Result<Self::Running, RunError>;
}

/// All seeds' runs of one experiment, at the same step.
pub trait Running {
    /// What a checkpoint holds.
    type State: State;

    /// The steps made so far, t.
    fn step(&self) -> u64;

    /// Steps every run on to step `step`. However the way there is cut, the numbers are the same.
    fn run_to(&mut self, step: u64);

    /// Adds a row for each seed that has not diverged and each quantity. It must change no number that a
    /// later step or measurement gives.
    fn measure(&mut self, measurements: &mut Measurements) -> Result<(), RunError>;

    /// Every number that a later step reads.
    fn state(&self) -> Self::State;

    /// The content of files that the specification only names: a run goes on with the same alone.
    fn data(&self) -> Option<&Fingerprint> {
        None
    }

    /// What has become of each seed.
    fn outcomes(&self) -> Vec<RunOutcome>;

    /// Refuses a `directory` that no longer holds what [`Running::keep`] wrote.
    fn check_kept(&self, directory: &Path) -> Result<(), RunError> {
        let _ = directory;
        Ok(())
    }

    /// Writes what is kept of a finished run beside its measurements.
    fn keep(&self, directory: &Path) -> Result<(), RunError> {
        let _ = directory;
        Ok(())
    }
}
