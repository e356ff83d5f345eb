//! Networks trained with several seeds, each run made once however many figures show it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::super::trials::Trials;
use super::super::{Context, ReproduceError};
use crate::run::{self, MemoryRun, Observer};
use crate::spec::NetworkExperiment;

/// What was measured of one network at one step.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct NetworkObservation {
    /// T = tr Hessian.
    pub sharpness: Option<f64>,
    /// λ_max.
    pub lambda_max: Option<f64>,
    /// F = E‖∇ℓ‖².
    pub fluctuation: Option<f64>,
}

/// The seeds of one experiment.
pub type NetworkTrials = Trials<NetworkObservation>;

/// The runs that this call has made, by their resolved specification: figures share them.
#[derive(Debug, Default)]
pub struct Kept(Mutex<HashMap<String, Arc<NetworkTrials>>>);

/// Trains `experiment`, or takes the run that an earlier figure made; tells `context` the progress
/// between `from` and `to`.
///
/// # Errors
/// When the network cannot be trained or measured, or the work is to stop.
pub fn run(
    experiment: &NetworkExperiment,
    context: Context<'_>,
    (from, to): (f64, f64),
) -> Result<Arc<NetworkTrials>, ReproduceError> {
    let name = experiment.to_toml();
    // A poisoned lock guards a map that is whole all the same.
    let kept = || {
        context
            .kept
            .0
            .lock()
            .unwrap_or_else(|error| error.into_inner())
    };
    if let Some(trials) = kept().get(&name) {
        return Ok(Arc::clone(trials));
    }
    context.tell(from)?;
    let stop = AtomicBool::new(false);
    let mut teller = Teller {
        context,
        from,
        width: to - from,
        stop: &stop,
    };
    let made = run::run_in_memory(experiment, &mut teller, &stop)?;
    context.tell(to)?;
    let trials = Arc::new(trials(experiment, &made));
    kept().insert(name, Arc::clone(&trials));
    Ok(trials)
}

/// Passes progress on to a figure's context, and its wish to stop back.
struct Teller<'a> {
    context: Context<'a>,
    from: f64,
    width: f64,
    stop: &'a AtomicBool,
}

impl Observer for Teller<'_> {
    fn progress(&mut self, done: u64, total: u64) {
        let part = self.from + self.width * done as f64 / total.max(1) as f64;
        if self.context.tell(part).is_err() {
            self.stop.store(true, Ordering::Relaxed);
        }
    }
}

/// `made` seed by seed and step by step.
fn trials(experiment: &NetworkExperiment, made: &MemoryRun) -> NetworkTrials {
    let steps = experiment.measure.schedule.steps(experiment.steps);
    let mut trials = Trials::new(steps.clone(), &experiment.seeds);
    let series = |quantity| {
        let each = experiment.seeds.iter();
        let each = each.map(|&seed| made.measurements.series(quantity, seed));
        each.map(|points| points.iter().map(|p| (p.step, p.value)).collect())
            .collect::<Vec<HashMap<u64, f64>>>()
    };
    let [sharpness, lambda_max, fluctuation] =
        ["sharpness", "lambda_max", "fluctuation"].map(series);
    for step in steps {
        let at = |values: &HashMap<u64, f64>| values.get(&step).copied();
        trials.observe((0..experiment.seeds.len()).map(|i| {
            let observation = NetworkObservation {
                sharpness: at(&sharpness[i]),
                lambda_max: at(&lambda_max[i]),
                fluctuation: at(&fluctuation[i]),
            };
            (observation != NetworkObservation::default()).then_some(observation)
        }));
    }
    trials.conclude(made.outcomes.iter().map(|outcome| outcome.diverged_at));
    trials
}
