//! Which noise the labels of data have.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use faer::Mat;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde_json::Value;
use thalweg_lab::answer::{diagnosed, diagnosed_tokens, with_causes};
use thalweg_lab::diagnose::{
    Columns, DiagnoseError, Diagnosis, Gathered, Matrices, OnRows, Opened, Settings,
    TokenDiagnosis, open,
};

use crate::error::Failed;
use crate::given::Given;
use crate::{array, json, work};

/// The answer of `thalweg diagnose --json` for the rows of two matrices; of classes the targets are 0 but for a 1. `asked` has what a
/// diagnosis is made with, by the names of Python's arguments.
#[pyfunction]
pub fn diagnose<'py>(
    py: Python<'py>,
    inputs: &Bound<'py, PyAny>,
    targets: &Bound<'py, PyAny>,
    target_names: Vec<String>,
    classes: bool,
    asked: &Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyAny>> {
    let asked = Asked::read(asked)?;
    let inputs = finite("inputs", inputs)?;
    let targets = finite("targets", targets)?;
    let (rows, found) = (inputs.nrows(), targets.nrows());
    if rows != found || target_names.len() != targets.ncols() {
        return Err(PyValueError::new_err(format!(
            "`targets` has {found} rows and {} columns; one row is needed for each of the {rows} rows of `inputs`, and a name for each column",
            targets.ncols()
        )));
    }
    let input_names = (0..inputs.ncols()).map(|j| format!("inputs[:, {j}]"));
    let inputs = (inputs, input_names.collect());
    let mut rows = Matrices::new(inputs, (targets, target_names), classes);
    answered(py, move |stop| {
        let gathered =
            Gathered::new(&mut rows, asked.settings.seed).map_err(|fault| of_arrays(&fault))?;
        asked.of_rows(&gathered, stop)
    })
}

/// The same of a file or a folder, as the program reads it; `columns` are a table's targets, columns left out, and whether numbers name
/// classes.
#[pyfunction]
pub fn diagnose_file<'py>(
    py: Python<'py>,
    path: PathBuf,
    columns: (Vec<String>, Vec<String>, bool),
    asked: &Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyAny>> {
    let (targets, without, classes) = columns;
    let columns = Columns {
        targets,
        without,
        classes,
    };
    let asked = Asked::read(asked)?;
    answered(py, move |stop| {
        match open(&path, &columns).map_err(named(&path))? {
            Opened::Rows(mut rows) => {
                let gathered =
                    Gathered::new(&mut *rows, asked.settings.seed).map_err(named(&path))?;
                asked.of_rows(&gathered, stop)
            }
            Opened::Tokens(_) => Err(Failed::Input(format!(
                "{}: is a training on a text: use thalweg.diagnose_tokens",
                path.display()
            ))),
        }
    })
}

/// The same of a training on a text, with the η, B and seed of `asked`.
#[pyfunction]
pub fn diagnose_tokens<'py>(
    py: Python<'py>,
    path: PathBuf,
    asked: &Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyAny>> {
    let asked = Asked::read(asked)?;
    answered(py, move |_| {
        match open(&path, &Columns::default()).map_err(named(&path))? {
            Opened::Tokens(saved) => {
                let found = TokenDiagnosis::new(&saved, &asked.settings).map_err(named(&path))?;
                Ok(diagnosed_tokens(&found))
            }
            Opened::Rows(_) => Err(Failed::Input(format!(
                "{}: is no training on a text: use thalweg.diagnose_file",
                path.display()
            ))),
        }
    })
}

/// What is wrong with `path`.
fn named(path: &Path) -> impl Fn(DiagnoseError) -> Failed {
    move |fault| Failed::Input(format!("{}: {}", path.display(), said(&fault)))
}

/// Options of the program are arguments here.
fn said(fault: &DiagnoseError) -> String {
    let mut words = with_causes(fault);
    for name in ["without", "targets", "classes"] {
        words = words.replace(&format!("--{name}"), &format!("`{name}`"));
    }
    words
}

/// Arrays have no names to leave out, but each fault is one of them.
fn of_arrays(fault: &DiagnoseError) -> Failed {
    let argument = match fault {
        DiagnoseError::OneClass { .. }
        | DiagnoseError::Constant { .. }
        | DiagnoseError::NoNoise
        | DiagnoseError::DependentTargets { .. } => "targets",
        _ => "inputs",
    };
    let words = with_causes(fault).replace(" (--without, or `without` in a file)", "");
    Failed::Input(format!("`{argument}`: {words}"))
}

/// How a diagnosis is made.
struct Asked {
    settings: Settings,
    /// Those that SGD on the rows may take; 0 for none.
    seconds: f64,
}

impl Asked {
    fn read(asked: &Bound<'_, PyDict>) -> PyResult<Self> {
        let mut values = Vec::new();
        for name in [
            "depth",
            "learning_rate",
            "batch",
            "resamples",
            "seed",
            "simulate_seconds",
        ] {
            let value = asked.get_item(name)?.filter(|value| !value.is_none());
            values.push((name, value));
        }
        let values: Vec<_> = values
            .iter()
            .map(|(name, value)| (*name, value.as_ref()))
            .collect();
        let given = Given::new(&values)?;
        let usual = Settings::default();
        let size =
            |name: &str| given.read(|root| root.optional(name).map(|f| f.size()).transpose());
        Ok(Self {
            settings: Settings {
                depth: size("depth")?.unwrap_or(usual.depth),
                step: given.step()?,
                resamples: size("resamples")?,
                seed: given.count("seed")?.unwrap_or(usual.seed),
            },
            seconds: given.seconds("simulate_seconds")?.unwrap_or(0.0),
        })
    }

    /// The answer for rows, with SGD on them until `stop` is set.
    fn of_rows(&self, gathered: &Gathered, stop: &AtomicBool) -> Result<Value, Failed> {
        let found = Diagnosis::new(gathered, &self.settings).map_err(|fault| of_arrays(&fault))?;
        let on_rows = OnRows::both(&found, self.settings.step, self.seconds, stop)?;
        Ok(diagnosed(&found, &on_rows))
    }
}

fn answered(
    py: Python<'_>,
    diagnose: impl FnOnce(&AtomicBool) -> Result<Value, Failed> + Send + 'static,
) -> PyResult<Bound<'_, PyAny>> {
    let stop = Arc::new(AtomicBool::new(false));
    let looked_at = Arc::clone(&stop);
    let work = move || diagnose(&looked_at);
    let answer = work::follow(py, (&stop, work::PATIENCE), work, |_| Ok(()))?;
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
