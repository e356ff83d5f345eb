//! Which noise the labels of a table have.

use faer::Mat;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use thalweg_lab::answer::diagnosed;
use thalweg_lab::diagnose::{Diagnosis, Settings, Table};

use crate::error::Failed;
use crate::given::Given;
use crate::{array, json, work};

/// The answer of `thalweg diagnose --json`.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "they are Python's keywords")]
pub fn diagnose<'py>(
    py: Python<'py>,
    inputs: &Bound<'py, PyAny>,
    targets: &Bound<'py, PyAny>,
    target_names: Vec<String>,
    depth: &Bound<'py, PyAny>,
    learning_rate: Option<&Bound<'py, PyAny>>,
    batch: Option<&Bound<'py, PyAny>>,
    resamples: &Bound<'py, PyAny>,
    seed: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let given = Given::new(&[
        ("depth", Some(depth)),
        ("learning_rate", learning_rate),
        ("batch", batch),
        ("resamples", Some(resamples)),
        ("seed", Some(seed)),
    ])?;
    let usual = Settings::default();
    let size = |name: &str| given.read(|root| root.optional(name).map(|f| f.size()).transpose());
    let settings = Settings {
        depth: size("depth")?.unwrap_or(usual.depth),
        step: given.step()?,
        resamples: size("resamples")?.unwrap_or(usual.resamples),
        seed: given.count("seed")?.unwrap_or(usual.seed),
    };
    let inputs = finite("inputs", inputs)?;
    let targets = finite("targets", targets)?;
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
    let answer = work::compute(py, move || -> Result<_, Failed> {
        Ok(diagnosed(
            &Diagnosis::new(&table, &settings).map_err(Failed::input)?,
        ))
    })?;
    json::python(py, &answer?)
}

/// A matrix of finite numbers.
fn finite(name: &str, found: &Bound<'_, PyAny>) -> PyResult<Mat<f64>> {
    let matrix = array::matrix(name, found)?;
    if matrix.is_all_finite() {
        return Ok(matrix);
    }
    Err(PyValueError::new_err(format!(
        "{name} has numbers that are not finite: leave out rows with gaps"
    )))
}
