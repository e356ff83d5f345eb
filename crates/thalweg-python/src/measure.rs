//! Everything that is to be known of trained networks at their points.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde_json::Value;
use thalweg::Stop;
use thalweg_lab::answer::{Measuring, measured};
use thalweg_lab::network::{Effort, Made, NetworkMeasurement, On};
use thalweg_lab::provenance::PROGRAM;
use thalweg_lab::spec::{Fault, Field, NetworkExperiment};

use crate::error::Failed;
use crate::given::Given;
use crate::{array, json, run, work};

/// On which samples.
fn on_which(root: &Field<'_>) -> Result<On, Fault> {
    let needed = "\"test\" or \"train\"";
    let field = root.required("on", needed)?;
    match field.text()? {
        "test" => Ok(On::Test),
        "train" => Ok(On::Train),
        _ => Err(field.not(needed)),
    }
}

/// The answer of `thalweg measure --json`.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "they are Python's keywords")]
pub fn measure<'py>(
    py: Python<'py>,
    target: PathBuf,
    specification: Option<&Bound<'py, PyAny>>,
    seed: Option<&Bound<'py, PyAny>>,
    samples: Option<&Bound<'py, PyAny>>,
    evaluation_seed: Option<&Bound<'py, PyAny>>,
    on: &Bound<'py, PyAny>,
    top: &Bound<'py, PyAny>,
    landscape: bool,
    trace_products: &Bound<'py, PyAny>,
    out: Option<PathBuf>,
    progress: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let given = Given::new(&[
        ("seed", seed),
        ("samples", samples),
        ("evaluation_seed", evaluation_seed),
        ("on", Some(on)),
        ("top", Some(top)),
        ("trace_products", Some(trace_products)),
    ])?;
    let specification = specification.map(run::foreign);
    let measuring = Measuring {
        seed: given.count("seed")?,
        specification: specification.transpose()?,
        samples: given.read(|root| between(root, "samples", 2, 1 << 20))?,
        evaluation_seed: given.count("evaluation_seed")?,
        on: given.read(on_which)?,
        effort: Effort {
            eigenpairs: given
                .read(|root| between(root, "top", 1, 1000))?
                .unwrap_or(5),
            trace_products: given
                .read(|root| between(root, "trace_products", 4, 1_000_000))?
                .unwrap_or(200),
            landscape,
            ..Effort::default()
        },
        target,
    };
    let out = out.or_else(|| measuring.target.is_dir().then(|| measuring.target.clone()));
    let (stop, state) = (Arc::new(AtomicBool::new(false)), Arc::new(State::default()));
    let worker = {
        let state = Arc::clone(&state);
        move || all(&measuring, out, &state)
    };
    let mut told = None;
    let mut tell = || -> PyResult<()> {
        let [done, total] = [&state.done, &state.total].map(|count| count.load(Ordering::Relaxed));
        if let Some(progress) = progress
            && total > 0
            && told != Some(done)
        {
            told = Some(done);
            progress.call1((done, total))?;
        }
        Ok(())
    };
    // What is measured is written whole or not at all: nothing is waited for.
    let answer = work::follow(py, (&stop, Duration::ZERO), worker, |_| tell())??;
    tell()?;
    json::python(py, &answer)
}

/// Writes a measurement that was made in Python, with the keys of one network in `thalweg measure --json`, into `directory`, where
/// `thalweg report` shows it; gives the path of its file.
#[pyfunction]
pub fn write_measurement(
    py: Python<'_>,
    measurement: &Bound<'_, PyAny>,
    directory: PathBuf,
) -> PyResult<PathBuf> {
    let text: String = py
        .import("json")?
        .call_method1("dumps", (measurement,))?
        .extract()?;
    let mut found: NetworkMeasurement = serde_json::from_str(&text).map_err(|error| {
        PyValueError::new_err(format!("this is no measurement of a network: {error}"))
    })?;
    PROGRAM.clone_into(&mut found.program);
    if found.name.is_empty()
        || found.name.contains(['/', '\\', '\0'])
        || found.name.starts_with('.')
    {
        return Err(PyValueError::new_err(format!(
            "name is {:?}: it is the name of a file, and must be one without a folder",
            found.name
        )));
    }
    Ok(found.write(&directory).map_err(Failed::from)?)
}

/// The samples that the run with seed `run` of an experiment is evaluated on, or `samples` others drawn with `seed`: inputs and
/// targets, a row for each.
#[pyfunction]
pub fn evaluation_set<'py>(
    py: Python<'py>,
    experiment: &Bound<'py, PyAny>,
    samples: Option<usize>,
    seed: Option<u64>,
    run: Option<u64>,
) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
    let experiment: NetworkExperiment = run::experiment(experiment, &PyDict::new(py))?;
    let run = run.unwrap_or(experiment.seeds.first().copied().unwrap_or(0));
    let found = work::compute(py, move || {
        let made = Made::of_run(&experiment, run).map_err(Failed::input)?;
        let (samples, seed) = (
            samples.unwrap_or(experiment.measure.samples),
            seed.unwrap_or(experiment.measure.seed.of(run)),
        );
        made.samples_of(samples, seed).map_err(Failed::input)
    })??;
    Ok((
        array::from_matrix(py, found.inputs.transpose())?,
        array::from_matrix(py, found.targets.transpose())?,
    ))
}

/// How many networks there are, and are measured.
#[derive(Default)]
struct State {
    done: AtomicUsize,
    total: AtomicUsize,
}

fn all(measuring: &Measuring, out: Option<PathBuf>, state: &State) -> Result<Value, Failed> {
    let (networks, stop) = (measuring.networks()?, Stop::here());
    state.total.store(networks.len(), Ordering::Relaxed);
    let mut all = Vec::with_capacity(networks.len());
    for (name, saved) in &networks {
        stop.asked().map_err(Failed::work)?;
        let found = measuring.measure(name, saved, |_| ())?;
        if let Some(out) = &out {
            found.write(out)?;
        }
        all.push(found);
        state.done.store(all.len(), Ordering::Relaxed);
    }
    Ok(measured(&all))
}

/// The whole number `name` from `least` to `most`, if given.
fn between(
    root: &Field<'_>,
    name: &str,
    least: usize,
    most: usize,
) -> Result<Option<usize>, Fault> {
    let Some(field) = root.optional(name) else {
        return Ok(None);
    };
    match field.size()? {
        found if (least..=most).contains(&found) => Ok(Some(found)),
        _ => Err(field.not(format!("a whole number from {least} to {most}"))),
    }
}
