//! The page of a sweep: maps over two of its axes, curves along one, and the cells that could not be run.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::ReportError;
use super::page::{self, Head, name};
use super::section::Section;
use super::sweep_grid::{Grid, Side, Slice};
use crate::plot::{self, Axis, Figure, Heat, Look, Panel, Point, to_html};
use crate::results::FigureResult;
use thalweg_lab::quantity::{self, Quantity};
use thalweg_lab::sweep::{CellEnds, CellOutcome, Store, SweepError, ends};

/// Which part of a sweep is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SweepView<'v> {
    /// The axis to the right, by its name; the first with two values or more unless given.
    pub x: Option<&'v str>,
    /// The axis upwards; the next such one.
    pub y: Option<&'v str>,
    /// The quantity's key; the sharpness and the fluctuation.
    pub quantity: Option<&'v str>,
}

const LEAD: &str = "A sweep: one experiment at every point of its axes.";

/// The most slices that are drawn, and the most curves in one picture.
const MOST: usize = 6;

/// The most failures that are listed.
const LISTED: usize = 50;

/// Writes the page of the sweep in `directory`, as far as it has come, and returns its path.
///
/// # Errors
/// When there is no sweep or nothing finished, an axis or a quantity is asked for that is not there, a file cannot be read or
/// is damaged, or the page cannot be written.
pub fn write_sweep(directory: &Path, view: SweepView<'_>) -> Result<PathBuf, ReportError> {
    let page = page(directory, view)?;
    super::put(directory, &page, &super::take(directory)?)
}

/// The page.
pub(super) fn page(directory: &Path, view: SweepView<'_>) -> Result<String, ReportError> {
    let store = Store::open(directory)?;
    let cells = ends(&store)?;
    if cells.is_empty() {
        let store = directory.to_owned();
        return Err(SweepError::NothingFinished { store }.into());
    }
    let x = Side::choose(store.sweep(), view.x, None)?;
    let y = Side::choose(store.sweep(), view.y, x.as_ref())?;
    let quantities = quantities(&cells, view.quantity)?;
    let mut sections = Vec::new();
    for quantity in &quantities {
        if let Some(x) = &x {
            let grid = Grid::new(store.sweep(), &cells, quantity, x, y.as_ref());
            sections.extend(section(directory, &store, quantity, x, y.as_ref(), &grid));
        }
    }
    let drawn: Vec<Section<'_>> = sections
        .iter()
        .map(|(figure, picture)| Section {
            figure,
            picture: Some(picture.clone()),
            details: "The sweep",
            again: figure.command.clone(),
        })
        .collect();
    let convention = store.sweep().cell(0)?.experiment.loss_convention();
    let head = Head {
        title: &format!("sweep {}", name(directory)),
        lead: LEAD,
        loss_convention: convention,
        own: "plan.toml, provenance",
    };
    Ok(page::page(&head, &before(&store, &cells), &drawn))
}

/// Those to be shown.
fn quantities(cells: &[CellEnds], wanted: Option<&str>) -> Result<Vec<Quantity>, ReportError> {
    let mut found: Vec<&str> = Vec::new();
    for end in cells.iter().flat_map(|cell| &cell.ends) {
        if !found.contains(&&*end.quantity) {
            found.push(&end.quantity);
        }
    }
    let depth = found.len();
    let known = quantity::SCALARS
        .into_iter()
        .chain((0..depth).map(quantity::condition_number));
    let known: Vec<Quantity> = known
        .filter(|quantity| found.contains(&&*quantity.key))
        .collect();
    let Some(wanted) = wanted else {
        let usual = [quantity::SHARPNESS, quantity::FLUCTUATION];
        return Ok(known
            .into_iter()
            .filter(|one| usual.contains(one))
            .collect());
    };
    let chosen = known.into_iter().find(|quantity| quantity.key == wanted);
    chosen
        .map(|one| vec![one])
        .ok_or_else(|| ReportError::NoQuantity {
            wanted: wanted.to_owned(),
            known: found.join(", "),
        })
}

/// How far it has come, and what could not be run.
fn before(store: &Store, cells: &[CellEnds]) -> String {
    let reason = |cell: &CellEnds| match &cell.record.outcome {
        CellOutcome::Failed(reason) => Some((cell.number, reason.clone())),
        CellOutcome::Finished(_) => None,
    };
    let failed: Vec<(usize, String)> = cells.iter().filter_map(reason).collect();
    let diverged = |cell: &&CellEnds| cell.ends.iter().any(|end| end.diverged_at.is_some());
    let mut out = format!(
        "<p>{} of {} cells are done; in {} of them a seed diverged, and {} could not be run.</p>",
        cells.len(),
        store.sweep().cells(),
        cells.iter().filter(diverged).count(),
        failed.len()
    );
    if failed.is_empty() {
        return out;
    }
    out += "<h2>Could not be run</h2><dl>";
    for (number, reason) in failed.iter().take(LISTED) {
        let _ = write!(
            out,
            "<dt>cell {number}: {}</dt><dd class=\"failed\">{}</dd>",
            to_html(&store.sweep().words(*number)),
            to_html(reason)
        );
    }
    out += "</dl>";
    if failed.len() > LISTED {
        let _ = write!(out, "<p>… and {} more.</p>", failed.len() - LISTED);
    }
    out
}

