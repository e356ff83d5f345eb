//! A run beside what is predicted of it: made once, as data, for the terminal, the page and JSON to render.
//!
//! A run is set beside theory and flow here. Each predictor is a file of this module and an
//! entry of `predictors`; what a run measured and what each predictor says of it make a [`Comparison`].
//!
//! ```
//! use std::sync::atomic::AtomicBool;
//! use thalweg_lab::compare::Comparison;
//! use thalweg_lab::spec::{Draft, Experiment};
//! use thalweg_lab::{run, store::StoredRun};
//!
//! let text = "depth = 2\ninput_covariance = [[1, 0], [0, 1]]\nteacher = [[1, 0], [0, 1]]\n\
//!     noise_standard_deviations = [1, 0.5]\nlearning_rate = 0.01\nbatch = 10\nsteps = 100\nseeds = 4";
//! let experiment = Draft::from_toml(text)?.experiment::<Experiment>()?;
//! let made = run::run_in_memory(&experiment, &mut (), &AtomicBool::new(false))?;
//! let (measurements, outcomes) = (made.measurements, made.outcomes);
//! let run = StoredRun { experiment, measurements, outcomes };
//! let beside = Comparison::of(&run)?;
//! let names: Vec<_> = beside.predicted.iter().map(|predicted| predicted.name).collect();
//! assert_eq!(names, ["slow flow", "finite-step theory", "limit t → ∞"]);
//! let flow = beside.predicted[0].series(0).unwrap();
//! assert!(beside.measured[0].end.unwrap().mean / flow.end > 0.8);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod belief;
mod comparison;
mod finite_step;
mod limit;
mod predictor;
mod slow_flow;
#[cfg(test)]
mod tests;

pub use belief::Belief;
pub(crate) use belief::{believed_in, believed_on, finite_believed_on, fits};
pub use comparison::{
    Answered, Comparison, MeasuredQuantity, Predicted, PredictedQuantity, READING,
};
pub use finite_step::FiniteStep;
pub(crate) use finite_step::not_plain;
pub use limit::{ExactLimit, rest};
pub(crate) use limit::{drift_to_end, own_end_is_quick, rest_by};
pub use predictor::{Answer, NoAnswer, Predictor, Question, SeedStart, Values, starts};
pub(crate) use slow_flow::quick_relaxation;
pub use slow_flow::{EXACT_DRIFT, SLOW_FLOW, SlowFlow};

use thalweg::problem::Problem;
use thalweg::simulate::SimulateSettings;

/// Those that have something to say of SGD run so, in the order in which they are shown; `problem` is the one that is in effect learnt.
fn predictors(problem: &Problem, settings: &SimulateSettings) -> Vec<&'static dyn Predictor> {
    let all: [&'static dyn Predictor; 4] = [&SLOW_FLOW, &EXACT_DRIFT, &FiniteStep, &ExactLimit];
    all.into_iter()
        .filter(|predictor| predictor.concerns(problem, settings))
        .collect()
}
