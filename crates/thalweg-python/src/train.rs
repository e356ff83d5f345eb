//! SGD on networks of other kinds.

use std::path::PathBuf;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple};
use serde_json::json;
use thalweg_lab::answer::{Measuring, TrainAnswer};
use thalweg_lab::network::{Effort, On};
use thalweg_lab::spec::{Draft, NetworkExperiment, Specification as _};
use thalweg_lab::store::StoredRun;

use crate::error::Failed;
use crate::measurements::Measurements;
use crate::run::{self, Finished};
use crate::{array, json, work};

/// A finished training.
#[pyclass(frozen, module = "thalweg._core")]
pub struct Trained {
    run: Arc<StoredRun<NetworkExperiment>>,
    measurements: PyOnceLock<Py<Measurements>>,
}

impl From<StoredRun<NetworkExperiment>> for Trained {
    fn from(run: StoredRun<NetworkExperiment>) -> Self {
        Self {
            run: Arc::new(run),
            measurements: PyOnceLock::new(),
        }
    }
}

/// Runs what is specified, and tells from which step it went on, if it did.
#[pyfunction]
pub fn train(
    py: Python<'_>,
    experiment: &Bound<'_, PyAny>,
    changes: &Bound<'_, PyDict>,
    out: Option<PathBuf>,
    progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<(Trained, Option<u64>)> {
    let experiment: NetworkExperiment = run::experiment(experiment, changes)?;
    let Finished { run, resumed_from } = run::run(py, experiment, out, progress)?;
    Ok((run.into(), resumed_from))
}

#[pymethods]
impl Trained {
    /// The answer of `thalweg train --json`.
    fn answer<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        json::python(py, &TrainAnswer::new(&self.run).json())
    }

    fn specification<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        json::python(py, &json!(self.run.experiment.to_node()))
    }

    fn toml(&self) -> String {
        self.run.experiment.to_toml()
    }

    fn measurements(&self, py: Python<'_>) -> PyResult<Py<Measurements>> {
        let make = || Py::new(py, Measurements::from(self.run.measurements.clone()));
        Ok(self.measurements.get_or_try_init(py, make)?.clone_ref(py))
    }

    fn outcomes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        run::outcomes(py, &self.run.outcomes)
    }

    fn __reduce__<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        let restore = py.import("thalweg._core")?.getattr("restore_trained")?;
        let fields = (self.toml(), self.measurements(py)?, self.outcomes(py)?);
        Ok((restore, fields.into_pyobject(py)?))
    }
}

/// A training, as pickle brings it back.
#[pyfunction]
pub fn restore_trained(
    toml: &str,
    measurements: &Measurements,
    outcomes: &Bound<'_, PyDict>,
) -> PyResult<Trained> {
    let draft = Draft::from_toml(toml).map_err(Failed::from)?;
    let run = StoredRun {
        experiment: draft.experiment().map_err(Failed::from)?,
        measurements: measurements.core(),
        outcomes: run::from_outcomes(outcomes)?,
    };
    Ok(run.into())
}

/// The parameters of the networks in the directory of a finished training: by seed, by name.
#[pyfunction]
pub fn networks(py: Python<'_>, directory: PathBuf) -> PyResult<Bound<'_, PyDict>> {
    let measuring = Measuring {
        target: directory,
        seed: None,
        specification: None,
        samples: None,
        evaluation_seed: None,
        on: On::Test,
        effort: Effort::default(),
    };
    let networks = work::compute(py, move || measuring.networks().map_err(Failed::from))??;
    let all = PyDict::new(py);
    for (_, saved) in networks {
        let tensors = PyDict::new(py);
        for tensor in saved.tensors().map_err(Failed::input)? {
            let array = array::shaped(py, tensor.values.to_vec(), &tensor.shape)?;
            tensors.set_item(tensor.name, array)?;
        }
        all.set_item(saved.seed, tensors)?;
    }
    Ok(all)
}
