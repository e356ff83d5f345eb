//! The curves of a run, also while it grows.

use std::path::Path;

use serde_json::{Value, json};
use thalweg_lab::quantity::{self, Quantity};
use thalweg_lab::store::{StoreError, so_far};

/// Quantities that are shown, at most.
const MOST: usize = 12;

/// How far the run in `directory` is, and the mean over its seeds of what was measured, with standard errors.
///
/// # Errors
/// When there is no run, or a file of it is damaged.
pub fn curves(directory: &Path) -> Result<Value, StoreError> {
    let run = so_far(directory)?;
    let mut keys: Vec<&str> = run
        .measurements
        .quantities()
        .iter()
        .map(String::as_str)
        .collect();
    // Those that theory speaks of first.
    keys.sort_by_key(|key| {
        let known = quantity::SCALARS.iter().position(|q| q.key == *key);
        known.unwrap_or(quantity::SCALARS.len())
    });
    let curves = keys.into_iter().take(MOST).map(|key| {
        let mean = run.measurements.mean(key);
        let known = quantity::with_key(key);
        let known = known.as_ref();
        json!({
            "key": key,
            "axis": known.map_or(key, |it| it.axis),
            "symbol": known.map_or_else(|| key.to_owned(), Quantity::plain_symbol),
            "unit": known.map_or("", |it| it.unit),
            "step": mean.iter().map(|at| at.step).collect::<Vec<_>>(),
            "mean": mean.iter().map(|at| at.value.mean).collect::<Vec<_>>(),
            "standard_error": mean.iter().map(|at| at.value.standard_error).collect::<Vec<_>>(),
        })
    });
    let diverged = run.outcomes.as_ref().map(|runs| {
        let lost = runs.iter().filter(|run| run.diverged_at.is_some());
        lost.count()
    });
    Ok(json!({
        "step": run.step,
        "steps": run.steps,
        "seeds": run.seeds,
        "finished": run.outcomes.is_some(),
        "diverged": diverged,
        "curves": curves.collect::<Vec<_>>(),
    }))
}
