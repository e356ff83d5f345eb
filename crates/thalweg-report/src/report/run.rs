//! The report of one finished run: its measurements beside the theory and the slow flow.

use std::path::Path;

use super::ReportError;
use super::number::{plain, with_error};
use super::page::{self, HEADING, Head, SPECIFICATION, name};
use super::section::Section;
use crate::plot::{self, Axis, Dash, Figure, Look, Panel, Point};
use crate::results::FigureResult;
use thalweg::problem::Problem;
use thalweg_lab::compare::{Comparison, MeasuredQuantity, READING};
use thalweg_lab::provenance::LOSS_CONVENTION;
use thalweg_lab::quantity::against_steps;
use thalweg_lab::spec::Experiment;
use thalweg_lab::store::{StoredRun, load};

const LEAD: &str = "One run of SGD on a deep linear network with noisy labels, beside the exact theory and the slow \
    flow.";

/// The page of the run in `directory`.
pub fn page(directory: &Path) -> Result<String, ReportError> {
    let run = load(directory)?;
    let comparison = Comparison::of(&run)?;
    let picture = plot::svg(&draw(&comparison).scene());
    let figure = words(directory, &run, &comparison);
    let section = Section {
        figure: &figure,
        picture: Some(picture),
        details: "Numbers and settings",
        again: figure.command.clone(),
    };
    let head = Head {
        title: &format!("run {}", name(directory)),
        heading: HEADING,
        lead: LEAD,
        loss_convention: LOSS_CONVENTION,
        own: SPECIFICATION,
    };
    Ok(page::page(&head, "", &[section]))
}

/// Those of the predictors' curves, told apart in a print without colours too. (`DashDot` is for what does not change.)
const DASHES: [Dash; 3] = [Dash::Dashed, Dash::Dotted, Dash::DashDotDot];

/// Every quantity against steps, with what each predictor says of it.
fn draw(comparison: &Comparison) -> Figure {
    let panel = |(i, measured): (usize, &MeasuredQuantity)| {
        let points = measured.course.iter().map(|p| Point {
            x: p.step as f64,
            y: p.value.mean,
            error: p.value.standard_error.unwrap_or(0.0),
        });
        let panel = Panel::new(
            "",
            Axis::log("step t"),
            Axis::log(measured.quantity.with_unit()),
        )
        .with(
            "SGD, mean ± s.e. over seeds",
            points.collect(),
            Look::measured(0),
        );
        let answers = comparison.predicted.iter().enumerate();
        answers.fold(panel, |panel, (k, predicted)| {
            let Some(series) = predicted.series(i) else {
                return panel;
            };
            if series.is_level() {
                return panel.with_level(
                    predicted.legend,
                    series.end,
                    Look::reference(Dash::DashDot),
                );
            }
            let steps = comparison.steps.iter().zip(&series.course);
            let line = steps.map(|(&step, &value)| Point::exact(step as f64, value));
            let look = Look {
                line: Some(DASHES[k % DASHES.len()]),
                ..Look::flow(k + 1)
            };
            panel.with(predicted.legend, line.collect(), look)
        })
    };
    Figure {
        description: against_steps(
            comparison
                .measured
                .iter()
                .map(|measured| &measured.quantity),
        ),
        panels: comparison.measured.iter().enumerate().map(panel).collect(),
        columns: 3,
        frame: (230.0, 200.0),
    }
}

fn words(directory: &Path, run: &StoredRun<Experiment>, comparison: &Comparison) -> FigureResult {
    let Experiment {
        problem,
        settings,
        seeds,
        steps,
        name,
        ..
    } = &run.experiment;
    let caveats = problem.caveats().iter().map(|caveat| format!("{caveat}."));
    let rows = [
        ("depth D", problem.depth().to_string()),
        ("hidden widths", hidden_widths(problem)),
        (
            "d_{x}, d_{y}",
            format!("{}, {}", problem.input_dim(), problem.output_dim()),
        ),
        ("η", format!("{:?}", settings.learning_rate)),
        ("B", settings.batch.to_string()),
        ("steps", steps.to_string()),
        ("number of seeds", seeds.len().to_string()),
        ("diverged", comparison.diverged.to_string()),
    ];
    FigureResult {
        id: "run".to_owned(),
        title: name.clone().unwrap_or_else(|| "A run of SGD".to_owned()),
        caption: format!(
            "Means over the seeds that had not diverged, beside what theory predicts for them at this η and B. {READING}"
        ),
        notes: remarks(comparison)
            .chain(page::at_the_start(&run.measurements))
            .chain(caveats)
            .collect(),
        command: page::command(directory),
        settings: rows
            .map(|(name, value)| (name.to_owned(), value))
            .into_iter()
            .chain(run.experiment.particulars())
            .chain(numbers(comparison))
            .collect(),
        ..FigureResult::of_a_run()
    }
}

/// The comparison's, the verdict sentence by sentence: it may have ten.
fn remarks(comparison: &Comparison) -> impl Iterator<Item = String> {
    let verdict = comparison.belief().map(|(_, belief)| &belief.sentence);
    let remarks = comparison.remarks().into_iter();
    remarks.flat_map(move |remark| match verdict {
        Some(verdict) if remark == *verdict => sentences(&remark),
        _ => vec![remark],
    })
}

fn sentences(text: &str) -> Vec<String> {
    let mut all: Vec<String> = text.split(". ").map(|s| format!("{s}.")).collect();
    // The last has its own.
    if let Some(last) = all.last_mut() {
        last.pop();
    }
    all
}

fn hidden_widths(problem: &Problem) -> String {
    match &problem.widths()[1..problem.depth()] {
        [] => "none".to_owned(),
        [first, rest @ ..] if !rest.is_empty() && rest.iter().all(|width| width == first) => {
            format!("{first} each")
        }
        widths => {
            let widths: Vec<String> = widths.iter().map(usize::to_string).collect();
            widths.join(", ")
        }
    }
}

/// Each quantity at the last step, with what each predictor says of it there.
fn numbers(comparison: &Comparison) -> Vec<(String, String)> {
    let predicted = |value: f64| match comparison.known_digits {
        digits @ 1..5 => format!("{value:.0$e}", digits - 1),
        0 => "no digit known".to_owned(),
        _ => plain(value),
    };
    let row = |(i, measured): (usize, &MeasuredQuantity)| {
        let mut words = measured.end.map_or("–".to_owned(), |end| {
            with_error(end.mean, end.standard_error)
        });
        if !measured.quantity.unit.is_empty() {
            words += &format!(" {}", measured.quantity.unit);
        }
        for predictor in &comparison.predicted {
            let Some(series) = predictor.series(i) else {
                continue;
            };
            words += &format!("; {} {}", predictor.name, predicted(series.end));
            if let Some(z) = series.z {
                words += &format!(", z = {}", plain((10.0 * z).round() / 10.0));
            }
        }
        let name = format!("{}, end", measured.quantity.symbol);
        (name, words)
    };
    let rows = comparison.measured.iter().enumerate();
    rows.map(row).collect()
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
