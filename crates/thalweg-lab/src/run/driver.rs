//! Drives an ensemble through its measured steps, in chunks short enough to report and to stop at.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use thalweg::simulate::{Ensemble, Observation};

use super::error::RunError;
use super::measurements::Measurements;
use super::observer::Observer;
use crate::spec::Experiment;

/// How long a chunk should take: progress is reported and a stop is noticed this often.
const CHUNK: Duration = Duration::from_millis(100);

/// Runs `ensemble` to the experiment's last step and records the measured steps after `measured`,
/// the last one that has been recorded. Returns false if `stop` was set before the end.
///
/// `pause` is called after each chunk with everything recorded so far; it may take the measurements
/// away. Chunks follow the clock, the numbers do not.
pub(crate) fn drive(
    experiment: &Experiment,
    ensemble: &mut Ensemble,
    measured: Option<u64>,
    observer: &mut dyn Observer,
    stop: &AtomicBool,
    mut pause: impl FnMut(&Ensemble, &mut Measurements) -> Result<(), RunError>,
) -> Result<(bool, Measurements), RunError> {
    let mut measurements = Measurements::default();
    let mut chunk = 1;
    let steps = experiment.measure.steps(experiment.steps);
    for step in steps.into_iter().filter(|step| Some(*step) > measured) {
        while ensemble.step() < step {
            if stop.load(Ordering::Relaxed) {
                return Ok((false, measurements));
            }
            let begun = Instant::now();
            let left = step - ensemble.step();
            ensemble.run_to(ensemble.step() + chunk.min(left));
            if left >= chunk {
                chunk = next_chunk(chunk, begun.elapsed());
            }
            observer.progress(ensemble.step(), experiment.steps);
            if ensemble.step() < step {
                pause(ensemble, &mut measurements)?;
            }
        }
        record(experiment, ensemble, &mut measurements);
        pause(ensemble, &mut measurements)?;
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

/// Adds a row for each seed and quantity at the ensemble's step.
fn record(experiment: &Experiment, ensemble: &Ensemble, measurements: &mut Measurements) {
    let settings = &experiment.settings;
    let step = ensemble.step();
    let slow_time = settings.learning_rate.powi(2) * step as f64 / settings.batch as f64;
    for (seed, observation) in ensemble.seeds().into_iter().zip(ensemble.observe()) {
        for (quantity, value) in observation.iter().flat_map(quantities) {
            measurements.push(seed, step, slow_time, &quantity, value);
        }
    }
}

/// What there is to measure; a quantity without a value has no row.
fn quantities(observation: &Observation) -> Vec<(String, f64)> {
    let scalars = [
        ("sharpness", Some(observation.sharpness)),
        ("lambda_max", observation.lambda_max),
        ("fluctuation", Some(observation.fluctuation)),
        (
            "gradient_second_moment",
            Some(observation.gradient_second_moment),
        ),
        ("loss", Some(observation.loss)),
        ("product_error", Some(observation.product_error)),
    ];
    let scalars = scalars.map(|(name, value)| (name.to_owned(), value));
    let conditions = observation.condition_numbers.iter().enumerate();
    let conditions = conditions.map(|(k, value)| (format!("condition_number_{}", k + 1), *value));
    let all = scalars.into_iter().chain(conditions);
    all.filter_map(|(name, value)| Some((name, value?)))
        .collect()
}
