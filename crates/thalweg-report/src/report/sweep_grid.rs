//! The ends of a sweep's cells, laid out over two of its axes.

use std::collections::{BTreeMap, HashSet};

use super::ReportError;
use super::number::plain;
use crate::plot::{Axis, Point};
use thalweg_lab::quantity::Quantity;
use thalweg_lab::run::SeedMean;
use thalweg_lab::sweep::{CellEnds, Column, Sweep, Value};

/// Characters of a number that needs no shortening.
const LONG: usize = 8;

/// The part of a name's place, on an axis of names, that curves share.
const OF_A_PLACE: f64 = 0.7;

/// One axis of a sweep as a side of a map.
#[derive(Clone, Debug)]
pub struct Side {
    /// Its name.
    pub name: String,
    /// Where it is among all columns.
    column: usize,
    /// Where its axis is among the sweep's.
    axis: usize,
    /// Where each value lies, ascending; the numbers 0, 1, 2, … of names.
    pub places: Vec<f64>,
    /// Each value in words that no other has.
    pub words: Vec<String>,
    /// The place of each value of the file.
    order: Vec<usize>,
    log: bool,
    /// Whether its values are texts or lists, or numbers that are not all different: it has places for them, in the order of the file.
    pub named: bool,
}

impl Side {
    /// The column `wanted`, or the first that has two values or more; of another axis than `beside`.
    pub fn choose(
        sweep: &Sweep,
        wanted: Option<&str>,
        beside: Option<&Self>,
    ) -> Result<Option<Self>, ReportError> {
        let columns: Vec<_> = Self::columns(sweep).collect();
        let taken = |axis: usize| beside.is_some_and(|beside| beside.axis == axis);
        let name = |(axis, at): (usize, usize)| &*sweep.axes[axis].columns[at].name;
        let fits = |&(axis, at): &(usize, usize)| {
            let is_wanted = |wanted| name((axis, at)) == wanted;
            !taken(axis) && wanted.map_or(sweep.axes[axis].len() > 1, is_wanted)
        };
        let Some(place) = columns.iter().position(fits) else {
            let Some(wanted) = wanted else {
                return Ok(None);
            };
            if let Some(beside) = beside
                && columns.iter().any(|column| name(*column) == wanted)
            {
                return Err(ReportError::OneAxis {
                    wanted: wanted.to_owned(),
                    x: beside.name.clone(),
                });
            }
            let known: Vec<&str> = columns
                .iter()
                .filter(|(axis, _)| !taken(*axis))
                .map(|column| name(*column))
                .collect();
            return Err(ReportError::NoAxis {
                wanted: wanted.to_owned(),
                known: known.join(", "),
            });
        };
        Ok(Some(Self::of(sweep, columns[place], place)))
    }

    /// Every column of the sweep as a side.
    pub fn all(sweep: &Sweep) -> impl Iterator<Item = Self> {
        let columns = Self::columns(sweep).enumerate();
        columns.map(|(place, column)| Self::of(sweep, column, place))
    }

    /// Each column by its axis and its number there.
    fn columns(sweep: &Sweep) -> impl Iterator<Item = (usize, usize)> {
        let axes = sweep.axes.iter().enumerate();
        axes.flat_map(|(axis, one)| (0..one.columns.len()).map(move |at| (axis, at)))
    }

    fn of(sweep: &Sweep, (axis, at): (usize, usize), place: usize) -> Self {
        let all = &sweep.axes[axis];
        let column = &all.columns[at];
        let numbers = numbers(column).filter(|numbers| are_different(numbers));
        let named = numbers.is_none();
        let numbers = numbers.unwrap_or_else(|| (0..all.len()).map(|n| n as f64).collect());
        let mut ascending: Vec<usize> = (0..numbers.len()).collect();
        ascending.sort_by(|&a, &b| numbers[a].total_cmp(&numbers[b]));
        let mut order = vec![0; numbers.len()];
        for (at, &number) in ascending.iter().enumerate() {
            order[number] = at;
        }
        let places: Vec<f64> = ascending.iter().map(|&number| numbers[number]).collect();
        let words: Vec<String> = (0..all.len()).map(all.wording(at)).collect();
        let (first, last) = (places[0], places[places.len() - 1]);
        Self {
            name: column.name.clone(),
            column: place,
            axis,
            log: !named && first > 0.0 && last >= 10.0 * first,
            words: ascending
                .iter()
                .map(|&number| words[number].clone())
                .collect(),
            places,
            order,
            named,
        }
    }

