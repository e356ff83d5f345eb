//! Where SGD ends, in closed form.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use thalweg::problem::Weights;
use thalweg_lab::answer::{PredictAnswer, Prepared, SPECTRUM_UNASKED, time_for_runs};
use thalweg_lab::spec;

use crate::error::Failed;
use crate::given::{self, Given};
use crate::problem::Problem;
use crate::{array, json, work};

/// The answer of `thalweg predict --json`.
#[pyfunction]
pub fn predict<'py>(
    py: Python<'py>,
    problem: &Problem,
    learning_rate: Option<&Bound<'py, PyAny>>,
    batch: Option<&Bound<'py, PyAny>>,
    recipe: &Bound<'py, PyDict>,
    spectrum: Option<bool>,
    seconds: f64,
) -> PyResult<Bound<'py, PyAny>> {
    let (prepared, step) = prepared(problem, learning_rate, batch, recipe)?;
    let problem = Arc::clone(&problem.inner);
    let stop = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&stop);
    let answer = work::follow(
        py,
        (&stop, work::PATIENCE),
        move || -> Result<_, Failed> {
            let size = problem.input_dim() * problem.output_dim();
            let listed = spectrum.unwrap_or(size <= SPECTRUM_UNASKED);
            let mut answer = PredictAnswer::new(&prepared, listed)?;
            if let (Some(step), Some(more)) = (step, time_for_runs(seconds, &asked)) {
                answer.simulate(&problem, step, more)?;
            }
            Ok(answer.json())
        },
        |_| Ok(()),
    )?;
    json::python(py, &answer?)
}

/// `problem` as SGD meets it, with what is added to it, and η and B where they are given.
fn prepared(
    problem: &Problem,
    learning_rate: Option<&Bound<'_, PyAny>>,
    batch: Option<&Bound<'_, PyAny>>,
    recipe: &Bound<'_, PyDict>,
) -> PyResult<(Prepared<'static>, Option<(f64, usize)>)> {
    let given = Given::new(&[("learning_rate", learning_rate), ("batch", batch)])?;
    let step = match (given.read(spec::learning_rate)?, given.read(spec::batch)?) {
        (None, None) => None,
        (Some(rate), Some(batch)) => Some((rate, batch)),
        (Some(_), None) => return Err(beside("batch", "learning_rate")),
        (None, Some(_)) => return Err(beside("learning_rate", "batch")),
    };
    let recipe = given::recipe(recipe)?;
    let prepared = Prepared::new(&problem.inner, recipe, step).map_err(Failed::from)?;
    Ok((prepared.into_owned(), step))
}

/// One of two arguments that mean something together is missing.
fn beside(missing: &str, given: &str) -> PyErr {
    Failed::Input(format!(
        "`{missing}` is missing, it is needed beside `{given}`"
    ))
    .into()
}

/// W_1 … W_D of the minimum at which SGD ends.
#[pyfunction]
pub fn minimum<'py>(
    py: Python<'py>,
    problem: &Problem,
    learning_rate: Option<&Bound<'py, PyAny>>,
    batch: Option<&Bound<'py, PyAny>>,
    recipe: &Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyList>> {
    let (prepared, _) = prepared(problem, learning_rate, batch, recipe)?;
    let weights = work::compute(py, move || -> Result<Weights, Failed> {
        let answer = PredictAnswer::new(&prepared, false)?;
        Ok(match answer.end {
            Some(end) => end.at.weights,
            None => {
                let minimum = answer.prediction.minimum;
                minimum.weights().map_err(Failed::work)?
            }
        })
    })??;
    let layers = weights.layers().iter();
    let arrays = layers.map(|layer| array::from_matrix(py, layer.as_ref()));
    PyList::new(py, arrays.collect::<PyResult<Vec<_>>>()?)
}
