//! The page of a sweep: maps over two of its axes, curves along one, and the cells that could not be run.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::ReportError;
use super::page::{self, HEADING, Head, name};
use super::section::{Section, prose};
use super::sweep_curves::{Rows, along, over_steps};
use super::sweep_grid::{Grid, Side};
use super::sweep_maps::{Measured, flattest, maps};
use crate::plot::{self, Figure, Panel, to_html};
use crate::results::FigureResult;
use thalweg_lab::quantity::{self, Quantity};
use thalweg_lab::store::write_whole;
use thalweg_lab::sweep::{CellEnds, CellOutcome, Store, SweepError, ends, status};

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
pub(super) const MOST: usize = 6;

/// The most cells that are listed.
const LISTED: usize = 50;

/// Writes the page of the sweep in `directory`, as far as it has come, into the file `out` or else into the directory, and
/// returns its path. With `out` nothing in the directory is written.
///
/// # Errors
/// When there is no sweep or nothing finished, an axis or a quantity is asked for that is not there, a file cannot be read or
/// is damaged, or the page cannot be written.
pub fn write_sweep(
    directory: &Path,
    view: SweepView<'_>,
    out: Option<&Path>,
) -> Result<PathBuf, ReportError> {
    let page = page(directory, view)?;
    if let Some(out) = out {
        write_whole(out, page.as_bytes())?;
        return Ok(out.to_owned());
    }
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
            sections.extend(section(
                directory,
                &store,
                quantity,
                (x, y.as_ref()),
                &grid,
            )?);
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
        heading: HEADING,
        lead: LEAD,
        loss_convention: convention,
        own: "plan.toml, provenance",
    };
    Ok(page::page(&head, &before(&store, &cells)?, &drawn))
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

/// How far it has come, what could not be run, and where seeds diverged.
fn before(store: &Store, cells: &[CellEnds]) -> Result<String, ReportError> {
    let reason = |cell: &CellEnds| match &cell.record.outcome {
        CellOutcome::Failed(reason) => Some((cell.number, reason.clone())),
        CellOutcome::Finished(_) => None,
    };
    let failed: Vec<(usize, String)> = cells.iter().filter_map(reason).collect();
    let seeds = |cell: &CellEnds| {
        let CellOutcome::Finished(runs) = &cell.record.outcome else {
            return None;
        };
        let all = runs.len();
        let diverged = runs.iter().filter(|run| run.diverged_at.is_some()).count();
        let words = match all - diverged {
            0 => format!("all {all} seeds diverged"),
            rest => format!("{diverged} of {all} seeds diverged: means are over the other {rest}"),
        };
        (diverged > 0).then_some((cell.number, words))
    };
    let diverged: Vec<(usize, String)> = cells.iter().filter_map(seeds).collect();
    // Counted, and called, as `thalweg sweep status` does.
    let status = status(store)?;
    let counts = format!(
        "<p>{} cells: finished {}, of which {} with seeds that diverged; failed {}; running {}; waiting {}.</p>",
        status.cells,
        status.finished,
        status.with_divergence,
        status.failed.len(),
        status.running,
        status.waiting
    );
    Ok(counts
        + &listed(store, "Could not be run", "<dd class=\"failed\">", &failed)
        + &listed(store, "Seeds that diverged", "<dd>", &diverged))
}

/// Cells with a sentence each, which `begins` so, under a heading; nothing where there are none.
fn listed(store: &Store, heading: &str, begins: &str, cells: &[(usize, String)]) -> String {
    if cells.is_empty() {
        return String::new();
    }
    let mut out = format!("<h2>{heading}</h2><dl>");
    for (number, sentence) in cells.iter().take(LISTED) {
        let _ = write!(
            out,
            "<dt>cell {number}: {}</dt>{begins}{}</dd>",
            to_html(&store.sweep().words(*number)),
            prose(sentence)
        );
    }
    out += "</dl>";
    if cells.len() > LISTED {
        let _ = write!(out, "<p>… and {} more.</p>", cells.len() - LISTED);
    }
    out
}

/// The values of an axis: each of names, since pictures may shorten them, and how many of numbers.
fn values(side: &Side) -> String {
    if side.named {
        return side.words.join("; ");
    }
    format!("{} values", side.words.len())
}

