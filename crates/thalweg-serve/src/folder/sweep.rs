//! Sweeps as far as they have come: their cells over the axes, with where SGD ended in each. What was seen of one is kept, so that a
//! look reads what is new.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::{Value, json};
use thalweg_lab::quantity::{FLUCTUATION, SHARPNESS};
use thalweg_lab::run::SeedMean;
use thalweg_lab::sweep::{CellEnds, Follower, Look, SweepError};

/// Cells that are shown, at most.
const MOST: usize = 20_000;

/// Sweeps that are kept, at most: of a million cells one takes 64 MB.
const KEPT: usize = 4;

/// The sweeps that were looked at last.
#[derive(Debug, Default)]
pub struct Sweeps {
    /// The latest at the end.
    seen: Mutex<Vec<(PathBuf, Place)>>,
}

/// Where one sweep is kept; empty before its first look, and after one that failed.
type Place = Arc<Mutex<Option<Seen>>>;

/// One sweep, as far as it was seen.
#[derive(Debug)]
struct Seen {
    follower: Follower,
    /// The cells that are done, by their numbers.
    cells: BTreeMap<usize, Value>,
}

impl Sweeps {
    /// Counts, axes and the finished cells of the sweep in `directory`: the mean over the seeds of T and F at the end.
    ///
    /// # Errors
    /// When there is no sweep, or a file of it cannot be read.
    pub fn look(&self, directory: &Path) -> Result<Value, SweepError> {
        let place = self.place(directory);
        // Two that look at one sweep take turns; at another none waits for them.
        let mut place = lock(&place);
        let mut seen = match place.take() {
            Some(seen) => seen,
            None => Seen {
                follower: Follower::open(directory)?,
                cells: BTreeMap::new(),
            },
        };
        // After an error the next look begins anew.
        let value = seen.look()?;
        *place = Some(seen);
        Ok(value)
    }

    /// Where the sweep in `directory` is kept.
    fn place(&self, directory: &Path) -> Place {
        let mut seen = lock(&self.seen);
        let found = seen.iter().position(|(path, _)| path == directory);
        let one = match found {
            Some(place) => seen.remove(place),
            None => (directory.to_owned(), Place::default()),
        };
        let place = Arc::clone(&one.1);
        seen.push(one);
        if seen.len() > KEPT {
            seen.remove(0);
        }
        place
    }
}

/// What a panic left half done is nothing: it was taken out before.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|error| error.into_inner())
}

impl Seen {
    fn look(&mut self) -> Result<Value, SweepError> {
        let Look {
            status,
            begins_anew,
            ends,
        } = self.follower.look(MOST)?;
        if begins_anew {
            self.cells.clear();
        }
        let new = ends.iter().map(|cell| (cell.number, ended(cell)));
        self.cells.extend(new);
        let sweep = self.follower.store().sweep();
        let axes: Vec<&str> = sweep.columns().map(|column| column.name.as_str()).collect();
        let each = sweep.axes.iter().enumerate();
        let axis_of: Vec<usize> = each
            .flat_map(|(at, axis)| vec![at; axis.columns.len()])
            .collect();
        // The page puts a cell where its words say: no two values of an axis have the same.
        let wordings = sweep.axes.iter().flat_map(|axis| {
            let columns = 0..axis.columns.len();
            columns.map(move |column| axis.wording(column))
        });
        let wordings: Vec<_> = wordings.collect();
        let place = |number: usize| -> Vec<String> {
            let point = sweep.point(number).into_iter().zip(&wordings);
            point.map(|(value, words)| words(value.number)).collect()
        };
        let shown = sweep.cells().min(MOST);
        Ok(json!({
            "status": status,
            "axes": axes,
            // Of each of them which axis of the file it is of: those of one move together.
            "axis_of": axis_of,
            "points": (0..shown).map(place).collect::<Vec<_>>(),
            "cells": self.cells.values().collect::<Vec<_>>(),
        }))
    }
}

/// Where one cell ended.
fn ended(cell: &CellEnds) -> Value {
    let mean = |key: &str| {
        let ends = cell.ends.iter().filter(|end| end.quantity == key);
        let values: Vec<f64> = ends.filter_map(|end| end.last_fifth.or(end.end)).collect();
        SeedMean::of(&values).map(|mean| mean.mean)
    };
    json!({
        "number": cell.number,
        "failed": cell.record.has_failed(),
        "sharpness": mean(&SHARPNESS.key),
        "fluctuation": mean(&FLUCTUATION.key),
    })
}
