//! Runs an experiment of any kind: told of, stopped by Ctrl-C, in memory or in a directory; and loads one.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pyo3::exceptions::{PyUserWarning, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use thalweg_lab::contrast::Contrast;
use thalweg_lab::provenance::mended_in;
use thalweg_lab::run::{self, Note, Observer, RunStatus, Runnable};
use thalweg_lab::saved::Foreign;
use thalweg_lab::spec::{Draft, Experiment, NetworkExperiment, Node, SpecError, Specification};
use thalweg_lab::store::{self, RunOutcome, StoredRun};

use crate::error::Failed;
use crate::problem::Problem;
use crate::simulate::Simulated;
use crate::train::Trained;
use crate::{json, tree, work};

/// How often the state is put on the disk: what a kill -9 can cost.
const SAVE_EVERY: Duration = Duration::from_secs(10);

/// A finished run.
pub struct Finished<E> {
    /// What was run and what came of it.
    pub run: StoredRun<E>,
    /// The step from which it went on, where a directory held it unfinished.
    pub resumed_from: Option<u64>,
}

/// Runs `experiment`, in the directory `out` where one is given; `progress` is called with the steps made and all of them.
///
/// # Errors
/// `KeyboardInterrupt` and what `progress` raises, after the state was saved; else `ValueError` or `RuntimeError`.
pub fn run<E>(
    py: Python<'_>,
    experiment: E,
    out: Option<PathBuf>,
    progress: Option<&Bound<'_, PyAny>>,
) -> PyResult<Finished<E>>
where
    E: Runnable + Send + Sync + 'static,
{
    let (stop, watched) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(Watched::default()),
    );
    let total = experiment.steps();
    let mut told = None;
    let mut tell = |watched: &Watched| -> PyResult<()> {
        let done = watched.done.load(Ordering::Relaxed);
        if let Some(progress) = progress
            && told != Some(done)
        {
            told = Some(done);
            progress.call1((done, total))?;
        }
        Ok(())
    };
    let worker = {
        let (stop, mut watcher) = (Arc::clone(&stop), Watcher(Arc::clone(&watched)));
        move || to_its_end(experiment, out.as_deref(), &mut watcher, &stop)
    };
    let run = work::follow(py, (&stop, work::PATIENCE), worker, |_| tell(&watched))??;
    watched.done.store(total, Ordering::Relaxed);
    tell(&watched)?;
    let notes = std::mem::take(&mut *watched.notes());
    let mut resumed_from = None;
    for note in notes {
        match note {
            Note::Resumed { step } => resumed_from = Some(step),
            other => warn(py, &other)?,
        }
    }
    Ok(Finished { run, resumed_from })
}

fn to_its_end<E: Runnable>(
    experiment: E,
    out: Option<&Path>,
    watcher: &mut Watcher,
    stop: &AtomicBool,
) -> Result<StoredRun<E>, Failed> {
    // Whoever asked to stop hears of something else than this.
    let stopped = || Failed::Work("the run was stopped".to_owned());
    let Some(out) = out else {
        let made = run::run_in_memory(&experiment, watcher, stop)?;
        if !made.finished {
            return Err(stopped());
        }
        return Ok(StoredRun {
            experiment,
            measurements: made.measurements,
            outcomes: made.outcomes,
        });
    };
    match run::run(&experiment, out, SAVE_EVERY, watcher, stop)? {
        RunStatus::Stopped { .. } => Err(stopped()),
        RunStatus::Finished(_) | RunStatus::AlreadyFinished(_) => Ok(store::load(out)?),
    }
}

/// What is known of a run under way.
#[derive(Default)]
struct Watched {
    done: AtomicU64,
    notes: Mutex<Vec<Note>>,
}

impl Watched {
    fn notes(&self) -> std::sync::MutexGuard<'_, Vec<Note>> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes it down.
struct Watcher(Arc<Watched>);

impl Observer for Watcher {
    fn progress(&mut self, done: u64, _total: u64) {
        self.0.done.store(done, Ordering::Relaxed);
    }

    fn note(&mut self, note: Note) {
        self.0.notes().push(note);
    }
}

/// Says what is worth knowing, as Python's warnings do.
fn warn(py: Python<'_>, note: &Note) -> PyResult<()> {
    let words = match note {
        Note::Resumed { .. } => return Ok(()),
        Note::Damaged { path } => {
            format!("{} was damaged; an older state was used", path.display())
        }
        Note::OtherBuild {
            found,
            current,
            finished: true,
        } => format!("this run was made by {found}, and this is {current}"),
        Note::OtherBuild {
            found,
            current,
            finished: false,
        } => format!(
            "this run was made by {found}, and {current} went on with it: its numbers may differ from those of either alone"
        ),
    };
    let words = std::ffi::CString::new(words)?;
    let category = py.get_type::<PyUserWarning>();
    // The line that called Python's half of this package.
    PyErr::warn(py, &category, &words, 2)
}

/// The experiment that `given` specifies, a dictionary, a Problem or the path of a file, with `changes` in place of its own
/// fields.
///
/// # Errors
/// `ValueError` that names the field.
pub fn experiment<E: Specification>(
    given: &Bound<'_, PyAny>,
    changes: &Bound<'_, PyDict>,
) -> PyResult<E> {
    let (mut draft, named) = draft(given)?;
    // Where the weights start is said in one of two ways: either takes the place of both.
    const STARTS: [&str; 2] = ["init", "start_weights"];
    let mut keys = changes.keys().iter();
    if keys.any(|key| {
        key.extract::<String>()
            .is_ok_and(|key| STARTS.contains(&&*key))
    }) {
        STARTS.iter().for_each(|start| draft.remove(start));
    }
    for (key, value) in changes.iter() {
        let key: String = key.extract()?;
        draft.set(&key, tree::node(&key, &value)?).map_err(named)?;
    }
    Ok(draft.experiment().map_err(named)?)
}

/// What an experiment on a network specifies, every default spelled out: given as in [`experiment`].
#[pyfunction]
pub fn specification<'py>(given: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = given.py();
    let experiment: NetworkExperiment = experiment(given, &PyDict::new(py))?;
    json::python(py, &serde_json::json!(experiment.to_node()))
}