    /// The axis at the value of this place, in a legend: a number of many digits with five of them, if these tell all values apart.
    pub fn at(&self, place: usize) -> String {
        let short = |(value, words): (&f64, &String)| {
            if self.named || words.len() <= LONG {
                words.clone()
            } else {
                plain(*value)
            }
        };
        let all: Vec<String> = self.places.iter().zip(&self.words).map(short).collect();
        let apart: HashSet<&String> = all.iter().collect();
        let words = if apart.len() == all.len() {
            &all[place]
        } else {
            &self.words[place]
        };
        format!("{} = {words}", self.name)
    }

    /// The axis of a panel.
    pub fn axis(&self) -> Axis {
        if self.log {
            return Axis::log(&self.name);
        }
        if self.named {
            return Axis::categories(&self.name, self.words.clone());
        }
        Axis::linear(&self.name)
    }

    /// Where the curve `n` of `count` has its point at each place: names stand apart, and so the points of several curves
    /// stand beside each other.
    pub fn spots(&self, n: usize, count: usize) -> Vec<f64> {
        let aside = if self.named {
            OF_A_PLACE * ((n as f64 + 0.5) / count as f64 - 0.5)
        } else {
            0.0
        };
        self.places.iter().map(|place| place + aside).collect()
    }

    /// The line of `values` at `spots`: joined along an axis of numbers, a stroke for each name of `count` curves else.
    pub fn line(&self, spots: &[f64], values: &[f64], count: usize) -> Vec<Point> {
        let both = spots.iter().zip(values);
        if !self.named {
            return both.map(|(&x, &y)| Point::exact(x, y)).collect();
        }
        let half = 0.4 * OF_A_PLACE / count as f64;
        let stroke = |(&x, &y): (&f64, &f64)| {
            let ends = [x - half, x + half].map(|x| Point::exact(x, y));
            // Breaks the line.
            ends.into_iter().chain([Point::exact(f64::NAN, f64::NAN)])
        };
        both.flat_map(stroke).collect()
    }

    /// Borders between neighbours, half-way on the axis's scale, and as far outside the first and the last.
    pub fn edges(&self) -> Vec<f64> {
        let on = |value: f64| if self.log { value.ln() } else { value };
        let off = |value: f64| if self.log { value.exp() } else { value };
        let places: Vec<f64> = self.places.iter().map(|&place| on(place)).collect();
        let n = places.len();
        if n == 1 {
            return vec![off(places[0] - 0.5), off(places[0] + 0.5)];
        }
        let mut edges = vec![off(1.5 * places[0] - 0.5 * places[1])];
        edges.extend(places.windows(2).map(|pair| off(0.5 * (pair[0] + pair[1]))));
        edges.push(off(1.5 * places[n - 1] - 0.5 * places[n - 2]));
        edges
    }
}

/// The values of a column, if all are numbers.
fn numbers(column: &Column) -> Option<Vec<f64>> {
    let values = (0..column.values.len()).map(|number| Value { column, number });
    values.map(|value| value.number()).collect()
}

fn are_different(numbers: &[f64]) -> bool {
    let mut ascending = numbers.to_vec();
    ascending.sort_by(f64::total_cmp);
    ascending.windows(2).all(|pair| pair[0] < pair[1])
}

/// What is known at one point of a map.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ended {
    /// The number of the cell, where it is done at all.
    pub number: Option<usize>,
    measured: Option<SeedMean>,
    limit: Option<f64>,
    flattest: Option<f64>,
    diverged_seeds: usize,
    steps: u64,
    /// Whether it could not be run: nothing is known of it then.
    failed: bool,
}

impl Ended {
    /// NaN where the cell is not done, infinite where no seed came to an end.
    pub fn mean(&self) -> f64 {
        match self.measured {
            Some(measured) => measured.mean,
            None if self.number.is_some() => f64::INFINITY,
            None => f64::NAN,
        }
    }

    /// The standard error over the seeds; as [`mean`](Self::mean) where there is none, and NaN for one seed.
    pub fn error(&self) -> f64 {
        match self.measured {
            Some(measured) => measured.standard_error.unwrap_or(f64::NAN),
            None => self.mean(),
        }
    }

    /// Theory's; NaN where there is none.
    pub fn limit(&self) -> f64 {
        self.limit.unwrap_or(f64::NAN)
    }

