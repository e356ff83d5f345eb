//! The comparison at the end of a simulation: measured, slow flow, exact limit.

use std::path::Path;

use serde_json::{Value, json};
use thalweg::flow::{self, FlowError, LEAVES_OUT, Times, Validity};
use thalweg::problem::{Problem, Weights};
use thalweg::simulate::Ensemble;
use thalweg::theory::{self, Prediction, TheoryError};
use thalweg_lab::run::{Estimate, departures};
use thalweg_lab::spec::Experiment;
use thalweg_lab::store::StoredRun;

use super::flow::{MOST_WEIGHTS_UNASKED, fits, json_of_validity};
use crate::exit::Failure;
use crate::number::{number, significant};
use crate::page::{Align, CONVENTION, Page, Table};

/// The most seeds whose own slow flow is followed; their mean then hardly depends on the others.
const MOST_FLOWS: usize = 16;

/// What is compared: the measured quantity, its symbol, and its value in each theory.
const QUANTITIES: [(&str, &str, &str); 3] = [
    ("sharpness", "T", "loss/weight²"),
    ("lambda_max", "λ_max", "loss/weight²"),
    ("fluctuation", "F", "loss²/weight²"),
];

/// The slow flow at the last step, from the starts of the first [`MOST_FLOWS`] seeds that did not diverge.
struct FlowMean {
    mean: [f64; 3],
    /// (measured − flow)/standard error, seed by seed, since each flow starts where its run does.
    z: [Option<f64>; 3],
    validity: Option<Validity>,
}

/// One finished run beside the theory.
pub struct Summary<'r> {
    run: &'r StoredRun<Experiment>,
    measured: [Option<Estimate>; 3],
    flow: Result<FlowMean, FlowError>,
    limit: Result<Prediction<'r>, TheoryError>,
}

impl<'r> Summary<'r> {
    /// Compares the last measured step.
    ///
    /// # Errors
    /// When the run's own starting weights cannot be made again.
    pub fn new(run: &'r StoredRun<Experiment>) -> Result<Self, Failure> {
        let experiment = &run.experiment;
        let last = experiment.steps..=experiment.steps;
        let measured =
            QUANTITIES.map(|(quantity, ..)| run.measurements.window(quantity, last.clone()));
        Ok(Self {
            run,
            measured,
            flow: mean_flow(run)?,
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

    /// (measured − limit)/standard error.
    fn z_of_limit(&self, i: usize) -> Option<f64> {
        self.measured[i]?.z(self.limits()?[i])
    }

    /// Of the way to the last step and of the limit; of the limit alone where there is no flow.
    fn validity(&self) -> Option<Validity> {
        let settings = &self.run.experiment.settings;
        let of_flow = self
            .flow
            .as_ref()
            .ok()
            .and_then(|flow| flow.validity.clone());
        of_flow.or_else(|| {
            let limit = self.limit.as_ref().ok()?;
            Some(Validity::at_minimum(
                limit,
                settings.learning_rate,
                settings.batch,
            ))
        })
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
                "slow_flow": self.flow.as_ref().ok().map(|flow| flow.mean[i]),
                "slow_flow_z": self.flow.as_ref().ok().and_then(|flow| flow.z[i]),
                "limit": self.limits().map(|limit| limit[i]),
                "limit_z": self.z_of_limit(i),
            });
        }
        object["departures"] = json!(departures(&experiment.settings));
        object["validity"] = json!(self.validity().as_ref().map(json_of_validity));
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
            ("z", Align::Right),
            ("limit t → ∞", Align::Right),
            ("z", Align::Right),
            ("unit", Align::Left),
        ]);
        for (i, (_, symbol, unit)) in QUANTITIES.into_iter().enumerate() {
            let estimate = self.measured[i];
            let error = estimate.and_then(|estimate| estimate.standard_error);
            let flow = self.flow.as_ref().ok();
            let cell = |value: Option<f64>| value.map_or("–".into(), number);
            let z = |value: Option<f64>| value.map_or("–".into(), |z| significant(z, 2));
            table.row([
                symbol.into(),
                cell(estimate.map(|estimate| estimate.mean)),
                error.map_or(String::new(), |error| {
                    format!("± {}", significant(error, 2))
                }),
                cell(flow.map(|flow| flow.mean[i])),
                z(flow.and_then(|flow| flow.z[i])),
                cell(self.limits().map(|limit| limit[i])),
                z(self.z_of_limit(i)),
                unit.into(),
            ]);
        }
        page.table(&table);
        page.paragraph(
            "± standard error over the seeds; z: SGD − theory in standard errors, against the slow flow seed by \
             seed from the same starts.",
        );
        if self.flow.is_ok() {
            page.paragraph(LEAVES_OUT);
        }
        if let Some(departures) = departures(settings) {
            page.paragraph(&departures);
        }
        if let Some(validity) = self.validity() {
            page.paragraph(&validity.sentence());
        }
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

/// The slow flow from the seeds' own starts beside what each seed measured at the last step.
fn mean_flow(run: &StoredRun<Experiment>) -> Result<Result<FlowMean, FlowError>, Failure> {
    let Experiment {
        problem,
        settings,
        steps,
        ..
    } = &run.experiment;
    let survivors = run.outcomes.iter().filter(|o| o.diverged_at.is_none());
    let seeds: Vec<u64> = survivors.map(|o| o.seed).take(MOST_FLOWS).collect();
    if seeds.is_empty() {
        return Ok(Err(FlowError::NoTimes));
    }
    if let Err(error) = fits(problem, MOST_WEIGHTS_UNASKED) {
        return Ok(Err(error));
    }
    let ensemble = Ensemble::start(problem, settings, &seeds).map_err(Failure::work)?;
    let times = Times::Steps {
        learning_rate: settings.learning_rate,
        batch: settings.batch,
        steps: vec![0, *steps],
    };
    let starts = ensemble.weights();
    let flows: Result<Vec<_>, _> = starts
        .iter()
        .flatten()
        .map(|start| last_of_flow(problem, start, &times))
        .collect();
    Ok(flows.map(|flows| {
        let of = |i: usize| flows.iter().map(move |(values, _)| values[i]);
        let difference = |i: usize| -> Option<f64> {
            let differences: Vec<f64> = seeds
                .iter()
                .zip(of(i))
                .filter_map(|(&seed, flow)| {
                    let series = run.measurements.series(QUANTITIES[i].0, seed);
                    let last = series.last().filter(|point| point.step == *steps)?;
                    Some(last.value - flow)
                })
                .collect();
            Estimate::of(&differences)?.z(0.0)
        };
        FlowMean {
            mean: [0, 1, 2].map(|i| of(i).sum::<f64>() / flows.len() as f64),
            z: [0, 1, 2].map(difference),
            validity: flows
                .iter()
                .filter_map(|(_, validity)| validity.clone())
                .reduce(|worst, next| worst.worst(&next)),
        }
    }))
}

/// T, λ_max and F of the slow flow at the last of `times`, and the report on the way there.
fn last_of_flow(
    problem: &Problem,
    start: &Weights,
    times: &Times,
) -> Result<([f64; 3], Option<Validity>), FlowError> {
    let settings = flow::Settings::default();
    let minimum = flow::descend(problem, start, &settings)?.weights;
    let trajectory = flow::slow_flow(problem, &minimum, times, &settings)?;
    let last = trajectory.snapshots.last().ok_or(FlowError::NoTimes)?;
    let values = [last.sharpness, last.lambda_max, last.fluctuation];
    Ok((values, trajectory.validity))
}
