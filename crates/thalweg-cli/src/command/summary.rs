//! The comparison at the end of a simulation: measured, slow flow, exact limit.

use std::path::Path;

use serde_json::{Value, json};
use thalweg::flow::{self, FlowError, Times};
use thalweg::problem::Problem;
use thalweg::simulate::Ensemble;
use thalweg::theory::{self, Prediction, TheoryError};
use thalweg_lab::run::Estimate;
use thalweg_lab::spec::Experiment;
use thalweg_lab::store::StoredRun;

use super::flow::{MOST_WEIGHTS_UNASKED, fits};
use crate::exit::Failure;
use crate::number::number;
use crate::page::{Align, CONVENTION, Page, Table};

/// The most seeds whose own slow flow is followed; their mean then hardly depends on the others.
const MOST_FLOWS: usize = 16;

/// What is compared: the measured quantity, its symbol, and its value in each theory.
const QUANTITIES: [(&str, &str, &str); 3] = [
    ("sharpness", "T", "loss/weight²"),
    ("lambda_max", "λ_max", "loss/weight²"),
    ("fluctuation", "F", "loss²/weight²"),
];

/// One finished run beside the theory.
pub struct Summary<'r> {
    run: &'r StoredRun,
    measured: [Option<Estimate>; 3],
    flow: Result<[f64; 3], FlowError>,
    limit: Result<Prediction<'r>, TheoryError>,
}

impl<'r> Summary<'r> {
    /// Compares the last measured step.
    ///
    /// # Errors
    /// When the run's own starting weights cannot be made again.
    pub fn new(run: &'r StoredRun) -> Result<Self, Failure> {
        let experiment = &run.experiment;
        let last = experiment.steps..=experiment.steps;
        let measured =
            QUANTITIES.map(|(quantity, ..)| run.measurements.window(quantity, last.clone()));
        let seeds: Vec<u64> = run
            .outcomes
            .iter()
            .filter(|outcome| outcome.diverged_at.is_none())
            .map(|outcome| outcome.seed)
            .take(MOST_FLOWS)
            .collect();
        Ok(Self {
            run,
            measured,
            flow: mean_flow(experiment, &seeds)?,
            limit: theory::predict(&experiment.problem),
        })
    }

    /// How many runs diverged.
    fn diverged(&self) -> usize {
        let outcomes = &self.run.outcomes;
        outcomes.iter().filter(|o| o.diverged_at.is_some()).count()
    }

    fn limits(&self) -> Option<[f64; 3]> {
        let limit = self.limit.as_ref().ok()?;
        Some([limit.sharpness, limit.lambda_max, limit.fluctuation])
    }

    /// The comparison as data.
    pub fn json(&self) -> Value {
        let experiment = &self.run.experiment;
        let mut object = json!({
            "convention": CONVENTION,
            "step": experiment.steps,
            "seeds": experiment.seeds.len(),
            "diverged": self.diverged(),
        });
        for (i, (quantity, ..)) in QUANTITIES.iter().enumerate() {
            object[quantity] = json!({
                "mean": self.measured[i].map(|estimate| estimate.mean),
                "standard_error": self.measured[i].and_then(|estimate| estimate.standard_error),
                "slow_flow": self.flow.as_ref().ok().map(|flow| flow[i]),
                "limit": self.limits().map(|limit| limit[i]),
            });
        }
        object
    }

    /// The comparison as a page.
    pub fn page(&self, directory: &Path) -> String {
        let experiment = &self.run.experiment;
        let settings = &experiment.settings;
        let mut page = Page::for_output();
        page.problem(&experiment.problem);
        page.heading(&format!(
            "After {} steps at η = {}, B = {}, over {} seeds",
            experiment.steps,
            number(settings.learning_rate),
            settings.batch,
            experiment.seeds.len()
        ));
        let mut table = Table::with_heads(&[
            ("", Align::Left),
            ("SGD", Align::Right),
            ("", Align::Left),
            ("slow flow", Align::Right),
            ("limit t → ∞", Align::Right),
            ("unit", Align::Left),
        ]);
        for (i, (_, symbol, unit)) in QUANTITIES.into_iter().enumerate() {
            let estimate = self.measured[i];
            let error = estimate.and_then(|estimate| estimate.standard_error);
            let flow = self.flow.as_ref().ok().map(|flow| flow[i]);
            let cell = |value: Option<f64>| value.map_or("–".into(), number);
            table.row([
                symbol.into(),
                cell(estimate.map(|estimate| estimate.mean)),
                error.map_or(String::new(), |error| format!("± {}", number(error))),
                cell(flow),
                cell(self.limits().map(|limit| limit[i])),
                unit.into(),
            ]);
        }
        page.table(&table);
        if self.diverged() > 0 {
            page.paragraph(&format!(
                "{} of {} runs diverged and are not in the mean.",
                self.diverged(),
                experiment.seeds.len()
            ));
        }
        if let Err(error) = &self.flow {
            page.paragraph(&format!("No slow flow: {error}."));
        }
        if let Err(error) = &self.limit {
            page.paragraph(&format!("No limit: {error}."));
        }
        page.paragraph(&format!("All measurements: {}", directory.display()));
        page.finish()
    }
}

/// The slow flow's T, λ_max and F at the last step, averaged over the starts of `seeds`.
fn mean_flow(
    experiment: &Experiment,
    seeds: &[u64],
) -> Result<Result<[f64; 3], FlowError>, Failure> {
    let Experiment {
        problem,
        settings,
        steps,
        ..
    } = experiment;
    if seeds.is_empty() {
        return Ok(Err(FlowError::NoTimes));
    }
    if let Err(error) = fits(problem, MOST_WEIGHTS_UNASKED) {
        return Ok(Err(error));
    }
    let ensemble = Ensemble::start(problem, settings, seeds).map_err(Failure::work)?;
    let times = Times::Steps {
        learning_rate: settings.learning_rate,
        batch: settings.batch,
        steps: vec![*steps],
    };
    let starts = ensemble.weights();
    let mut sum = [0.0; 3];
    for start in starts.iter().flatten() {
        match last_of_flow(problem, start, &times) {
            Ok(values) => {
                for (sum, value) in sum.iter_mut().zip(values) {
                    *sum += value / seeds.len() as f64;
                }
            }
            Err(error) => return Ok(Err(error)),
        }
    }
    Ok(Ok(sum))
}

fn last_of_flow(
    problem: &Problem,
    start: &thalweg::problem::Weights,
    times: &Times,
) -> Result<[f64; 3], FlowError> {
    let settings = flow::Settings::default();
    let minimum = flow::descend(problem, start, &settings)?.weights;
    let trajectory = flow::slow_flow(problem, &minimum, times, &settings)?;
    let last = trajectory.snapshots.last().ok_or(FlowError::NoTimes)?;
    Ok([last.sharpness, last.lambda_max, last.fluctuation])
}
