//! Drives the runs of an experiment through its measured steps, in chunks short enough to report and to stop at.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::error::RunError;
use super::measurements::Measurements;
use super::observer::Observer;
use super::runnable::{Runnable, Running};

/// How long a chunk should take: progress is reported and a stop is noticed this often.
const CHUNK: Duration = Duration::from_millis(100);

/// Runs `running` to the experiment's last step and records the measured steps after `measured`,
/// the last one that has been recorded. Returns false if `stop` was set before the end.
///
/// `pause` is called after each chunk with everything recorded so far; it may take the measurements
/// away. Chunks follow the clock, the numbers do not.
pub(crate) fn drive<E: Runnable>(
    experiment: &E,
    running: &mut E::Running,
    measured: Option<u64>,
    observer: &mut dyn Observer,
    stop: &AtomicBool,
    mut pause: impl FnMut(&E::Running, &mut Measurements, &mut dyn Observer) -> Result<(), RunError>,
) -> Result<(bool, Measurements), RunError> {
    let mut measurements = Measurements::default();
    let mut chunk = 1;
    let last = experiment.steps();
    let steps = experiment.measured_steps().into_iter();
    for step in steps.filter(|step| Some(*step) > measured) {
        while running.step() < step {
            if stop.load(Ordering::Relaxed) {
                return Ok((false, measurements));
            }
            let begun = Instant::now();
            let left = step - running.step();
            running.run_to(running.step() + chunk.min(left));
            if left >= chunk {
                chunk = next_chunk(chunk, begun.elapsed());
            }
            observer.progress(running.step(), last);
            if running.step() < step {
                pause(running, &mut measurements, observer)?;
            }
        }
        running.measure(&mut measurements)?;
        pause(running, &mut measurements, observer)?;
    }
    Ok((true, measurements))
}

/// Twice the steps while there is time for them, half when it took too long.
fn next_chunk(chunk: u64, took: Duration) -> u64 {
    if took < CHUNK / 2 {
        chunk.saturating_mul(2)
    } else if took > CHUNK * 2 {
        (chunk / 2).max(1)
    } else {
        chunk
    }
}
