//! A run beside what is predicted of it: made once, as data, for the terminal, the page and JSON to render.
//!
//! Theory, flow and simulator meet here and nowhere else. Each predictor is a file of this module and an
//! entry of [`predictors`]; what a run measured and what each predictor says of it make a [`Comparison`].

mod belief;
mod comparison;
mod limit;
mod predictor;
mod slow_flow;
#[cfg(test)]
mod tests;

pub use belief::Belief;
pub use comparison::{Answered, Comparison, Measured, Predicted, Series};
pub use predictor::{Answer, NoAnswer, Predictor, Question, Seed, Values};
pub use slow_flow::{EXACT_DRIFT, MOST_WEIGHTS_UNASKED, SLOW_FLOW, SlowFlow};

use limit::Limit;

use crate::spec::Experiment;

/// Those that have something to say of `experiment`, in the order in which they are shown.
pub fn predictors(experiment: &Experiment) -> Vec<&'static dyn Predictor> {
    let all: [&'static dyn Predictor; 3] = [&SLOW_FLOW, &EXACT_DRIFT, &Limit];
    all.into_iter()
        .filter(|predictor| predictor.concerns(&experiment.problem))
        .collect()
}
