//! Asking a computation on another thread to stop.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

thread_local! {
    /// What the computation on this thread looks at; kept here, so that no signature between caller and loop has to know of it.
    static STOP: RefCell<Stop> = const { RefCell::new(Stop(None)) };
}

/// Why there is no result: another thread asked for it ([`stoppable`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the computation was stopped before its end")]
pub struct Stopped;

/// Does `work`, in which what takes long ends with [`Stopped`] soon after another thread has set `stop`: a flow at its next step
/// ([`FlowError::Stopped`](crate::flow::FlowError::Stopped)), eigenpairs, traces and densities at their next product, and what an
/// [`Evaluation`](crate::evaluation::Evaluation) measures at its next batch of samples
/// ([`CurvatureError::Stopped`](crate::curvature::CurvatureError::Stopped)). Simulations and trainings take a recorder that stops them.
///
/// ```
/// use std::sync::{Arc, atomic::AtomicBool};
/// use thalweg::faer::Mat;
/// use thalweg::flow::{FlowError, FlowSettings, Times, slow_flow};
/// use thalweg::problem::{Problem, Weights};
///
/// let one = || Mat::identity(1, 1);
/// let problem = Problem::new(one(), one(), one(), 2)?;
/// let start = Weights::new(&problem, vec![one(), one()])?;
/// let (times, settings) = (Times::Slow(vec![1.0]), FlowSettings::default());
/// let stop = Arc::new(AtomicBool::new(true));
/// let path = thalweg::stoppable(&stop, || slow_flow(&problem, &start, &times, &settings));
/// assert_eq!(path.unwrap_err(), FlowError::Stopped(thalweg::Stopped));
/// assert!(slow_flow(&problem, &start, &times, &settings).is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn stoppable<T>(stop: &Arc<AtomicBool>, work: impl FnOnce() -> T) -> T {
    /// Puts back what was there, also where `work` panics.
    struct Before(Stop);
    impl Drop for Before {
        fn drop(&mut self) {
            STOP.set(std::mem::take(&mut self.0));
        }
    }
    let _before = Before(STOP.replace(Stop(Some(Arc::clone(stop)))));
    work()
}

/// What a computation is stopped by, for long work of one's own.
///
/// ```
/// use std::sync::{Arc, atomic::AtomicBool};
/// use thalweg::{Stop, Stopped};
///
/// // The squares of many numbers, each of which is so much work that one asks before it.
/// let squares = || {
///     let stop = Stop::here();
///     (1..4).map(|i| stop.asked().map(|()| i * i)).collect::<Result<Vec<_>, _>>()
/// };
/// assert_eq!(squares(), Ok(vec![1, 4, 9]));
/// let stop = Arc::new(AtomicBool::new(true));
/// assert_eq!(thalweg::stoppable(&stop, squares), Err(Stopped));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Stop(Option<Arc<AtomicBool>>);

impl Stop {
    /// That of the computation on this thread, for it and for all threads that help it; nothing outside [`stoppable`] asks it to stop.
    pub fn here() -> Self {
        STOP.with_borrow(Self::clone)
    }

    /// An error once the computation was asked to stop.
    ///
    /// # Errors
    /// Then.
    pub fn asked(&self) -> Result<(), Stopped> {
        match &self.0 {
            Some(stop) if stop.load(Ordering::Relaxed) => Err(Stopped),
            _ => Ok(()),
        }
    }
}
