//! Where SGD ends, in closed form.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyList;
use thalweg::problem::Weights;
use thalweg::theory;
use thalweg_lab::answer::{PredictAnswer, SPECTRUM_UNASKED};
use thalweg_lab::spec;

use crate::error::Failed;
use crate::given::Given;
use crate::problem::Problem;
use crate::{array, json, work};

/// The answer of `thalweg predict --json`.
#[pyfunction]
pub fn predict<'py>(
    py: Python<'py>,
    problem: &Problem,
    learning_rate: Option<&Bound<'py, PyAny>>,
    batch: Option<&Bound<'py, PyAny>>,
    spectrum: Option<bool>,
) -> PyResult<Bound<'py, PyAny>> {
    let given = Given::new(&[("learning_rate", learning_rate), ("batch", batch)])?;
    let step = match (given.read(spec::learning_rate)?, given.read(spec::batch)?) {
        (None, None) => None,
        (Some(rate), Some(batch)) => Some((rate, batch)),
        (Some(_), None) => return Err(beside("batch", "learning_rate")),
        (None, Some(_)) => return Err(beside("learning_rate", "batch")),
    };
    let problem = Arc::clone(&problem.inner);
    let answer = work::compute(py, move || {
        let size = problem.input_dim() * problem.output_dim();
        let listed = spectrum.unwrap_or(size <= SPECTRUM_UNASKED);
        let answer = PredictAnswer::new(&problem, step, listed);
        answer.map(|answer| answer.json()).map_err(Failed::from)
    })?;
    json::python(py, &answer?)
}

/// One of two arguments that mean something together is missing.
fn beside(missing: &str, given: &str) -> PyErr {
    Failed::Input(format!(
        "`{missing}` is missing, it is needed beside `{given}`"
    ))
    .into()
}

/// W_1 … W_D of the minimum that SGD selects.
#[pyfunction]
pub fn minimum<'py>(py: Python<'py>, problem: &Problem) -> PyResult<Bound<'py, PyList>> {
    let problem = Arc::clone(&problem.inner);
    let weights = work::compute(py, move || -> Result<Weights, Failed> {
        let prediction = theory::predict(&problem).map_err(Failed::input)?;
        prediction.minimum.weights().map_err(Failed::work)
    })??;
    let layers = weights.layers().iter();
    let arrays = layers.map(|layer| array::from_matrix(py, layer.as_ref()));
    PyList::new(py, arrays.collect::<PyResult<Vec<_>>>()?)
}