/// What must be known of a network that another program wrote, as [`experiment`].
///
/// # Errors
/// As [`experiment`].
pub fn foreign(given: &Bound<'_, PyAny>) -> PyResult<Foreign> {
    let (draft, named) = draft(given)?;
    Ok(Foreign::of(draft).map_err(named)?)
}

/// How an error in a specification is told.
pub type Told = fn(SpecError) -> Failed;

/// What `given` says, not yet checked, and how errors in it are told.
pub fn draft(given: &Bound<'_, PyAny>) -> PyResult<(Draft, Told)> {
    let Some(path) = path(given)? else {
        // What is no file has no name to put before the field.
        let named: Told = |error| Failed::input(error.fault);
        let draft = Draft::from_tree_here(tree_of(given)?).map_err(named)?;
        return Ok((draft, named));
    };
    let draft = Draft::read(&path).map_err(Failed::from)?;
    Ok((draft, Failed::from))
}

fn tree_of(given: &Bound<'_, PyAny>) -> PyResult<Node> {
    let Ok(problem) = given.cast::<Problem>() else {
        return tree::node("", given);
    };
    let problem = problem.get();
    let notes = mended_in(&problem.inner).into_iter();
    let notes: Node = notes.map(Node::Text).collect();
    Ok(Node::from([
        ("problem", problem.node()),
        // What was said of the matrices when they were made.
        ("provenance", Node::from([("mended", notes)])),
    ]))
}

/// The path in `given`, where it is one and no dictionary.
pub fn path(given: &Bound<'_, PyAny>) -> PyResult<Option<PathBuf>> {
    if given.cast::<PyDict>().is_ok() || given.cast::<Problem>().is_ok() {
        return Ok(None);
    }
    let path = given.extract::<PathBuf>();
    path.map(Some).map_err(|_| {
        let kind = given.get_type();
        PyValueError::new_err(format!(
            "the experiment is of type {kind}: a dictionary, the path of a TOML or JSON file, or a Problem is needed"
        ))
    })
}

/// What became of each seed, as Python has it: the step at which it diverged, or None.
pub fn outcomes<'py>(py: Python<'py>, runs: &[RunOutcome]) -> PyResult<Bound<'py, PyDict>> {
    let table = PyDict::new(py);
    for run in runs {
        table.set_item(run.seed, run.diverged_at)?;
    }
    Ok(table)
}

/// The same back from Python.
pub fn from_outcomes(table: &Bound<'_, PyDict>) -> PyResult<Vec<RunOutcome>> {
    let entries = table.iter();
    let run = |(seed, diverged_at): (Bound<'_, PyAny>, Bound<'_, PyAny>)| {
        Ok(RunOutcome {
            seed: seed.extract()?,
            diverged_at: diverged_at.extract()?,
        })
    };
    entries.map(run).collect()
}

/// Runs beside one another: the answer of `thalweg report RUN RUN --json`.
#[pyfunction]
pub fn contrast(py: Python<'_>, runs: Vec<PathBuf>) -> PyResult<Bound<'_, PyAny>> {
    let found = work::compute(py, move || -> Result<_, Failed> {
        Ok(Contrast::read(&runs)?.json())
    })??;
    json::python(py, &found)
}

/// The finished run in a directory: a simulation or a training.
#[pyfunction]
pub fn load(py: Python<'_>, directory: PathBuf) -> PyResult<Py<PyAny>> {
    enum Loaded {
        Simulation(Simulated),
        Training(Trained),
    }
    let loaded = work::compute(py, move || -> Result<Loaded, Failed> {
        if store::is_run(&directory) && store::is_network(&directory)? {
            let run: StoredRun<NetworkExperiment> = store::load(&directory)?;
            Ok(Loaded::Training(run.into()))
        } else {
            let run: StoredRun<Experiment> = store::load(&directory)?;
            Ok(Loaded::Simulation(run.into()))
        }
    })??;
    Ok(match loaded {
        Loaded::Simulation(run) => Py::new(py, run)?.into_any(),
        Loaded::Training(run) => Py::new(py, run)?.into_any(),
    })
}
