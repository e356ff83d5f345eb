//! How long a sweep will take, and how much disk: from one short timed cell of each kind.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rayon::ThreadPoolBuilder;
use serde::Serialize;

use super::cell::Cell;
use super::error::SweepError;
use super::file::{Surveyed, Sweep};
use crate::run::{Measurements, MemoryRun, Observer, RunError};
use crate::store::encode_measurements;

/// How long one cell of a kind is run.
const TIMED: Duration = Duration::from_millis(300);

/// The most kinds that are timed; they lie evenly over the sweep's, and the others are given their mean.
const MOST_TIMED: usize = 24;

/// What a sweep will take.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// Cells, those that are the same counted once.
    pub cells: usize,
    /// Cells whose settings cannot run; nothing else is known of their kinds.
    pub failing: usize,
    /// Time of one core, seconds.
    pub core_seconds: f64,
    /// Time here, seconds, on `cores` cores.
    pub seconds: f64,
    /// Cores of this machine that work.
    pub cores: usize,
    /// Rows that are measured.
    pub rows: f64,
    /// Disk, bytes.
    pub bytes: f64,
    /// Kind by kind, in the order of their first cells.
    pub kinds: Vec<KindEstimate>,
}

/// What cells of one kind take: they differ in numbers with a point and in steps alone.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct KindEstimate {
    /// The first of them.
    pub first: usize,
    /// How many there are.
    pub cells: usize,
    /// One core's seconds for a step of all seeds; none where it was not timed, or cannot run.
    pub seconds_per_step: Option<f64>,
    /// Why it cannot run.
    pub failure: Option<String>,
}

/// Times one cell of each kind of `sweep`, on one core, and says what all of it will take.
///
/// # Errors
/// When a cell is no experiment.
pub fn estimate(sweep: &Sweep) -> Result<Estimate, SweepError> {
    estimate_of(sweep, &sweep.survey()?)
}

/// The same of a sweep whose `cells` are known.
pub(super) fn estimate_of(sweep: &Sweep, cells: &[Surveyed]) -> Result<Estimate, SweepError> {
    let mut seen = HashSet::new();
    let cells: Vec<(usize, &Surveyed)> = cells
        .iter()
        .enumerate()
        .filter(|(_, cell)| seen.insert(cell.key))
        .collect();
    let mut order: Vec<u64> = Vec::new();
    let mut groups: HashMap<u64, Vec<(usize, u64)>> = HashMap::new();
    for (number, cell) in &cells {
        let group = groups.entry(cell.kind).or_insert_with(|| {
            order.push(cell.kind);
            Vec::new()
        });
        group.push((*number, cell.steps));
    }
    let stride = order.len().div_ceil(MOST_TIMED);
    let mut kinds = Vec::new();
    let mut timed: Vec<Timed> = Vec::new();
    for (place, kind) in order.iter().enumerate() {
        let group = &groups[kind];
        let first = group[0].0;
        let mut kind = KindEstimate {
            first,
            cells: group.len(),
            seconds_per_step: None,
            failure: None,
        };
        if place % stride == 0 {
            match time(&sweep.cell(first)?) {
                Ok(time) => {
                    kind.seconds_per_step = Some(time.seconds_per_step);
                    timed.push(time);
                }
                Err(error) => kind.failure = Some(error.to_string()),
            }
        }
        kinds.push(kind);
    }
    let mean =
        |of: fn(&Timed) -> f64| timed.iter().map(of).sum::<f64>() / timed.len().max(1) as f64;
    let usual = mean(|time| time.seconds_per_step);
    let (rows, bytes) = (mean(|time| time.rows), mean(|time| time.bytes));
    let (mut core_seconds, mut failing) = (0.0, 0);
    for (kind, estimate) in order.iter().zip(&kinds) {
        if estimate.failure.is_some() {
            failing += estimate.cells;
            continue;
        }
        let steps: f64 = groups[kind].iter().map(|(_, steps)| *steps as f64).sum();
        core_seconds += steps * estimate.seconds_per_step.unwrap_or(usual);
    }
    let running = (cells.len() - failing) as f64;
    let cores = rayon::current_num_threads();
    Ok(Estimate {
        cells: cells.len(),
        failing,
        core_seconds,
        seconds: core_seconds / cores as f64,
        cores,
        rows: rows * running,
        bytes: bytes * running,
        kinds,
    })
}

/// What a timed cell says of its kind.
struct Timed {
    seconds_per_step: f64,
    /// Of a whole cell.
    rows: f64,
    bytes: f64,
}

fn time(cell: &Cell) -> Result<Timed, RunError> {
    let alone = ThreadPoolBuilder::new().num_threads(1).build();
    let work = || -> Result<(MemoryRun, f64), RunError> {
        let stop = AtomicBool::new(false);
        let mut clock = Clock {
            begun: Instant::now(),
            stop: &stop,
            passed: Vec::new(),
        };
        let run = cell.experiment.run_in_memory(&mut clock, &stop)?;
        Ok((run, clock.seconds_per_step(cell.experiment.steps())))
    };
    // Without a thread of its own it is timed on those that there are.
    let (run, seconds_per_step) = match alone {
        Ok(alone) => alone.install(work)?,
        Err(_) => work()?,
    };
    let convention = cell.experiment.loss_convention();
    let size = |run: &Measurements| {
        encode_measurements(run, convention).map_or(0.0, |bytes| bytes.len() as f64)
    };
    let measured = &run.measurements;
    let steps: HashSet<u64> = measured.columns().step.into_iter().collect();
    // What a file has beside its rows is shared by many cells.
    let empty = size(&Measurements::default());
    let share = cell.experiment.measured_steps().len() as f64 / steps.len().max(1) as f64;
    Ok(Timed {
        seconds_per_step,
        rows: measured.len() as f64 * share,
        bytes: (size(measured) - empty).max(0.0) * share,
    })
}

/// Stops a run after [`TIMED`], and knows how fast it was.
struct Clock<'s> {
    begun: Instant,
    stop: &'s AtomicBool,
    /// Seconds and steps at each look.
    passed: Vec<(f64, u64)>,
}

impl Observer for Clock<'_> {
    fn progress(&mut self, done: u64, _total: u64) {
        let elapsed = self.begun.elapsed();
        self.passed.push((elapsed.as_secs_f64(), done));
        if elapsed >= TIMED {
            self.stop.store(true, Ordering::Relaxed);
        }
    }
}

impl Clock<'_> {
    /// All of a run that came to its end; the later half of one that did not, since there it is measured less often.
    fn seconds_per_step(&self, steps: u64) -> f64 {
        let Some(&(seconds, done)) = self.passed.last() else {
            // Without a step: what it takes to begin.
            return self.begun.elapsed().as_secs_f64() / steps.max(1) as f64;
        };
        if done == steps {
            return seconds / steps.max(1) as f64;
        }
        let half = self.passed.iter().rfind(|(_, at)| *at <= done / 2);
        let (from, at) = half.copied().unwrap_or((0.0, 0));
        (seconds - from) / (done - at).max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The slow beginning of a run that was cut says nothing of the rest; of a whole run it counts.
    #[test]
    fn a_cut_run_is_judged_by_its_later_half() {
        let stop = AtomicBool::new(false);
        let clock = Clock {
            begun: Instant::now(),
            stop: &stop,
            passed: vec![(1.0, 10), (1.5, 100), (2.0, 200)],
        };
        assert!((clock.seconds_per_step(1000) - 0.5 / 100.0).abs() < 1e-15);
        assert!((clock.seconds_per_step(200) - 2.0 / 200.0).abs() < 1e-15);
    }
}
