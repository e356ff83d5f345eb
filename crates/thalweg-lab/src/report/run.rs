//! The report of one finished run: its measurements beside the theory and the slow flow.

use std::path::Path;

use thalweg::flow::{self, LEAVES_OUT, Snapshot, Times};
use thalweg::problem::Weights;
use thalweg::simulate::Ensemble;
use thalweg::theory::predict;

use super::ReportError;
use super::page;
use super::section::Section;
use crate::plot::{self, Axis, Dash, Figure, Look, Panel, Point};
use crate::provenance::LOSS_CONVENTION;
use crate::reproduce::{Budget, Environment, FigureResult, ReproduceError};
use crate::run::departures;
use crate::spec::Experiment;
use crate::store::{StoredRun, load};

/// A measured quantity, its axis, and the flow's value of it.
type Column = (&'static str, &'static str, fn(&Snapshot) -> f64);

const COLUMNS: [Column; 3] = [
    ("sharpness", "sharpness T = tr Hessian", |s| s.sharpness),
    ("lambda_max", "largest Hessian eigenvalue λ_{max}", |s| {
        s.lambda_max
    }),
    ("fluctuation", "fluctuation F = E‖grad ℓ‖²", |s| {
        s.fluctuation
    }),
];

const LEAD: &str = "One run of SGD on a deep linear network with noisy labels, beside the exact theory and the slow \
    flow.";

/// The page of the run in `directory`.
pub fn page(directory: &Path) -> Result<String, ReportError> {
    let run = load(directory)?;
    let figure = draw(&run)?;
    let picture = plot::svg(&figure.scene());
    let figure = words(directory, &run);
    let section = Section {
        figure: &figure,
        picture,
        details: "Settings",
        again: figure.command.clone(),
    };
    Ok(page::run(LEAD, LOSS_CONVENTION, &[section]))
}

fn draw(run: &StoredRun<Experiment>) -> Result<Figure, ReproduceError> {
    let StoredRun {
        experiment,
        measurements,
        ..
    } = run;
    let prediction = predict(&experiment.problem)?;
    let exact = [
        prediction.sharpness,
        prediction.lambda_max,
        prediction.fluctuation,
    ];
    let steps: Vec<u64> = measurements
        .mean("sharpness")
        .iter()
        .map(|p| p.step)
        .collect();
    let flows = flows(experiment, &steps)?;
    let mut panels = Vec::new();
    for ((quantity, label, of), exact) in COLUMNS.into_iter().zip(exact) {
        let measured = measurements.mean(quantity).into_iter().map(|p| Point {
            x: p.step as f64,
            y: p.value.mean,
            error: p.value.standard_error.unwrap_or(0.0),
        });
        let flow = steps.iter().enumerate().map(|(i, &step)| {
            let total: f64 = flows.iter().map(|flow| of(&flow[i])).sum();
            Point::exact(step as f64, total / flows.len() as f64)
        });
        panels.push(
            Panel::new("", Axis::log("step t"), Axis::log(label))
                .with(
                    "SGD, mean ± s.e. over seeds",
                    measured.collect(),
                    Look::measured(0),
                )
                .with(
                    "slow flow from the same starts",
                    flow.collect(),
                    Look::flow(1),
                )
                .with_level(
                    "exact limit (Theorem 1)",
                    exact,
                    Look::reference(Dash::DashDot),
                ),
        );
    }
    Ok(Figure {
        description: "Sharpness, largest eigenvalue and fluctuation against steps".to_owned(),
        panels,
        columns: 3,
        frame: (230.0, 200.0),
    })
}

/// The slow flow from each seed's start, at the measured steps.
fn flows(experiment: &Experiment, steps: &[u64]) -> Result<Vec<Vec<Snapshot>>, ReproduceError> {
    let Experiment {
        problem,
        settings,
        seeds,
        ..
    } = experiment;
    let times = Times::Steps {
        learning_rate: settings.learning_rate,
        batch: settings.batch,
        steps: steps.to_vec(),
    };
    let accuracy = flow::Settings::default();
    let from = |start: Weights| {
        let minimum = flow::descend(problem, &start, &accuracy)?;
        Ok(flow::slow_flow(problem, &minimum.weights, &times, &accuracy)?.snapshots)
    };
    let starts = Ensemble::start(problem, settings, seeds)?.weights();
    starts.into_iter().flatten().map(from).collect()
}

fn words(directory: &Path, run: &StoredRun<Experiment>) -> FigureResult {
    let Experiment {
        problem,
        settings,
        seeds,
        steps,
        name,
        ..
    } = &run.experiment;
    let diverged = run
        .outcomes
        .iter()
        .filter(|outcome| outcome.diverged_at.is_some())
        .count();
    let rows = [
        ("depth D", problem.depth().to_string()),
        (
            "d_{x}, d_{y}",
            format!("{}, {}", problem.input_dim(), problem.output_dim()),
        ),
        ("η", settings.learning_rate.to_string()),
        ("B", settings.batch.to_string()),
        ("steps", steps.to_string()),
        ("seeds", seeds.len().to_string()),
        ("diverged", diverged.to_string()),
    ];
    FigureResult {
        id: "run".to_owned(),
        title: name.clone().unwrap_or_else(|| "A run of SGD".to_owned()),
        caption: format!(
            "Measured means over the seeds that had not diverged, the slow flow at this η and B, and the exact \
             limit η → 0⁺, t → ∞. {LEAVES_OUT} {}",
            departures(settings).unwrap_or_default()
        ),
        command: format!("thalweg report {}", directory.display()),
        settings: rows.map(|(name, value)| (name.to_owned(), value)).to_vec(),
        claims: vec![],
        seconds: 0.0,
        budget: Budget::Full,
        environment: Environment::here(),
    }
}
