//! Work without Python's lock: on threads of our own, while the caller's looks for Ctrl-C.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};
use thalweg::stoppable;

/// How often signals are looked for and progress is told.
const LOOK: Duration = Duration::from_millis(50);

/// How long a run that was asked to stop may take to save its state before its caller goes on without it.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// Of a working thread.
const STACK: usize = 2 << 20;

/// What work was ended by before it was done.
type Panic = Box<dyn Any + Send>;

/// Does `work` that nothing is told of. After Ctrl-C it ends where it asks next (`thalweg::Stop`); what never asks goes on to its end, of
/// which nobody hears.
///
/// # Errors
/// `KeyboardInterrupt`, or what else a handler of signals raises.
pub fn compute<T: Send + 'static>(
    py: Python<'_>,
    work: impl FnOnce() -> T + Send + 'static,
) -> PyResult<T> {
    let stop = Arc::new(AtomicBool::new(false));
    follow(py, (&stop, Duration::ZERO), work, |_| Ok(()))
}

/// Does `work`, which looks at `stop`, and calls `tell` now and then.
///
/// # Errors
/// What `tell` or a handler of signals raises; the work is then asked to stop, and has `patience` to do so.
pub fn follow<T: Send + 'static>(
    py: Python<'_>,
    (stop, patience): (&Arc<AtomicBool>, Duration),
    work: impl FnOnce() -> T + Send + 'static,
    mut tell: impl FnMut(Python<'_>) -> PyResult<()>,
) -> PyResult<T> {
    let saved = |answer: &mut Answer<T>| {
        stop.store(true, Ordering::Relaxed);
        let since = Instant::now();
        while since.elapsed() < patience && look(py, answer)?.is_none() {
            // A second Ctrl-C does not wait.
            py.check_signals()?;
        }
        Ok(())
    };
    let mine = Arc::clone(stop);
    let work = begin(move || stoppable(&mine, work))?;
    wait(py, work, &mut tell, saved)
}

/// Where the answer comes from, or what the work was ended by.
type Answer<T> = Receiver<Result<T, Panic>>;

fn begin<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> PyResult<Answer<T>> {
    let (sender, answer) = channel();
    let pools = Pools::here();
    let pool = pools.take()?;
    let mine = Arc::clone(&pool);
    pool.spawn(move || {
        let result = catch_unwind(AssertUnwindSafe(work));
        pools.give_back(mine);
        // Nobody may be waiting any more.
        let _ = sender.send(result);
    });
    Ok(answer)
}

/// Waits for the answer; `left` is called before it goes on without.
fn wait<T: Send>(
    py: Python<'_>,
    mut answer: Answer<T>,
    mut tell: impl FnMut(Python<'_>) -> PyResult<()>,
    left: impl FnOnce(&mut Answer<T>) -> PyResult<()>,
) -> PyResult<T> {
    loop {
        match look(py, &mut answer)? {
            Some(Ok(value)) => return Ok(value),
            Some(Err(panic)) => resume_unwind(panic),
            None => {}
        }
        if let Err(error) = py.check_signals().and_then(|()| tell(py)) {
            left(&mut answer)?;
            return Err(error);
        }
    }
}

/// Waits a moment for the answer, without the lock.
fn look<T: Send>(py: Python<'_>, answer: &mut Answer<T>) -> PyResult<Option<Result<T, Panic>>> {
    match py.detach(move || answer.recv_timeout(LOOK)) {
        Ok(result) => Ok(Some(result)),
        Err(RecvTimeoutError::Timeout) => Ok(None),
        Err(RecvTimeoutError::Disconnected) => Err(PyRuntimeError::new_err(
            "the thread that worked on this is gone",
        )),
    }
}

/// The threads of one process. Each call has some to itself: it waits for none that others work with, nor for those that
/// go on with what nobody waits for.
struct Pools {
    process: u32,
    free: Mutex<Vec<Arc<ThreadPool>>>,
}

impl Pools {
    /// Those of this process. A child that was forked has none of its parent's threads, and gets its own.
    fn here() -> &'static Self {
        // Locked under Python's lock alone: no other thread holds it while one forks.
        static HERE: Mutex<Option<&'static Pools>> = Mutex::new(None);
        let process = std::process::id();
        let mut here = HERE.lock().unwrap_or_else(PoisonError::into_inner);
        match *here {
            Some(pools) if pools.process == process => pools,
            _ => {
                let free = Mutex::new(Vec::new());
                here.insert(Box::leak(Box::new(Self { process, free })))
            }
        }
    }

    fn take(&self) -> PyResult<Arc<ThreadPool>> {
        if let Some(pool) = self.free().pop() {
            return Ok(pool);
        }
        let made = ThreadPoolBuilder::new().stack_size(STACK).build();
        let made = made.map_err(|error| {
            PyRuntimeError::new_err(format!(
                "the worker threads could not be started ({error}): RAYON_NUM_THREADS in the environment asks for fewer"
            ))
        })?;
        Ok(Arc::new(made))
    }

    fn give_back(&self, pool: Arc<ThreadPool>) {
        self.free().push(pool);
    }

    fn free(&self) -> MutexGuard<'_, Vec<Arc<ThreadPool>>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
