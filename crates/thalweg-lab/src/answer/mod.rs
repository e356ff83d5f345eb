//! What the program answers, as data: for its pages, for `--json`, and for other languages.
//!
//! ```
//! use thalweg::problem::{Problem, covariance};
//! use thalweg_lab::answer::{PredictAnswer, Prepared};
//!
//! let one = || faer::Mat::<f64>::identity(2, 2);
//! let problem = Problem::new(one(), one(), covariance::from_deviations(&[1.0, 0.1]), 3)?;
//! let prepared = Prepared::plain(&problem, Some((0.003, 10)));
//! let answer = PredictAnswer::new(&prepared, true)?;
//! let json = answer.json();
//! assert!((json["sharpness"].as_f64().unwrap() - 31.5504557719).abs() < 1e-9);
//! assert_eq!(json["run"]["batch"], 10);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod design;
mod diagnosis;
mod finite;
mod flow;
mod measure;
mod predict;
mod prepared;
mod simulated_end;
mod simulation;
mod start;
mod sweep;
mod train;

use std::error::Error;

use thalweg::problem::Caveat;

pub use design::{DesignAnswer, Simulated, why_not};
pub use diagnosis::{diagnosed, diagnosed_tokens};
pub use finite::FiniteAnswer;
pub use flow::{FlowAnswer, FlowTimes};
pub use measure::{Measuring, measured};
pub use predict::{ForcedEnd, PredictAnswer, PredictedRun, lists_spectrum};
pub use prepared::Prepared;
pub(crate) use prepared::known_digits;
pub use simulated_end::{MOST_SECONDS, SimulatedEnd, time_for_runs};
pub use simulation::simulated;
pub use start::random_start;
pub use sweep::{planned, progressed};
pub use train::TrainAnswer;

/// How losses are counted.
pub const CONVENTION: &str = "½‖y − f(x)‖², summed over outputs, mean over samples";

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// What was given is not something that can be answered: it can be mended.
    #[error(transparent)]
    Input(Box<dyn Error + Send + Sync>),
    /// What was given is right, and the work failed.
    #[error(transparent)]
    Work(Box<dyn Error + Send + Sync>),
}

impl AnswerError {
    pub(crate) fn input(error: impl Error + Send + Sync + 'static) -> Self {
        Self::Input(Box::new(error))
    }

    pub(crate) fn work(error: impl Error + Send + Sync + 'static) -> Self {
        Self::Work(Box::new(error))
    }
}

/// The words of `error`, with those of its causes that they do not repeat.
pub fn with_causes(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !words.contains(&next) {
            words = format!("{words}: {next}");
        }
        cause = error.source();
    }
    words
}

/// What rounding did to the covariances, in sentences.
pub fn notes(caveats: &[Caveat]) -> Vec<String> {
    caveats.iter().map(ToString::to_string).collect()
}