/// The pictures of one quantity: maps where there are two axes, and curves along x.
fn section(
    directory: &Path,
    store: &Store,
    quantity: &Quantity,
    x: &Side,
    y: Option<&Side>,
    grid: &Grid,
) -> Vec<(FigureResult, String)> {
    let command = {
        let y = y.map_or(String::new(), |y| format!(" --y {}", y.name));
        let directory = directory.display();
        format!(
            "thalweg sweep report {directory} --x {}{y} --quantity {}",
            x.name, quantity.key
        )
    };
    let more = match grid.slices.len().saturating_sub(MOST) {
        0 => String::new(),
        more => format!(" {more} more are left out: --x and --y choose other axes."),
    };
    let more = match store.sweep().cell(0) {
        Ok(cell) if cell.experiment.steps() == 0 => {
            format!("{more} The first cell makes no step: what is shown as SGD's is its start.")
        }
        _ => more,
    };
    let result = |kind: &str, caption: String| FigureResult {
        id: format!("{}-{kind}", quantity.key),
        title: format!("{}, {kind}", quantity.words),
        caption: caption + &more,
        command: command.clone(),
        settings: store
            .sweep()
            .columns()
            .map(|column| {
                (
                    column.name.clone(),
                    format!("{} values", column.values.len()),
                )
            })
            .collect(),
        ..FigureResult::of_a_run()
    };
    let slices = &grid.slices[..grid.slices.len().min(MOST)];
    let draw = |panels: Vec<Panel>, columns| {
        let figure = Figure {
            description: format!("{} over the axes of a sweep", quantity.words),
            panels,
            columns,
            frame: (230.0, 200.0),
        };
        plot::svg(&figure.scene())
    };
    let mut sections = Vec::new();
    if let Some(y) = y {
        let panels = slices.iter().flat_map(|slice| maps(quantity, x, y, slice));
        let caption = "SGD’s mean over the seeds and the last fifth of the steps, its standard error, and the limit η → 0, \
                       t → ∞ where there is a theory. Crossed out: could not be run, or every seed diverged. Left \
                       empty: not done yet, or, of the error, one seed alone.";
        sections.push((result("map", caption.to_owned()), draw(panels.collect(), 3)));
    }
    let panels = slices.iter().map(|slice| curves(quantity, x, y, slice));
    let caption = "Means over the seeds and the last fifth of the steps, with a band of one standard error, for six values at most \
                   of the other axis. Dashed: the limit η → 0, t → ∞ where there is a theory.";
    sections.push((
        result("curves", caption.to_owned()),
        draw(panels.collect(), 2),
    ));
    sections
}

/// SGD, its error and theory, those of them that there are.
fn maps(quantity: &Quantity, x: &Side, y: &Side, slice: &Slice) -> Vec<Panel> {
    let panel = |title: &str, values: Vec<Vec<f64>>| {
        if !values
            .iter()
            .flatten()
            .any(|value| value.is_finite() && *value > 0.0)
        {
            return None;
        }
        let title = if slice.words.is_empty() {
            title.to_owned()
        } else {
            format!("{title}, {}", slice.words)
        };
        let mut panel = Panel::new(title, x.axis(), y.axis());
        panel.heat = Some(Heat {
            x_edges: x.edges(),
            y_edges: y.edges(),
            values,
            label: quantity.symbol.to_string(),
        });
        Some(panel)
    };
    [
        panel("SGD", slice.map(|point| point.mean())),
        panel("s.e.", slice.map(|point| point.error())),
        panel("limit", slice.map(|point| point.limit())),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A curve along x for each y, evenly chosen where there are many.
fn curves(quantity: &Quantity, x: &Side, y: Option<&Side>, slice: &Slice) -> Panel {
    let mut panel = Panel::new(slice.words.clone(), x.axis(), Axis::log(quantity.axis));
    let rows = slice.points.len();
    let shown = rows.min(MOST);
    for n in 0..shown {
        let row = if shown == 1 {
            0
        } else {
            n * (rows - 1) / (shown - 1)
        };
        let name = y.map_or("SGD".to_owned(), |y| {
            format!("{} = {}", y.name, y.words[row])
        });
        let points = &slice.points[row];
        let measured = points.iter().zip(&x.places).map(|(point, &x)| Point {
            x,
            y: finite(point.mean()),
            error: Some(point.error())
                .filter(|error| error.is_finite())
                .unwrap_or(0.0),
        });
        panel = panel.with(name, measured.collect(), Look::measured(n));
        if points.iter().any(|point| point.limit().is_finite()) {
            let limit = points.iter().zip(&x.places);
            let limit = limit.map(|(point, &x)| Point::exact(x, finite(point.limit())));
            panel = panel.with("", limit.collect(), Look::flow(n));
        }
    }
    panel
}

/// What breaks a line where there is no number.
fn finite(value: f64) -> f64 {
    if value.is_finite() { value } else { f64::NAN }
}

#[cfg(test)]
#[path = "sweep_tests.rs"]
mod tests;
