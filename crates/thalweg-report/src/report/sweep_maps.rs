//! Maps of a sweep over two of its axes.

use super::sweep_grid::{Ended, Grid, Side, Slice};
use crate::plot::{Dash, Heat, Look, Panel, Point};
use thalweg_lab::quantity::Quantity;

/// What a mark says where a mean is not over all seeds.
pub const SOME_SEEDS: &str = "some seeds diverged: the mean is over the others";

/// What it is called where no step was made.
pub const START: &str = "start, no step made";

/// What a sweep's cells measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measured {
    /// Where SGD came to; cells without a step may be among them.
    Sgd,
    /// Starts alone, since no cell makes a step.
    Start,
}

impl Measured {
    /// What those of `grid` did.
    pub fn of(grid: &Grid) -> Self {
        if grid.is_of_starts() {
            Self::Start
        } else {
            Self::Sgd
        }
    }

    /// A mean of it over `what`, as a caption begins.
    pub fn over(self, what: &str) -> String {
        match self {
            Self::Sgd => format!("SGD’s mean over {what}"),
            Self::Start => {
                "The mean over the seeds of their start, since no step was made".to_owned()
            }
        }
    }

    /// What a caption says of cells that are marked.
    pub fn remarks(self, grid: &Grid) -> &'static str {
        let some_seeds = grid.points().any(Ended::is_of_some_seeds);
        let starts = self == Self::Sgd && grid.points().any(Ended::is_start);
        match (some_seeds, starts) {
            (false, false) => "",
            (true, false) => {
                " Marked: some seeds of a cell diverged, and its mean is over the others alone."
            }
            (false, true) => " Marked: no step was made, and what is shown is the start.",
            (true, true) => {
                " Marked: some seeds of a cell diverged, and its mean is over the others alone; or no step was made, and what is \
                 shown is the start."
            }
        }
    }
}

/// SGD, its error and theory, those of them that there are.
pub fn maps(
    quantity: &Quantity,
    sides: [&Side; 2],
    slice: &Slice,
    measured: Measured,
) -> Vec<Panel> {
    let (title, of_starts) = match measured {
        Measured::Sgd => ("SGD", false),
        Measured::Start => (START, true),
    };
    let marked = |panel: Panel| {
        let panel = struck(panel, sides, slice, SOME_SEEDS, Ended::is_of_some_seeds);
        if of_starts {
            return panel;
        }
        struck(panel, sides, slice, START, Ended::is_start)
    };
    let label = label(quantity, "");
    let error = self::label(quantity, "s.e. of ");
    [
        map(title, &label, sides, slice, Ended::mean).map(marked),
        map("s.e.", &error, sides, slice, Ended::error).map(marked),
        map("limit", &label, sides, slice, limit),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The limit on a map.
fn limit(point: &Ended) -> f64 {
    point.unless_failed(point.limit())
}

/// The limit, the flattest minimum and their ratio; nothing where there is no flattest minimum.
pub fn flattest(quantity: &Quantity, sides: [&Side; 2], slice: &Slice) -> Vec<Panel> {
    let label = label(quantity, "");
    let flattest = |point: &Ended| point.unless_failed(point.flattest());
    let Some(flattest) = map("flattest minimum", &label, sides, slice, flattest) else {
        return Vec::new();
    };
    let limit = map("limit", &label, sides, slice, limit);
    let ratio = |point: &Ended| point.unless_failed(point.limit() / point.flattest());
    let name = "limit / T_{min}";
    let ratio = map(name, name, sides, slice, ratio);
    limit.into_iter().chain([flattest]).chain(ratio).collect()
}

/// `what` of the quantity with its unit, beside a colour bar.
fn label(quantity: &Quantity, what: &str) -> String {
    let words = if what.is_empty() {
        format!("{} ", quantity.words)
    } else {
        what.to_owned()
    };
    let unit = match quantity.unit {
        "" => String::new(),
        unit => format!(", {unit}"),
    };
    format!("{words}{}{unit}", quantity.symbol)
}

/// One map; nothing where it would be empty.
fn map(
    title: &str,
    label: &str,
    [x, y]: [&Side; 2],
    slice: &Slice,
    of: impl Fn(&Ended) -> f64,
) -> Option<Panel> {
    let values = slice.map(of);
    let shown = |value: &f64| value.is_finite() && *value > 0.0;
    if !values.iter().flatten().any(shown) {
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
        label: label.to_owned(),
    });
    Some(panel)
}

/// The map with a stroke through the cells that are `such`, and its meaning in the legend.
fn struck(
    panel: Panel,
    [x, y]: [&Side; 2],
    slice: &Slice,
    name: &str,
    such: impl Fn(&Ended) -> bool,
) -> Panel {
    let (columns, rows) = (x.edges(), y.edges());
    let mut strokes = Vec::new();
    for (row, points) in slice.points.iter().enumerate() {
        for (column, _) in points.iter().enumerate().filter(|(_, point)| such(point)) {
            strokes.push(Point::exact(columns[column], rows[row]));
            strokes.push(Point::exact(columns[column + 1], rows[row + 1]));
            // Breaks the line.
            strokes.push(Point::exact(f64::NAN, f64::NAN));
        }
    }
    if strokes.is_empty() {
        return panel;
    }
    let dash = if name == START {
        Dash::Dashed
    } else {
        Dash::Solid
    };
    panel.with(name, strokes, Look::reference(dash).on_map())
}
