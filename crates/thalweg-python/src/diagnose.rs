//! Which noise the labels of a table have.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use thalweg_lab::answer::diagnosed;
use thalweg_lab::diagnose::{Diagnosis, Settings, Table};

use crate::error::Failed;
use crate::{array, json, work};

/// The answer of `thalweg diagnose --json`.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "they are Python's keywords")]
pub fn diagnose<'py>(
    py: Python<'py>,
    inputs: &Bound<'py, PyAny>,
    targets: &Bound<'py, PyAny>,
    target_names: Vec<String>,
    depth: usize,
    step: Option<(f64, usize)>,
    resamples: usize,
    seed: u64,
) -> PyResult<Bound<'py, PyAny>> {
    let inputs = array::matrix("inputs", inputs)?;
    let targets = array::matrix("targets", targets)?;
    let (rows, found) = (inputs.nrows(), targets.nrows());
    if rows != found || target_names.len() != targets.ncols() {
        return Err(PyValueError::new_err(format!(
            "`targets` has {found} rows and {} columns; one row is needed for each of the {rows} rows of `inputs`, and a name for each column",
            targets.ncols()
        )));
    }
    let table = Table {
        input_names: (0..inputs.ncols())
            .map(|j| format!("inputs[:, {j}]"))
            .collect(),
        inputs,
        targets,
        target_names,
    };
    let settings = Settings {
        depth,
        step,
        resamples,
        seed,
    };
    let answer = work::compute(py, move || -> Result<_, Failed> {
        Ok(diagnosed(
            &Diagnosis::new(&table, &settings).map_err(Failed::input)?,
        ))
    })?;
    json::python(py, &answer?)
}
