//! SGD on a deep linear network.

use std::path::PathBuf;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyTuple};
use serde_json::{Value, json};
use thalweg_lab::answer;
use thalweg_lab::compare::Comparison;
use thalweg_lab::provenance::mended_in;
use thalweg_lab::spec::{Draft, Experiment, Specification as _};
use thalweg_lab::store::StoredRun;

use crate::error::Failed;
use crate::measurements::Measurements;
use crate::problem::Problem;
use crate::run::{self, Finished};
use crate::{json, work};

/// A finished simulation.
#[pyclass(frozen, module = "thalweg._core")]
pub struct Simulated {
    run: Arc<StoredRun<Experiment>>,
    measurements: PyOnceLock<Py<Measurements>>,
}

impl From<StoredRun<Experiment>> for Simulated {
    fn from(run: StoredRun<Experiment>) -> Self {
        Self {
            run: Arc::new(run),
            measurements: PyOnceLock::new(),
        }
    }
}

/// Runs what is specified, and tells from which step it went on, if it did.
#[pyfunction]
pub fn simulate(
    py: Python<'_>,
    experiment: &Bound<'_, PyAny>,
    changes: &Bound<'_, PyDict>,
    out: Option<PathBuf>,
    progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<(Simulated, Option<u64>)> {
    let experiment: Experiment = run::experiment(experiment, changes)?;
    let Finished { run, resumed_from } = run::run(py, experiment, out, progress)?;
    Ok((run.into(), resumed_from))
}

#[pymethods]
impl Simulated {
    /// The answer of `thalweg simulate --json`, and the comparison that it was made of.
    fn answer<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        let run = Arc::clone(&self.run);
        let compare = move || -> Result<(Value, Value), Failed> {
            let compared = Comparison::of(&run).map_err(Failed::work)?;
            let answer = answer::simulated(&compared, run.experiment.problem.caveats());
            Ok((answer, json!(compared)))
        };
        let (answer, comparison) = work::compute(py, compare)??;
        Ok((json::python(py, &answer)?, json::python(py, &comparison)?))
    }

    fn specification<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        json::python(py, &json!(self.run.experiment.to_node()))
    }

    fn toml(&self) -> String {
        self.run.experiment.to_toml()
    }

    fn problem(&self) -> Problem {
        self.run.experiment.problem.clone().into()
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
        let restore = py.import("thalweg._core")?.getattr("restore_simulated")?;
        let fields = (
            self.toml(),
            mended_in(&self.run.experiment.problem),
            self.measurements(py)?,
            self.outcomes(py)?,
        );
        Ok((restore, fields.into_pyobject(py)?))
    }
}

/// A simulation, as pickle brings it back.
#[pyfunction]
pub fn restore_simulated(
    toml: &str,
    mended: Vec<String>,
    measurements: &Measurements,
    outcomes: &Bound<'_, PyDict>,
) -> PyResult<Simulated> {
    let read = || {
        let mut draft = Draft::from_toml(toml)?;
        let notes = mended
            .iter()
            .map(String::as_str)
            .collect::<thalweg_lab::spec::Node>();
        draft.set("provenance.mended", notes)?;
        draft.experiment()
    };
    let run = StoredRun {
        experiment: read().map_err(Failed::from)?,
        measurements: measurements.core(),
        outcomes: run::from_outcomes(outcomes)?,
    };
    Ok(run.into())
}
