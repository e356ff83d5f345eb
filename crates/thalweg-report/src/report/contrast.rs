//! The page of several runs: their curves over one another, their ends, and what differs in their specifications.

use std::fmt::Write as _;

use super::number::{plain, with_error};
use super::page::{HEADING, Head, page};
use super::section::{Section, wide};
use crate::plot::{self, Axis, Figure, Look, Panel, Point, to_html};
use crate::results::FigureResult;
use thalweg_lab::contrast::{Contrast, ContrastedRun, End, Ends};
use thalweg_lab::quantity::Quantity;
use thalweg_lab::run::AtStep;

const LEAD: &str =
    "Runs of SGD beside one another: the same quantities on their way and at their ends.";

/// Where there is no number.
const NONE: &str = "–";

/// The page of `runs`, which `command` makes again.
pub fn contrast(runs: &Contrast, command: &str) -> String {
    let by_step = one_clock(runs);
    let curves = FigureResult {
        id: "curves".to_owned(),
        title: "Their ways".to_owned(),
        caption: caption(runs, by_step),
        command: command.to_owned(),
        settings: runs.runs.iter().map(settings).collect(),
        ..FigureResult::of_a_run()
    };
    let section = Section::drawn(&curves, plot::svg(&draw(runs, by_step).scene()), "The runs");
    let convention = match runs.caution() {
        None => runs.runs.first().map_or("", |run| run.loss_convention),
        Some(_) => "that of its own run, given below",
    };
    let tables = ends(runs) + &differences(runs);
    let head = Head {
        title: "runs compared",
        heading: HEADING,
        lead: LEAD,
        loss_convention: convention,
        own: "specification.toml and provenance in each run’s directory",
    };
    page(&head, &tables, &[section])
}

/// Whether an equal number of steps is an equal slow time in all.
fn one_clock(runs: &Contrast) -> bool {
    let rates = runs.runs.iter().filter_map(|run| {
        let measured = run.measurements.columns();
        let last = measured.step.iter().rposition(|step| *step > 0)?;
        Some(measured.slow_time[last] / measured.step[last] as f64)
    });
    let rates: Vec<f64> = rates.collect();
    let same = |pair: &[f64]| (pair[0] - pair[1]).abs() <= 1e-9 * pair[0].abs();
    rates.windows(2).all(same)
}

fn draw(runs: &Contrast, by_step: bool) -> Figure {
    let (words, label) = if by_step {
        ("against steps", "step t")
    } else {
        ("against slow time", "slow time u = η² t/B")
    };
    let panel = |ends: &Ends| {
        let panel = Panel::new("", Axis::log(label), Axis::log(ends.quantity.with_unit()));
        let runs = runs.runs.iter().enumerate();
        runs.fold(panel, |panel, (i, run)| {
            let points = curve(run, &ends.quantity, by_step);
            panel.with(&run.label, points, Look::measured(i))
        })
    };
    let quantities: Vec<&str> = runs.ends.iter().map(|ends| ends.quantity.words).collect();
    Figure {
        description: format!("{words}: {}", quantities.join(", ")),
        panels: runs.ends.iter().map(panel).collect(),
        columns: 3,
        frame: (230.0, 200.0),
    }
}

fn curve(run: &ContrastedRun, quantity: &Quantity, by_step: bool) -> Vec<Point> {
    let means = run.measurements.mean(&quantity.key).into_iter();
    let point = |at: AtStep<thalweg_lab::run::SeedMean>| Point {
        x: if by_step {
            at.step as f64
        } else {
            at.slow_time
        },
        y: at.value.mean,
        error: at.value.standard_error.unwrap_or(0.0),
    };
    means.map(point).collect()
}

fn caption(runs: &Contrast, by_step: bool) -> String {
    let mut words =
        "Means over the seeds that had not diverged, with a band of one standard error.".to_owned();
    if !by_step {
        words += " η²/B is not the same in all, so that they are drawn against the slow time, in which runs on one problem from one start have one path in theory.";
    }
    if let Some(caution) = runs.caution() {
        words += " ";
        words += caution;
    }
    words
}

fn settings(run: &ContrastedRun) -> (String, String) {
    let diverged = match run.diverged {
        0 => String::new(),
        some => format!(", of which {some} diverged"),
    };
    let words = format!(
        "{}: {} steps, {} {}{diverged}; losses as {}",
        run.directory.display(),
        run.steps,
        run.seeds,
        if run.seeds == 1 { "seed" } else { "seeds" },
        run.loss_convention
    );
    (run.label.clone(), words)
}

/// One row for each quantity, one column for each run.
fn ends(runs: &Contrast) -> String {
    let mut out = String::from(
        "<section><h2 id=\"ends\">Their ends</h2><p>Means over the last fifth of each run’s steps, over its seeds.</p>",
    );
    let mut rows = head("quantity", runs);
    for ends in &runs.ends {
        let _ = write!(rows, "<tr><td>{}", to_html(&ends.quantity.symbol));
        if !ends.quantity.unit.is_empty() {
            let _ = write!(
                rows,
                "<div class=\"note\">{}</div>",
                to_html(ends.quantity.unit)
            );
        }
        rows += "</td>";
        for end in &ends.of_run {
            let _ = write!(rows, "<td>{}</td>", cell(end));
        }
        rows += "</tr>";
    }
    out += &wide("ends", &(rows + TABLE_ENDS));
    let first = runs.runs.first().map_or("", |run| &run.label);
    let _ = write!(
        out,
        "<p class=\"note\">× is the factor from {}: seed by seed over those that both runs have, if these are two at least; \
         otherwise as between independent runs.</p></section>",
        to_html(first)
    );
    out
}

fn cell(end: &End) -> String {
    let Some(value) = end.value else {
        return NONE.to_owned();
    };
    let mut words = to_html(&with_error(value.mean, value.standard_error));
    if let Some(factor) = end.factor {
        let factor = match factor.standard_error {
            // Below what rounding leaves there is no error to show.
            Some(error) if error <= 1e-12 * factor.mean => plain(factor.mean),
            error => with_error(factor.mean, error),
        };
        let _ = write!(words, "<div class=\"note\">× {}</div>", to_html(&factor));
    }
    words
}

fn differences(runs: &Contrast) -> String {
    let out =
        String::from("<section><h2 id=\"differences\">What differs in their specifications</h2>");
    if runs.differences.is_empty() {
        return out + "<p>Nothing: these are runs of one specification.</p></section>";
    }
    let mut rows = head("field", runs);
    for difference in &runs.differences {
        let _ = write!(
            rows,
            "<tr><td><code>{}</code></td>",
            to_html(&difference.field)
        );
        for value in &difference.values {
            let _ = write!(
                rows,
                "<td><code>{}</code></td>",
                to_html(value.as_deref().unwrap_or(NONE))
            );
        }
        rows += "</tr>";
    }
    out + &wide("differences", &(rows + TABLE_ENDS)) + "</section>"
}

const TABLE_ENDS: &str = "</tbody></table>";

/// The beginning of a table with a column for each run.
fn head(first: &str, runs: &Contrast) -> String {
    let mut out = format!("<table><thead><tr><th>{first}</th>");
    for run in &runs.runs {
        let _ = write!(out, "<th>{}</th>", to_html(&run.label));
    }
    out + "</tr></thead><tbody>"
}

#[cfg(test)]
#[path = "contrast_tests.rs"]
mod tests;