    /// The sharpness of the flattest minimum, eq. 15; NaN where there is no theory, and of other quantities.
    pub fn flattest(&self) -> f64 {
        self.flattest.unwrap_or(f64::NAN)
    }

    /// `known` of theory on a map: infinite, and so crossed out, where the cell could not be run.
    pub fn unless_failed(&self, known: f64) -> f64 {
        if self.failed { f64::INFINITY } else { known }
    }

    /// Whether its mean is over some seeds alone, since others diverged.
    pub fn is_of_some_seeds(&self) -> bool {
        self.measured.is_some() && self.diverged_seeds > 0
    }

    /// Whether its mean is that of the start, since no step was made.
    pub fn is_start(&self) -> bool {
        self.measured.is_some() && self.steps == 0
    }
}

/// One map: the other axes at one point.
#[derive(Clone, Debug)]
pub struct Slice {
    /// The other axes, in words.
    pub words: String,
    /// points[y][x].
    pub points: Vec<Vec<Ended>>,
}

impl Slice {
    /// One number of each point.
    pub fn map(&self, of: impl Fn(&Ended) -> f64) -> Vec<Vec<f64>> {
        let row = |row: &Vec<Ended>| row.iter().map(&of).collect();
        self.points.iter().map(row).collect()
    }
}

/// All maps of one quantity.
#[derive(Clone, Debug)]
pub struct Grid {
    /// In the order of the cells.
    pub slices: Vec<Slice>,
}

impl Grid {
    /// The ends of `cells` in `quantity`; without `y` each map has one row.
    pub fn new(
        sweep: &Sweep,
        cells: &[CellEnds],
        quantity: &Quantity,
        x: &Side,
        y: Option<&Side>,
    ) -> Self {
        let rows = y.map_or(1, |y| y.places.len());
        let mut axis_of = Vec::new();
        for (axis, one) in sweep.axes.iter().enumerate() {
            axis_of.extend(one.columns.iter().map(|_| axis));
        }
        // The first column, and what of those that move together with it tells their points apart.
        let wordings: Vec<_> = sweep.axes.iter().map(|axis| axis.wording(0)).collect();
        let mut slices: BTreeMap<Vec<usize>, Slice> = BTreeMap::new();
        for cell in cells {
            let point = sweep.point(cell.number);
            let others = || {
                let all = point.iter().zip(&axis_of);
                all.filter(|(_, axis)| **axis != x.axis && y.is_none_or(|y| **axis != y.axis))
            };
            let words = || {
                let mut axes: Vec<_> = others().collect();
                axes.dedup_by_key(|(_, axis)| **axis);
                let words = axes.iter();
                let words = words.map(|(value, axis)| {
                    let words = wordings[**axis](value.number);
                    format!("{} = {words}", value.column.name)
                });
                words.collect::<Vec<_>>().join(", ")
            };
            let slice = slices
                .entry(others().map(|(value, _)| value.number).collect())
                .or_insert_with(|| Slice {
                    words: words(),
                    points: vec![vec![Ended::default(); x.places.len()]; rows],
                });
            let row = y.map_or(0, |y| y.order[point[y.column].number]);
            let ends = || cell.ends.iter().filter(|end| end.quantity == quantity.key);
            let values: Vec<f64> = ends().filter_map(|end| end.last_fifth).collect();
            slice.points[row][x.order[point[x.column].number]] = Ended {
                number: Some(cell.number),
                measured: SeedMean::of(&values),
                limit: ends().find_map(|end| end.limit),
                flattest: ends().find_map(|end| end.flattest),
                diverged_seeds: ends().next().map_or(0, |end| end.diverged_seeds),
                steps: ends().next().map_or(0, |end| end.step),
                failed: cell.record.has_failed(),
            };
        }
        Self {
            slices: slices.into_values().collect(),
        }
    }

    /// Every point of every map.
    pub fn points(&self) -> impl Iterator<Item = &Ended> {
        self.slices
            .iter()
            .flat_map(|slice| slice.points.iter().flatten())
    }

    /// Whether all that was measured is of starts, since no cell made a step.
    pub fn is_of_starts(&self) -> bool {
        let mut measured = self
            .points()
            .filter(|point| point.measured.is_some())
            .peekable();
        measured.peek().is_some() && measured.all(Ended::is_start)
    }
}
