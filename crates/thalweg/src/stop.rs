//! Asking a computation on another thread to stop.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

thread_local! {
    /// What the computation on this thread looks at; kept here, so that no signature between caller and integrator has to know of it.
    static STOP: RefCell<Option<Arc<AtomicBool>>> = const { RefCell::new(None) };
}

/// Does `work`, in which a flow ends with [`FlowError::Stopped`](crate::flow::FlowError::Stopped) at its next step once another
/// thread has set `stop`. Simulations and trainings take a recorder that stops them.
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
/// assert_eq!(path.unwrap_err(), FlowError::Stopped);
/// assert!(slow_flow(&problem, &start, &times, &settings).is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn stoppable<T>(stop: &Arc<AtomicBool>, work: impl FnOnce() -> T) -> T {
    /// Puts back what was there, also where `work` panics.
    struct Before(Option<Arc<AtomicBool>>);
    impl Drop for Before {
        fn drop(&mut self) {
            STOP.set(self.0.take());
        }
    }
    let _before = Before(STOP.replace(Some(Arc::clone(stop))));
    work()
}

/// Whether the computation on this thread was asked to stop.
pub(crate) fn asked() -> bool {
    STOP.with_borrow(|stop| {
        stop.as_ref()
            .is_some_and(|stop| stop.load(Ordering::Relaxed))
    })
}
