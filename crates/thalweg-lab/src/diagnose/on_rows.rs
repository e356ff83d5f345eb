//! The check that can say no: SGD on the rows themselves, beside what was predicted.

use std::sync::atomic::AtomicBool;

use serde_json::{Value, json};
use thalweg::flow::Drift;
use thalweg::problem::Problem;
use thalweg::recipe::Forces;
use thalweg::simulate::{Data, DataSet, SampleSource, SimulateSettings};
use thalweg::theory::{Minimum, functionals, least_fluctuation};

use super::Diagnosis;
use crate::answer::{AnswerError, SimulatedEnd, time_for_runs};
use crate::compare::quick_relaxation;

/// Where SGD ended on the rows.
#[derive(Clone, Debug)]
pub struct OnRows {
    /// Whether minibatches are drawn with replacement; else rows are shuffled in each epoch.
    pub replacement: bool,
    /// How many rows, drawn evenly from all.
    pub rows: usize,
    /// η and B.
    pub step: (f64, usize),
    /// T at the least fluctuation over these very rows, to which shuffled SGD tends as η → 0; known with two layers.
    pub least: Option<f64>,
    /// Means over the last round.
    pub end: SimulatedEnd,
}

/// A minibatch larger than what it is drawn from.
#[derive(Debug, thiserror::Error)]
#[error(
    "the batch is {batch}, and SGD is run on {rows} rows here: give a batch of at most {rows}, or do not simulate"
)]
struct BatchBeyondRows {
    batch: usize,
    rows: usize,
}

/// B where none is given.
const BATCH: usize = 10;

/// η T where η is not given: small beside 2, at which single samples make SGD diverge.
const RATE: f64 = 0.1;

impl OnRows {
    /// SGD on the rows of `diagnosis` from its predicted end, shuffled in each epoch and then drawn with replacement, at its η and B or,
    /// where it has none, at B = 10 and η = 0.1/T; each for half of `seconds`, or until `stop` is set. None where there are no seconds.
    ///
    /// # Errors
    /// When the step does not fit the rows.
    pub fn both(
        diagnosis: &Diagnosis,
        step: Option<(f64, usize)>,
        seconds: f64,
        stop: &AtomicBool,
    ) -> Result<Vec<Self>, AnswerError> {
        if seconds <= 0.0 {
            return Ok(Vec::new());
        }
        let (inputs, targets) = &diagnosis.sample;
        let rows = inputs.nrows();
        let set = DataSet {
            inputs: inputs.transpose().to_owned(),
            labels: targets.transpose().to_owned(),
        };
        let problem = &diagnosis.problem;
        let step = step.unwrap_or((RATE / diagnosis.sharpness.value, BATCH.min(rows)));
        if step.1 > rows {
            return Err(AnswerError::input(BatchBeyondRows {
                batch: step.1,
                rows,
            }));
        }
        let minimum = Minimum::of_sgd(problem).map_err(AnswerError::input)?;
        let minimum = minimum.weights().map_err(AnswerError::work)?;
        let least = || {
            let weights = least_fluctuation(set.inputs.as_ref(), set.labels.as_ref()).ok()?;
            Some(functionals(problem, &weights).ok()?.sharpness)
        };
        let least = (problem.depth() == 2).then(least).flatten();
        let mut both = Vec::new();
        for replacement in [false, true] {
            let source = SampleSource::Finite {
                samples: rows,
                replacement,
            };
            let data = Data {
                source,
                ..Data::default()
            };
            let settings = SimulateSettings {
                data,
                ..SimulateSettings::new(step.0, step.1)
            };
            if let Some(more) = time_for_runs(seconds / 2.0, stop) {
                // An epoch's order keeps the axes from counting.
                let (start, drift) = match &diagnosis.exact_drift {
                    Some(end) if replacement => (&end.weights, Drift::Exact),
                    _ => (&minimum, Drift::Symmetric),
                };
                let from = (start, relaxation(drift, problem, step));
                both.push(Self {
                    replacement,
                    rows,
                    step,
                    least,
                    end: SimulatedEnd::new(problem, &settings, Some(&set), from, more)?,
                });
            }
        }
        Ok(both)
    }

    /// How the rows are taken, in words.
    pub fn words(&self) -> &'static str {
        if self.replacement {
            "drawn with replacement"
        } else {
            "shuffled in each epoch"
        }
    }

    /// T over what `diagnosis` predicts of rows taken so, less 1.
    pub fn departure(&self, diagnosis: &Diagnosis) -> Option<f64> {
        let means = self.end.means.as_ref()?;
        let predicted = match self.replacement {
            true => diagnosis.end_sharpness(),
            false => diagnosis.sharpness.value,
        };
        Some(means[0].mean / predicted - 1.0)
    }

    /// As one JSON object.
    pub fn json(&self, diagnosis: &Diagnosis) -> Value {
        let mut object = self.end.json();
        object["replacement"] = json!(self.replacement);
        object["rows"] = json!(self.rows);
        object["learning_rate"] = json!(self.step.0);
        object["least_fluctuation_sharpness"] = json!(self.least);
        object["batch"] = json!(self.step.1);
        object["departure"] = json!(self.departure(diagnosis));
        object
    }
}

/// Steps of a relaxation time, where it is quickly found.
fn relaxation(
    drift: Drift,
    problem: &Problem,
    (learning_rate, batch): (f64, usize),
) -> Option<f64> {
    let known = quick_relaxation(drift, problem, Forces::default())?;
    Some(known.steps(learning_rate, batch))
}