/// The pictures of one quantity: maps where there are two axes, curves along x, and curves over the steps.
fn section(
    directory: &Path,
    store: &Store,
    quantity: &Quantity,
    (x, y): (&Side, Option<&Side>),
    grid: &Grid,
) -> Result<Vec<(FigureResult, String)>, ReportError> {
    let command = {
        let y = y.map_or(String::new(), |y| format!(" --y {}", y.name));
        let directory = directory.display();
        format!(
            "thalweg sweep report {directory} --x {}{y} --quantity {}",
            x.name, quantity.key
        )
    };
    let settings: Vec<(String, String)> = Side::all(store.sweep())
        .map(|side| (side.name.clone(), values(&side)))
        .collect();
    let picture = |kind: &str, caption: String, panels: Vec<Panel>, columns| {
        let result = FigureResult {
            id: format!("{}-{kind}", quantity.key),
            title: format!("{}, {kind}", quantity.words),
            caption,
            command: command.clone(),
            settings: settings.clone(),
            ..FigureResult::of_a_run()
        };
        let figure = Figure {
            description: format!("{} over the axes of a sweep", quantity.words),
            panels,
            columns,
            frame: (230.0, 200.0),
        };
        (result, plot::svg(&figure.scene()))
    };
    let slices = &grid.slices[..grid.slices.len().min(MOST)];
    let more = match grid.slices.len() - slices.len() {
        0 => String::new(),
        more => format!(" {more} more are left out: --x and --y choose other axes."),
    };
    let measured = Measured::of(grid);
    let mut pictures = Vec::new();
    if let Some(y) = y {
        let panels: Vec<Panel> = slices
            .iter()
            .flat_map(|slice| maps(quantity, [x, y], slice, measured))
            .collect();
        let columns = panels.len() / slices.len().max(1);
        let caption = measured.over("the seeds and the last fifth of the steps")
            + ", its standard error, and the limit η → 0, t → ∞ where there is a theory. Colours of one label say the same in \
               all maps of one picture. Crossed out: could not be run, or every seed diverged. Left empty: not done yet, or, of the error, \
               one seed alone."
            + measured.remarks(grid)
            + &more;
        pictures.push(picture("map", caption, panels, columns.max(1)));
        let panels: Vec<Panel> = slices
            .iter()
            .flat_map(|slice| flattest(quantity, [x, y], slice))
            .collect();
        if !panels.is_empty() {
            let caption = "The limit η → 0, t → ∞ beside the flattest minimum, of sharpness T_{min} (eq. 15), and how many \
                           times as sharp it is. Crossed out: could not be run. Left empty: not done yet.";
            let caption = caption.to_owned() + &more;
            pictures.push(picture("limit and flattest minimum", caption, panels, 3));
        }
    }
    let panels = slices
        .iter()
        .map(|slice| along(quantity, x, y, slice, measured));
    let caption = measured.over("the seeds and the last fifth of the steps")
        + if x.named {
            ", with a bar of one standard error"
        } else {
            ", with a band of one standard error"
        }
        + ", for six values at most of the other axis. Dashed: the limit η → 0, t → ∞ where there is a theory."
        + if grid.points().any(|point| point.flattest().is_finite()) {
            " Dash-dotted: the flattest minimum, T_{min}."
        } else {
            ""
        }
        + measured.remarks(grid)
        + &more;
    pictures.push(picture("curves", caption, panels.collect(), 2));
    let chosen = Rows::choose(grid);
    let panels = over_steps(store, quantity, x, y, &chosen)?;
    if !panels.is_empty() {
        let caption = format!(
            "SGD’s mean over the seeds at each measured step, with a band of one standard error, for six values at most of {}. \
             Dashed: the limit η → 0, t → ∞ where there is a theory.{}{}",
            x.name,
            Measured::Sgd.remarks(grid),
            match chosen.left_out {
                0 => String::new(),
                more => format!(" {more} more are left out, evenly."),
            }
        );
        pictures.push(picture("over steps", caption, panels, 2));
    }
    Ok(pictures)
}

#[cfg(test)]
#[path = "sweep_tests.rs"]
mod tests;
