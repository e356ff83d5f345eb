//! Curves of a sweep: along one of its axes, and over the steps of single cells.

use super::ReportError;
use super::sweep::MOST;
use super::sweep_grid::{Ended, Grid, Side, Slice};
use super::sweep_maps::{Measured, SOME_SEEDS, START};
use crate::plot::{Axis, Ink, Look, Marker, Panel, Point};
use thalweg_lab::quantity::Quantity;
use thalweg_lab::run::{AtStep, Measurements, SeedMean};
use thalweg_lab::sweep::{CellOutcome, CellRecord, Store, curves};

/// A curve along x for each y, evenly chosen where there are many; points with error bars where x has names.
pub fn along(
    quantity: &Quantity,
    x: &Side,
    y: Option<&Side>,
    slice: &Slice,
    measured: Measured,
) -> Panel {
    let of_starts = measured == Measured::Start;
    let title = [if of_starts { START } else { "" }, &slice.words];
    let title = title.into_iter().filter(|words| !words.is_empty());
    let title = title.collect::<Vec<_>>().join(", ");
    let mut panel = Panel::new(title, x.axis(), Axis::log(quantity.with_unit()));
    let (mut of_some_seeds, mut starts) = (Vec::new(), Vec::new());
    let rows = evenly(slice.points.len());
    let count = rows.len();
    for (n, row) in rows.into_iter().enumerate() {
        let spots = x.spots(n, count);
        let name = match y {
            Some(y) => y.at(row),
            None if of_starts => START.to_owned(),
            None => "SGD".to_owned(),
        };
        let points = &slice.points[row];
        let measured = points.iter().zip(&spots).map(|(point, &x)| Point {
            x,
            y: finite(point.mean()),
            error: Some(point.error())
                .filter(|error| error.is_finite())
                .unwrap_or(0.0),
        });
        let look = if of_starts || x.named {
            Look::scattered(n)
        } else {
            Look::measured(n)
        };
        panel = panel.with(name, measured.collect(), look);
        let theory = |panel: Panel, of: fn(&Ended) -> f64, look| {
            if !points.iter().any(|point| of(point).is_finite()) {
                return panel;
            }
            let values: Vec<f64> = points.iter().map(|point| finite(of(point))).collect();
            panel.with("", x.line(&spots, &values, count), look)
        };
        panel = theory(panel, Ended::limit, Look::flow(n));
        panel = theory(panel, Ended::flattest, Look::exact(n));
        let such = |such: fn(&Ended) -> bool| {
            let places = points.iter().zip(&spots);
            let such = places.filter(move |(point, _)| such(point));
            such.map(|(point, &x)| Point::exact(x, point.mean()))
        };
        of_some_seeds.extend(such(Ended::is_of_some_seeds));
        if !of_starts {
            starts.extend(such(Ended::is_start));
        }
    }
    // Over all curves, and at the end of the legend.
    marked(marked(panel, SOME_SEEDS, of_some_seeds), START, starts)
}

/// The panel with a mark at each of `points`, and its meaning in the legend.
fn marked(panel: Panel, name: &str, points: Vec<Point>) -> Panel {
    if points.is_empty() {
        return panel;
    }
    let marker = if name == START {
        Marker::Square
    } else {
        Marker::Wedge
    };
    let look = Look {
        ink: Ink::Text,
        line: None,
        marker: Some(marker),
        halo: true,
    };
    panel.with(name, points, look)
}

/// Rows of a sweep's maps that are shown over the steps.
#[derive(Debug)]
pub struct Rows<'g> {
    chosen: Vec<(&'g Slice, usize)>,
    /// How many are not shown.
    pub left_out: usize,
}

impl<'g> Rows<'g> {
    /// Those of `grid` in which a cell made steps, evenly chosen where there are many.
    pub fn choose(grid: &'g Grid) -> Self {
        let rows = grid
            .slices
            .iter()
            .flat_map(|slice| (0..slice.points.len()).map(move |row| (slice, row)));
        let all: Vec<(&Slice, usize)> = rows
            .filter(|(slice, row)| slice.points[*row].iter().any(has_steps))
            .collect();
        let chosen: Vec<_> = evenly(all.len()).into_iter().map(|n| all[n]).collect();
        Self {
            left_out: all.len() - chosen.len(),
            chosen,
        }
    }
}

