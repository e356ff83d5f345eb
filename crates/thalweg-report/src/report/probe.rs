//! The report of a training in PyTorch that a probe watched: a picture against steps, and the last numbers.

use std::path::Path;

use super::ReportError;
use super::number::{plain, with_error};
use super::page::{self, HEADING, Head, name};
use super::section::Section;
use crate::plot::{self, Axis, Dash, Figure, Look, Panel, Point};
use crate::results::FigureResult;
use thalweg_lab::network::ErrorKind;
use thalweg_lab::probe::{ProbeLog, Reading};
use thalweg_lab::quantity::{
    self, EDGE_OF_STABILITY, LAMBDA_MAX, PRECONDITIONED_LAMBDA_MAX, Quantity, STABILITY_THRESHOLD,
};

const LEAD: &str = "A training in PyTorch, watched while it ran: sharpness, the fluctuation of the gradient, and what they say together.";
/// Losses are the user's own there.
const CONVENTION: &str = "that of the loss which the probe was given";
/// Points of one series in a picture: more would not be seen.
const SHOWN: usize = 1000;

/// The page of the log in `directory`, as far as it is written.
pub fn page(directory: &Path) -> Result<String, ReportError> {
    let log = ProbeLog::read(directory)?;
    let words = words(directory, &log);
    let section = Section::drawn(
        &words,
        plot::svg(&draw(&log).scene()),
        "Last numbers, and how they were measured",
    );
    let head = Head {
        title: &format!("probe {}", name(directory)),
        heading: HEADING,
        lead: LEAD,
        loss_convention: CONVENTION,
        own: "probe.json, which gives the package’s",
    };
    Ok(page::page(&head, "", &[section]))
}

/// What is shown, in order: the quantities that are known, then the others; each by its key and its axis with the unit.
fn shown(log: &ProbeLog) -> Vec<(String, String)> {
    let there = log.quantities();
    let probed = quantity::probed();
    let known = probed.iter().filter(|known| there.contains(&&*known.key));
    let mut all: Vec<_> = known
        .map(|known| (known.key.clone().into_owned(), known.with_unit()))
        .collect();
    let own = |key: &&str| probed.iter().all(|known| known.key != **key);
    let others = there.iter().copied().filter(own);
    all.extend(others.map(|key| (key.to_owned(), key.replace('_', " "))));
    all
}

fn draw(log: &ProbeLog) -> Figure {
    let mut panels = Vec::new();
    let lines = lines(log);
    for (key, axis) in shown(log) {
        if lines.iter().any(|(_, line)| key == line.key) {
            continue;
        }
        let series = log.series(&key);
        let positive = series
            .iter()
            .all(|found| found.value.is_nan() || found.value > 0.0);
        let y = if positive {
            Axis::log(axis)
        } else {
            Axis::linear(axis)
        };
        let mut panel = Panel::new("", Axis::linear("step t"), y).with(
            "measured, ± error",
            points(&series),
            Look::measured(0),
        );
        let mut drawn: Vec<Vec<Point>> = Vec::new();
        for (_, line) in lines.iter().filter(|(eigenvalue, _)| key == eigenvalue.key) {
            let points = points(&log.series(&line.key));
            // Without momentum both are 2/η.
            if !points.is_empty() && !drawn.contains(&points) {
                let dash = if drawn.is_empty() {
                    Dash::DashDot
                } else {
                    Dash::Dotted
                };
                panel = panel.with(line.axis, points.clone(), Look::reference(dash));
                drawn.push(points);
            }
        }
        panels.push(panel);
    }
    Figure {
        description: "What the probe measured, against steps".to_owned(),
        panels,
        columns: 3,
        frame: (230.0, 200.0),
    }
}

/// What is drawn in the panel of another quantity: the eigenvalue, and the line that it may reach.
fn lines(log: &ProbeLog) -> Vec<(Quantity, Quantity)> {
    let there = |quantity: &Quantity| !log.series(&quantity.key).is_empty();
    // An optimiser that divides gradients is unstable where its own metric says so.
    let own = if there(&PRECONDITIONED_LAMBDA_MAX) {
        PRECONDITIONED_LAMBDA_MAX
    } else {
        LAMBDA_MAX
    };
    let mut lines = vec![(LAMBDA_MAX, EDGE_OF_STABILITY), (own, STABILITY_THRESHOLD)];
    lines.retain(|(eigenvalue, _)| there(eigenvalue));
    lines
}

/// The readings to draw: all, or as many as can be seen, evenly.
fn points(series: &[&Reading]) -> Vec<Point> {
    let every = series.len().div_ceil(SHOWN).max(1);
    let drawn = series.iter().rev().step_by(every).rev();
    let point = |found: &&Reading| Point {
        x: found.step as f64,
        y: found.value,
        error: found.error.unwrap_or(0.0),
    };
    drawn.map(point).collect()
}

fn words(directory: &Path, log: &ProbeLog) -> FigureResult {
    let mut rows = Vec::new();
    for (key, axis) in shown(log) {
        let series = log.series(&key);
        if let Some(last) = series.last() {
            rows.push((
                axis,
                format!("{} at step {}; {}", number(last), last.step, ways(&series)),
            ));
        }
    }
    for (layer, readings) in log.layers() {
        let each = readings.iter().map(|found| {
            format!(
                "{} {} at step {}",
                found.quantity.replace('_', " "),
                number(found),
                found.step
            )
        });
        rows.push((
            format!("layer {layer}"),
            each.collect::<Vec<_>>().join(", "),
        ));
    }
    rows.extend(log.settings.iter().cloned());
    let caption = match log.last_step() {
        Some(step) => format!(
            "As far as the log is written: up to step {step}. A band is one standard error of an estimate from samples, or the residual of an eigenvalue, within which some eigenvalue lies."
        ),
        None => "Nothing is measured yet.".to_owned(),
    };
    FigureResult {
        id: "probe".to_owned(),
        title: "A training, watched".to_owned(),
        caption,
        command: page::command(directory),
        settings: rows,
        ..FigureResult::of_a_run()
    }
}

fn number(reading: &Reading) -> String {
    match (reading.kind, reading.error) {
        (Some(ErrorKind::StandardError), error) => with_error(reading.value, error),
        (Some(ErrorKind::Residual), Some(error)) => {
            format!("{} (residual {})", plain(reading.value), plain(error))
        }
        _ => plain(reading.value),
    }
}

/// By which ways a series was measured, and how often each.
fn ways(series: &[&Reading]) -> String {
    let mut ways: Vec<(&str, usize)> = Vec::new();
    for reading in series {
        match ways.iter_mut().find(|(way, _)| *way == reading.method) {
            Some((_, count)) => *count += 1,
            None => ways.push((&reading.method, 1)),
        }
    }
    const SHOWN: usize = 3;
    let shown = ways.iter().take(SHOWN);
    let words = shown.map(|(way, count)| format!("{way} ({count} ×)"));
    let words = words.collect::<Vec<_>>().join(", ");
    match ways.len().saturating_sub(SHOWN) {
        0 => words,
        more => format!("{words}, … ({more} more ways)"),
    }
}

#[cfg(test)]
#[path = "probe_tests.rs"]
mod tests;
