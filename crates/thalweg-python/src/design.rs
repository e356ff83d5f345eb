//! What must be changed for SGD to end at a chosen sharpness.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use thalweg::simulate::SimulateSettings;
use thalweg_lab::answer::{DesignAnswer, time_for_runs};
use thalweg_lab::design::{self as inverse, LEVERS, Lever, Target};

use crate::error::Failed;
use crate::given::{self, Given};
use crate::problem::Problem;
use crate::{json, work};

/// The answer of `thalweg design --json`; `target` is one of `sharpness`, `ratio`, `lambda_max` and `stable`, and
/// its value, which the last one has not.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "they are Python's keywords")]
pub fn design<'py>(
    py: Python<'py>,
    problem: &Problem,
    learning_rate: &Bound<'py, PyAny>,
    batch: &Bound<'py, PyAny>,
    target: (String, f64),
    by: Option<Vec<String>>,
    seconds: &Bound<'py, PyAny>,
    recipe: &Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyAny>> {
    let given = Given::new(&[
        ("learning_rate", Some(learning_rate)),
        ("batch", Some(batch)),
        ("seconds", Some(seconds)),
    ])?;
    let seconds = given.seconds("seconds")?.unwrap_or(0.0);
    let step = given.step()?;
    let step =
        step.ok_or_else(|| PyValueError::new_err("`learning_rate` and `batch` are needed"))?;
    let target = match (&*target.0, target.1) {
        ("sharpness", value) => Target::Sharpness(value),
        ("ratio", value) => Target::Ratio(value),
        ("stable", _) => Target::Stable,
        (_, value) => Target::LambdaMax(value),
    };
    let levers = by.map_or_else(
        || Ok(LEVERS.to_vec()),
        |by| {
            by.iter()
                .map(|key| lever(key))
                .collect::<PyResult<Vec<_>>>()
        },
    )?;
    let settings = SimulateSettings {
        recipe: given::recipe(recipe)?,
        ..SimulateSettings::new(step.0, step.1)
    };
    let problem = Arc::clone(&problem.inner);
    let stop = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&stop);
    let answer = work::follow(
        py,
        (&stop, work::PATIENCE),
        move || -> Result<_, Failed> {
            let more = || time_for_runs(seconds, &asked);
            let answer = DesignAnswer::new(&problem, &settings, target, &levers, more)?;
            Ok(answer.json())
        },
        |_| Ok(()),
    )?;
    json::python(py, &answer?)
}

fn lever(key: &str) -> PyResult<&'static dyn Lever> {
    inverse::lever(key).ok_or_else(|| {
        let keys = inverse::keys();
        PyValueError::new_err(format!("`by` has {key:?}: one of {keys} is needed"))
    })
}
