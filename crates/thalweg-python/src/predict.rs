//! Where SGD ends, in closed form.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use thalweg::problem::Weights;
use thalweg_lab::answer::{PredictAnswer, Prepared, lists_spectrum, time_for_runs};

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
    simulate_seconds: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let (prepared, step) = prepared(problem, learning_rate, batch, recipe)?;
    let name = "simulate_seconds";
    let given = Given::new(&[(name, Some(simulate_seconds))])?;
    let seconds = given.seconds(name)?.unwrap_or(0.0);
    if seconds > 0.0 && step.is_none() {
        return Err(Failed::Input(format!(
            "`learning_rate` and `batch` are missing, they are needed beside `{name}`"
        ))
        .into());
    }
    let problem = Arc::clone(&problem.inner);
    let stop = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&stop);
    let answer = work::follow(
        py,
        (&stop, work::PATIENCE),
        move || -> Result<_, Failed> {
            let listed = spectrum.unwrap_or_else(|| lists_spectrum(&prepared));
            let mut answer = PredictAnswer::new(&prepared, listed)?;
            answer.follow_axes()?;
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
    let step = given.step()?;
    let recipe = given::recipe(recipe)?;
    let prepared = Prepared::new(&problem.inner, recipe, step).map_err(Failed::from)?;
    Ok((prepared.by_own_drift().into_owned(), step))
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
