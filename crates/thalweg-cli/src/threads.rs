//! The program's threads: one that listens to signals, and one for each core that works.

use rayon::{ThreadPoolBuildError, ThreadPoolBuilder};
use thalweg_lab::memory;

use crate::exit::Failure;
use crate::interrupt;

/// Of a working thread.
const STACK: usize = 2 << 20;

/// The threads could not be had.
#[derive(Debug, thiserror::Error)]
enum ThreadError {
    #[error("the thread that waits for Ctrl-C could not be started")]
    Signals(#[source] std::io::Error),
    #[error("the worker threads could not be started: {advice}")]
    Workers {
        advice: &'static str,
        source: ThreadPoolBuildError,
    },
}

/// What needs less than `count` threads do.
fn advice(count: usize) -> &'static str {
    if count > 1 {
        "RAYON_NUM_THREADS=1 in the environment asks for one thread instead of one for each core"
    } else {
        "it is one thread already, so that only a larger limit helps"
    }
}

/// Starts them all, before there is work: the libraries would start them later, and panic where they cannot.
///
/// # Errors
/// When there is no memory for their stacks, or the operating system refuses one.
pub fn start() -> Result<(), Failure> {
    interrupt::listen().map_err(|error| Failure::work(ThreadError::Signals(error)))?;
    let count = count();
    memory::fits((count * STACK) as u64, 0, advice(count)).map_err(Failure::input)?;
    ThreadPoolBuilder::new()
        .num_threads(count)
        .stack_size(STACK)
        .build_global()
        .map_err(|source| {
            Failure::work(ThreadError::Workers {
                advice: advice(count),
                source,
            })
        })
}

/// As many as the environment asks for, or as there are cores.
fn count() -> usize {
    let asked = std::env::var("RAYON_NUM_THREADS");
    let asked = asked.ok().and_then(|text| text.parse().ok());
    let cores = || std::thread::available_parallelism().map_or(1, Into::into);
    asked.filter(|&count| count > 0).unwrap_or_else(cores)
}
