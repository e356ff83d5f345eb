//! A sweep as far as it has come: its cells over the axes, with where SGD ended in each.

use std::path::Path;

use serde_json::{Value, json};
use thalweg_lab::quantity::{FLUCTUATION, SHARPNESS};
use thalweg_lab::run::SeedMean;
use thalweg_lab::sweep::{Store, SweepError, ends, status};

/// Cells that are shown, at most.
const MOST: usize = 20_000;

/// Counts, axes and the finished cells of the sweep in `directory`: the mean over the seeds of T and F at the end.
///
/// # Errors
/// When there is no sweep, or a file of it cannot be read.
pub fn sweep(directory: &Path) -> Result<Value, SweepError> {
    let store = Store::open(directory)?;
    let sweep = store.sweep();
    let status = status(&store)?;
    let axes: Vec<&str> = sweep.columns().map(|column| column.name.as_str()).collect();
    let place = |number: usize| -> Vec<String> {
        sweep
            .point(number)
            .iter()
            .map(|value| value.words())
            .collect()
    };
    let shown = sweep.cells().min(MOST);
    let cells = ends(&store)?;
    let cells = cells.iter().filter(|cell| cell.number < shown).map(|cell| {
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
    });
    Ok(json!({
        "status": status,
        "axes": axes,
        "points": (0..shown).map(place).collect::<Vec<_>>(),
        "cells": cells.collect::<Vec<_>>(),
    }))
}
