//! A figure's experiments, run: each once, however many figures show it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::compared::Compared;
use super::plan::{Plan, Planned};
use super::{Context, ReproduceError};
use crate::statistics::Trials;
use thalweg_lab::compare::Predictor;
use thalweg_lab::run::{self, Observer, Runnable};
use thalweg_lab::spec::{Experiment, NetworkExperiment};

/// One experiment with what its trials did.
#[derive(Debug)]
pub struct Run {
    /// What was run.
    pub planned: Planned,
    /// What came out.
    pub trials: Trials,
}

/// The runs that this call has made, by their resolved specification: figures share them.
#[derive(Debug, Default)]
pub struct Kept(Mutex<HashMap<String, Arc<Run>>>);

/// A run by its name beside a predictor.
type Known = (String, &'static dyn Predictor, Arc<Compared>);

/// A figure's runs, by name, and what is predicted of them.
#[derive(Default)]
pub struct Ran {
    runs: Vec<(String, Arc<Run>)>,
    /// By run and predictor, each made when it is first asked for.
    compared: Mutex<Vec<Known>>,
}

impl Ran {
    /// Runs all of `plan`, telling `context` the progress.
    ///
    /// # Errors
    /// When an experiment cannot be run or measured, or the work is to stop.
    pub fn new(plan: Plan, context: Context<'_>) -> Result<Self, ReproduceError> {
        let all: f64 = plan.0.iter().map(|(_, planned)| planned.work()).sum();
        let (mut done, mut runs) = (0.0, Vec::new());
        for (name, planned) in plan.0 {
            let next = done + planned.work();
            let part = (done / all.max(1.0), next / all.max(1.0));
            runs.push((name, context.kept.run(planned, context, part)?));
            done = next;
        }
        Ok(Self {
            runs,
            compared: Mutex::default(),
        })
    }

    /// All of them, in the plan's order.
    pub fn all(&self) -> &[(String, Arc<Run>)] {
        &self.runs
    }

    /// The trials of the deep linear network called `name` beside `predictor`.
    ///
    /// # Errors
    /// When the plan had none, or the predictor has no answer.
    pub fn compared(
        &self,
        name: &str,
        predictor: &'static dyn Predictor,
    ) -> Result<Arc<Compared>, ReproduceError> {
        // A poisoned lock guards a list that is whole all the same.
        let kept = || {
            self.compared
                .lock()
                .unwrap_or_else(|error| error.into_inner())
        };
        let same = |by: &'static dyn Predictor| std::ptr::addr_eq(by, predictor);
        let known = |(own, by, _): &&Known| own == name && same(*by);
        if let Some((.., known)) = kept().iter().find(known) {
            return Ok(Arc::clone(known));
        }
        let compared = Arc::new(Compared::new(self.linear(name)?, predictor)?);
        kept().push((name.to_owned(), predictor, Arc::clone(&compared)));
        Ok(compared)
    }

    fn run(&self, name: &str) -> Result<&Run, ReproduceError> {
        let found = self.runs.iter().find(|(own, _)| own == name);
        let (_, run) = found.ok_or_else(|| ReproduceError::NoRun {
            name: name.to_owned(),
        })?;
        Ok(run)
    }

    /// The experiment on a deep linear network called `name`, and its trials.
    ///
    /// # Errors
    /// When the plan had none.
    pub fn linear(&self, name: &str) -> Result<(&Experiment, &Trials), ReproduceError> {
        match self.run(name)? {
            Run {
                planned: Planned::Linear(experiment),
                trials,
            } => Ok((experiment, trials)),
            _ => Err(ReproduceError::NoRun {
                name: name.to_owned(),
            }),
        }
    }

    /// The experiment on a network called `name`, and its trials.
    ///
    /// # Errors
    /// When the plan had none.
    pub fn network(&self, name: &str) -> Result<(&NetworkExperiment, &Trials), ReproduceError> {
        match self.run(name)? {
            Run {
                planned: Planned::Network(experiment),
                trials,
            } => Ok((experiment, trials)),
            _ => Err(ReproduceError::NoRun {
                name: name.to_owned(),
            }),
        }
    }
}

#[cfg(test)]
impl Ran {
    /// Runs that were not made, with trials by hand, by the names in `plan`.
    pub(super) fn by_hand(plan: Plan, trials: impl Fn(&str) -> Trials) -> Self {
        let run = |(name, planned): (String, Planned)| {
            let trials = trials(&name);
            (name, Arc::new(Run { planned, trials }))
        };
        Self {
            runs: plan.0.into_iter().map(run).collect(),
            compared: Mutex::default(),
        }
    }
}

impl Kept {
    /// Runs `planned`, or takes the run that an earlier figure made.
    fn run(
        &self,
        planned: Planned,
        context: Context<'_>,
        (from, to): (f64, f64),
    ) -> Result<Arc<Run>, ReproduceError> {
        let key = planned.specification();
        // A poisoned lock guards a map that is whole all the same.
        let kept = || self.0.lock().unwrap_or_else(|error| error.into_inner());
        if let Some(run) = kept().get(&key) {
            return Ok(Arc::clone(run));
        }
        context.tell(from)?;
        let trials = match &planned {
            Planned::Linear(experiment) => trials(&**experiment, context, (from, to))?,
            Planned::Network(experiment) => trials(&**experiment, context, (from, to))?,
        };
        context.tell(to)?;
        let run = Arc::new(Run { planned, trials });
        kept().insert(key, Arc::clone(&run));
        Ok(run)
    }
}

fn trials<E: Runnable>(
    experiment: &E,
    context: Context<'_>,
    (from, to): (f64, f64),
) -> Result<Trials, ReproduceError> {
    let stop = AtomicBool::new(false);
    let mut teller = Teller {
        context,
        from,
        width: to - from,
        stop: &stop,
    };
    let made = run::run_in_memory(experiment, &mut teller, &stop)?;
    Ok(Trials::new(
        experiment.measured_steps(),
        experiment.seeds(),
        made,
    ))
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