fn has_steps(point: &Ended) -> bool {
    point.mean().is_finite() && !point.is_start()
}

/// A panel for each of `rows`: the quantity over the steps, a curve for each value of x, evenly chosen where there are many. Nothing
/// where cells were measured at two steps or fewer.
pub fn over_steps(
    store: &Store,
    quantity: &Quantity,
    x: &Side,
    y: Option<&Side>,
    rows: &Rows<'_>,
) -> Result<Vec<Panel>, ReportError> {
    let mut panels = Vec::new();
    for &(slice, row) in &rows.chosen {
        let points = &slice.points[row];
        let with_steps: Vec<usize> = (0..points.len())
            .filter(|&column| has_steps(&points[column]))
            .collect();
        let columns: Vec<usize> = evenly(with_steps.len())
            .into_iter()
            .map(|n| with_steps[n])
            .collect();
        let numbers = columns.iter().filter_map(|&column| points[column].number);
        let found = curves(store, &numbers.collect::<Vec<_>>())?;
        let row_words = y.map(|y| y.at(row));
        let words = row_words.into_iter().chain([slice.words.clone()]);
        let words: Vec<String> = words.filter(|words| !words.is_empty()).collect();
        let mut panel = Panel::new(
            words.join(", "),
            Axis::log("step t"),
            Axis::log(quantity.with_unit()),
        );
        let mut of_some_seeds = Vec::new();
        for (n, &column) in columns.iter().enumerate() {
            let point = &points[column];
            let cell = found
                .iter()
                .find(|(number, ..)| Some(*number) == point.number);
            let Some((_, record, measurements)) = cell else {
                continue;
            };
            let course = mean(record, measurements, &quantity.key);
            if course.len() <= FEW {
                continue;
            }
            let name = x.at(column);
            let ends = [&course[1], &course[course.len() - 1]].map(|at| at.step as f64);
            let line = course.iter().map(|at| Point {
                x: at.step as f64,
                y: at.value.mean,
                error: at.value.standard_error.unwrap_or(0.0),
            });
            let line: Vec<Point> = line.collect();
            let last = line.last().copied();
            panel = panel.with(name, line, Look::measured(n));
            if point.limit().is_finite() {
                let level = ends.map(|step| Point::exact(step, point.limit()));
                panel = panel.with("", level.to_vec(), Look::flow(n));
            }
            if point.is_of_some_seeds() {
                of_some_seeds.extend(last.map(|end| Point::exact(end.x, end.y)));
            }
        }
        panel = marked(panel, SOME_SEEDS, of_some_seeds);
        if !panel.series.is_empty() {
            panels.push(panel);
        }
    }
    Ok(panels)
}

/// So many measured steps, the start and the end, are no curve.
const FEW: usize = 2;

/// The mean over the seeds that did not diverge, at each measured step: one that diverges on the way would weigh in with its first
/// part alone.
fn mean(record: &CellRecord, measurements: &Measurements, key: &str) -> Vec<AtStep<SeedMean>> {
    let CellOutcome::Finished(runs) = &record.outcome else {
        return Vec::new();
    };
    let whole = runs.iter().filter(|run| run.diverged_at.is_none());
    let series: Vec<Vec<AtStep<f64>>> = whole
        .map(|run| measurements.series(key, run.seed))
        .collect();
    let Some(first) = series.first() else {
        return Vec::new();
    };
    let at = |place: usize| {
        let values: Vec<f64> = series
            .iter()
            .filter_map(|one| Some(one.get(place)?.value))
            .collect();
        let AtStep {
            step, slow_time, ..
        } = first[place];
        Some(AtStep {
            step,
            slow_time,
            value: SeedMean::of(&values)?,
        })
    };
    (0..first.len()).filter_map(at).collect()
}

/// All of `count` places, or [`MOST`] that lie evenly over them, the first and the last among them.
fn evenly(count: usize) -> Vec<usize> {
    let shown = count.min(MOST);
    match shown {
        0 | 1 => (0..shown).collect(),
        _ => (0..shown).map(|n| n * (count - 1) / (shown - 1)).collect(),
    }
}

/// What breaks a line where there is no number.
fn finite(value: f64) -> f64 {
    if value.is_finite() { value } else { f64::NAN }
}
