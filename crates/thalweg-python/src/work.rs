//! Work without Python's lock: on threads of our own, while the caller's looks for Ctrl-C.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};

/// How often signals are looked for and progress is told.
const LOOK: Duration = Duration::from_millis(50);

/// How long work that was asked to stop may take to save its state before its caller goes on without it.
const PATIENCE: Duration = Duration::from_secs(2);

/// Of a working thread.
const STACK: usize = 2 << 20;

/// What work was ended by before it was done.
type Panic = Box<dyn Any + Send>;

/// Does `work` that nothing is told of. After Ctrl-C its threads go on to its end, which nobody hears of.
///
/// # Errors
/// `KeyboardInterrupt`, or what else a handler of signals raises.
pub fn compute<T: Send + 'static>(
    py: Python<'_>,
    work: impl FnOnce() -> T + Send + 'static,
) -> PyResult<T> {
    wait(py, begin(work)?, |_| Ok(()), |_| Ok(()))
}

/// Does `work`, which looks at `stop`, and calls `tell` now and then.
///
/// # Errors
/// What `tell` or a handler of signals raises; the work is then asked to stop, and given a moment to save its state.
pub fn follow<T: Send + 'static>(
    py: Python<'_>,
    stop: &Arc<AtomicBool>,
    work: impl FnOnce() -> T + Send + 'static,
    mut tell: impl FnMut(Python<'_>) -> PyResult<()>,
) -> PyResult<T> {
    let saved = |answer: &mut Answer<T>| {
        stop.store(true, Ordering::Relaxed);
        let since = Instant::now();
        while since.elapsed() < PATIENCE && look(py, answer)?.is_none() {
            // A second Ctrl-C does not wait.
            py.check_signals()?;
        }
        Ok(())
    };
    wait(py, begin(work)?, &mut tell, saved)
}

/// Where the answer comes from, or what the work was ended by.
type Answer<T> = Receiver<Result<T, Panic>>;

fn begin<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> PyResult<Answer<T>> {
    let (sender, answer) = channel();
    pool()?.spawn(move || {
        let result = catch_unwind(AssertUnwindSafe(work));
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

/// The threads of this process. A child that was forked has none of its parent's, and gets its own.
fn pool() -> PyResult<&'static ThreadPool> {
    static POOL: Mutex<Option<(u32, &'static ThreadPool)>> = Mutex::new(None);
    let process = std::process::id();
    let mut pool = POOL.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((owner, pool)) = *pool
        && owner == process
    {
        return Ok(pool);
    }
    let made = ThreadPoolBuilder::new().stack_size(STACK).build();
    let made = made.map_err(|error| {
        PyRuntimeError::new_err(format!(
            "the worker threads could not be started ({error}): RAYON_NUM_THREADS in the environment asks for fewer"
        ))
    })?;
    // One for each process, for as long as it lives.
    let made: &'static ThreadPool = Box::leak(Box::new(made));
    *pool = Some((process, made));
    Ok(made)
}
