//! How far a sweep has come.

use std::collections::HashMap;

use serde::Serialize;

use super::claims::{self, Others};
use super::error::SweepError;
use super::estimate::estimate_of;
use super::file::Surveyed;
use super::pack::{CellOutcome, CellRecord, Packs};
use super::store::Store;

/// How far a sweep has come.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Status {
    /// Cells of the sweep, those that are the same counted once.
    pub cells: usize,
    /// Those that ran to their end.
    pub finished: usize,
    /// Those of them in which a seed diverged.
    pub with_divergence: usize,
    /// Those that could not be run, with their reasons.
    pub failed: Vec<FailedCell>,
    /// Those that are claimed by a process which is at work.
    pub running: usize,
    /// Those that nobody has begun, or whose process is gone.
    pub waiting: usize,
    /// Processes at work.
    pub workers: usize,
    /// Wall time of the finished cells together, seconds.
    pub seconds: f64,
    /// What is left for one core, seconds, by the finished cells of the same kind or else by all; none before one is finished,
    /// unless it is [estimated](Status::estimated_before_the_first).
    pub core_seconds_left: Option<f64>,
    /// The same on the cores of this machine.
    pub seconds_left: Option<f64>,
    /// Whether these two are the plan's estimate, by cells that were run for a moment.
    pub is_estimate: bool,
    /// Finished cells that are no longer in the sweep: they stay, and are in no table.
    pub outside: usize,
}

/// A cell that could not be run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FailedCell {
    /// Its number.
    pub number: usize,
    /// The axes there.
    pub point: String,
    /// Why.
    pub reason: String,
}

impl Status {
    /// The same with the time left, also where no cell is finished yet: by the plan's [`estimate`](fn@super::estimate), which
    /// takes a third of a second for each kind of cells.
    ///
    /// # Errors
    /// When a cell is no experiment.
    pub fn estimated_before_the_first(mut self, store: &Store) -> Result<Self, SweepError> {
        if self.core_seconds_left.is_none() && self.running + self.waiting > 0 {
            let estimate = estimate_of(store.sweep(), store.cells())?;
            // None is finished, and those that failed take no time.
            self.core_seconds_left = Some(estimate.core_seconds);
            self.seconds_left = Some(estimate.seconds);
            self.is_estimate = true;
        }
        Ok(self)
    }
}

/// How far `store` has come. It is only read.
///
/// # Errors
/// When a file there cannot be read.
pub fn status(store: &Store) -> Result<Status, SweepError> {
    // In this order: see [`super::run`].
    let others = claims::others(&store.workers(), None)?;
    Ok(status_of(store, &others, &Packs::read(&store.packs())?))
}

/// The same by what is known of the workers and of the packs.
pub(super) fn status_of(store: &Store, others: &Others, packs: &Packs) -> Status {
    let mut status = Status {
        cells: 0,
        finished: 0,
        with_divergence: 0,
        failed: Vec::new(),
        running: 0,
        waiting: 0,
        workers: others.alive,
        seconds: 0.0,
        core_seconds_left: None,
        seconds_left: None,
        is_estimate: false,
        outside: 0,
    };
    let mut rates: HashMap<u64, (f64, f64)> = HashMap::new();
    let mut left = Vec::new();
    let mut failures = 0;
    for (number, cell) in store.cells().iter().enumerate() {
        if store.first(number) != number {
            continue;
        }
        status.cells += 1;
        match packs.get(cell.key) {
            Some(CellRecord {
                outcome: CellOutcome::Finished(runs),
                seconds,
                ..
            }) => {
                status.finished += 1;
                let diverged = runs.iter().any(|run| run.diverged_at.is_some());
                status.with_divergence += usize::from(diverged);
                status.seconds += seconds;
                let rate = rates.entry(cell.kind).or_default();
                rate.0 += seconds;
                rate.1 += cell.steps as f64;
            }
            Some(CellRecord {
                outcome: CellOutcome::Failed(reason),
                ..
            }) => {
                failures += 1;
                status.failed.push(FailedCell {
                    number,
                    point: store.sweep().words(number),
                    reason: reason.clone(),
                });
            }
            None => {
                left.push(cell);
                if others.claimed.contains(&cell.key) {
                    status.running += 1;
                } else {
                    status.waiting += 1;
                }
            }
        }
    }
    status.outside = packs.count().saturating_sub(status.finished + failures);
    if status.finished > 0 {
        let per_cell = status.seconds / status.finished as f64;
        let time = |cell: &&Surveyed| match rates.get(&cell.kind) {
            Some((seconds, steps)) if *steps > 0.0 => seconds * cell.steps as f64 / steps,
            _ => per_cell,
        };
        let seconds = left.iter().map(time).fold(0.0, |all, one| all + one);
        status.core_seconds_left = Some(seconds);
        status.seconds_left = Some(seconds / rayon::current_num_threads() as f64);
    }
    status
}

/// The numbers of the cells of `store` that are not done, each of those that are the same once.
///
/// # Errors
/// When a file there cannot be read.
pub fn missing(store: &Store) -> Result<Vec<usize>, SweepError> {
    let packs = Packs::read(&store.packs())?;
    let cells = store.cells().iter().enumerate();
    let missing = cells
        .filter(|(number, cell)| store.first(*number) == *number && packs.get(cell.key).is_none());
    Ok(missing.map(|(number, _)| number).collect())
}
