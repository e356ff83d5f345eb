//! Sweeps: many runs as one, in a store that any number of processes fill.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use pyo3::prelude::*;
use serde_json::{Value, json};
use thalweg_lab::answer;
use thalweg_lab::spec::Draft;
use thalweg_lab::store::StoreError;
use thalweg_lab::sweep::{
    self, CellRecord, Contents, Follower, Progress, Store, Sweep, SweepError, Task, Which,
};

use crate::error::Failed;
use crate::{json, run, work};

impl From<SweepError> for Failed {
    fn from(error: SweepError) -> Self {
        match error {
            SweepError::Store(StoreError::Write { .. }) => Self::work(error),
            _ => Self::input(error),
        }
    }
}

/// Where cells come from.
enum Given {
    /// A sweep, which `out` is for.
    Sweep(Draft),
    /// A directory that holds one.
    Store(PathBuf),
}

impl Given {
    fn read(given: &Bound<'_, PyAny>) -> PyResult<Self> {
        match run::path(given)? {
            Some(path) if path.is_dir() => Ok(Self::Store(path)),
            _ => Ok(Self::Sweep(run::draft(given)?.0)),
        }
    }

    fn store(self, out: Option<&Path>) -> Result<Store, Failed> {
        let wrong = |words: &str| Err(Failed::Input(words.to_owned()));
        match (self, out) {
            (Self::Store(path), None) => Ok(Store::open(&path)?),
            (Self::Sweep(draft), Some(out)) => Ok(Store::create(out, Sweep::from_draft(draft)?)?),
            (Self::Store(_), Some(_)) => wrong(
                "`sweep` is the store of a sweep already, and `out` names a directory too: leave `out` away, or give the sweep",
            ),
            (Self::Sweep(_), None) => {
                wrong("`out` is missing: the directory for the cells of this sweep")
            }
        }
    }
}

/// The answer of `thalweg sweep plan --json`.
#[pyfunction]
pub fn sweep_plan<'py>(py: Python<'py>, given: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let given = Given::read(given)?;
    let planned = work::compute(py, move || -> Result<Value, Failed> {
        let sweep = match given {
            Given::Sweep(draft) => Sweep::from_draft(draft)?,
            Given::Store(path) => Store::open(&path)?.sweep().clone(),
        };
        let estimate = sweep::estimate(&sweep)?;
        Ok(answer::planned(&sweep, &estimate))
    })??;
    json::python(py, &planned)
}

/// Makes the store of a sweep, or gives it more cells, without running anything; its path.
#[pyfunction]
pub fn sweep_store(
    py: Python<'_>,
    given: &Bound<'_, PyAny>,
    out: Option<PathBuf>,
) -> PyResult<PathBuf> {
    let given = Given::read(given)?;
    let made = work::compute(py, move || -> Result<PathBuf, Failed> {
        Ok(given.store(out.as_deref())?.path().to_owned())
    })?;
    Ok(made?)
}

/// Counts the cells that are done.
#[derive(Default)]
struct Counted {
    done: AtomicUsize,
    wanted: AtomicUsize,
}

impl Progress for Counted {
    fn begun(&self, done: usize, wanted: usize) {
        self.done.store(done, Ordering::Relaxed);
        self.wanted.store(wanted, Ordering::Relaxed);
    }

    fn done(&self, _number: usize, _record: &CellRecord) {
        self.done.fetch_add(1, Ordering::Relaxed);
    }
}

/// Does the cells of the store in `store` that are missing, of all or of those numbers; how many it finished and could not run, and how many
/// another process is at. `progress` is called with the cells done and wanted.
#[pyfunction]
pub fn sweep_run<'py>(
    py: Python<'py>,
    store: PathBuf,
    cells: Option<Vec<usize>>,
    retry: bool,
    progress: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let (stop, counted) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(Counted::default()),
    );
    let mut told = None;
    let mut tell = |counted: &Counted| -> PyResult<()> {
        let now = [&counted.done, &counted.wanted].map(|count| count.load(Ordering::Relaxed));
        if let Some(progress) = progress
            && told != Some(now)
        {
            told = Some(now);
            progress.call1((now[0], now[1]))?;
        }
        Ok(())
    };
    let worker = {
        let (stop, counted) = (Arc::clone(&stop), Arc::clone(&counted));
        move || -> Result<Value, Failed> {
            let which = cells.map_or(Which::All, Which::Cells);
            let task = Task {
                retry,
                ..Task::default()
            };
            let done = sweep::run(&Store::open(&store)?, &which, task, &*counted, &stop)?;
            Ok(
                json!({ "finished": done.finished, "failed": done.failed, "elsewhere": done.elsewhere }),
            )
        }
    };
    let done = work::follow(py, (&stop, work::PATIENCE), worker, |_| tell(&counted))??;
    tell(&counted)?;
    json::python(py, &done)
}

/// A store looked at again and again: only what is new in it is read.
#[pyclass(frozen, module = "thalweg._core")]
pub struct SweepFollower(Arc<Mutex<Follower>>);

#[pymethods]
impl SweepFollower {
    #[new]
    fn new(py: Python<'_>, store: PathBuf) -> PyResult<Self> {
        let opened = work::compute(py, move || -> Result<Follower, Failed> {
            Ok(Follower::open(&store)?)
        })??;
        Ok(Self(Arc::new(Mutex::new(opened))))
    }

    /// How many cells are finished, how many could not be run, and how many there are: of `cells`, or of all.
    #[pyo3(signature = (cells=None))]
    fn counts(&self, py: Python<'_>, cells: Option<Vec<usize>>) -> PyResult<(usize, usize, usize)> {
        let follower = Arc::clone(&self.0);
        let counts = work::compute(py, move || -> Result<_, Failed> {
            let mut follower = follower.lock().unwrap_or_else(|error| error.into_inner());
            let status = follower.look(0)?.status;
            let Some(cells) = cells else {
                return Ok((status.finished, status.failed.len(), status.cells));
            };
            let (finished, failed) = follower.done_among(&cells);
            Ok((finished, failed, cells.len()))
        })??;
        Ok(counts)
    }
}

/// The answer of `thalweg sweep status --json`.
#[pyfunction]
pub fn sweep_status(py: Python<'_>, store: PathBuf) -> PyResult<Bound<'_, PyAny>> {
    let status = work::compute(py, move || -> Result<Value, Failed> {
        let store = Store::open(&store)?;
        let status = sweep::status(&store)?.estimated_before_the_first(&store)?;
        Ok(answer::progressed(&status))
    })??;
    json::python(py, &status)
}

/// Writes the table of a store's ends, or of its curves, to `out`, or into the store; its path.
#[pyfunction]
pub fn sweep_table(
    py: Python<'_>,
    store: PathBuf,
    curves: bool,
    out: Option<PathBuf>,
) -> PyResult<PathBuf> {
    let written = work::compute(py, move || -> Result<PathBuf, Failed> {
        let store = Store::open(&store)?;
        let contents = if curves {
            Contents::Curves
        } else {
            Contents::Ends
        };
        let out = out.unwrap_or_else(|| store.path().join(contents.file()));
        sweep::write_table(&store, contents, &out)?;
        Ok(out)
    })?;
    Ok(written?)
}
