//! How fast the slow flow settles: its rates at SGD's minimum, by linearisation.

use super::{FlowError, point::Model, symmetric::SymmetricFlow};
use crate::{problem::Problem, theory::Minimum};

/// The slow flow linearised at SGD's minimum (Theorem 1).
#[derive(Clone, Debug, PartialEq)]
pub struct Relaxation {
    /// The rates of decay in slow time u, ascending; F − F_min decays twice as fast as the weights.
    /// Empty where nothing moves (D = 1, or V√Σx = 0).
    pub rates: Vec<f64>,
}

impl Relaxation {
    /// 1/(slowest rate): the slow time in which the last deviation falls by a factor e. Zero where nothing
    /// moves.
    pub fn slow_time(&self) -> f64 {
        self.rates.first().map_or(0.0, |rate| 1.0 / rate)
    }

    /// The same in steps of SGD, B/(η² · slowest rate).
    pub fn steps(&self, learning_rate: f64, batch: usize) -> f64 {
        self.slow_time() * batch as f64 / (learning_rate * learning_rate)
    }
}

/// The least part of the fastest rate that a rate may be to be told from rounding.
const RESOLVED: f64 = 1e-14;

/// The rates at which the slow flow approaches SGD's minimum.
///
/// They are those of the r = rank V√Σx hidden directions that carry the teacher. A wider network has
/// others, unused at the minimum, which die out more slowly: for D ≥ 3 not even exponentially (F − F_min
/// was seen to fall like 1/u), so there the times are lower bounds.
///
/// # Errors
/// When the problem has no such minimum (see [`Minimum::of_sgd`]), a decomposition fails, or the slowest rate is lost in
/// the rounding of the fastest.
pub fn relaxation(problem: &Problem) -> Result<Relaxation, FlowError> {
    let rank = Minimum::of_sgd(problem)?.rank();
    if problem.depth() == 1 || rank == 0 {
        return Ok(Relaxation { rates: Vec::new() });
    }
    let narrow = Problem::with_hidden_widths(
        problem.input_covariance().to_owned(),
        problem.teacher().to_owned(),
        problem.noise_covariance().to_owned(),
        problem.depth(),
        &vec![rank; problem.depth() - 1],
    )?;
    let weights = Minimum::of_sgd(&narrow)?.weights()?;
    let model = Model::new(&narrow);
    let flow = SymmetricFlow { model: &model };
    let rates = flow.rates(&model.flatten(weights.layers()))?;
    match (rates.first(), rates.last()) {
        // The eigenvalues carry an error of rounding times the largest: this leaves the slowest two digits.
        (Some(&slowest), Some(&fastest)) if slowest <= RESOLVED * fastest || slowest.is_nan() => {
            Err(FlowError::RatesApart { slowest, fastest })
        }
        _ => Ok(Relaxation { rates }),
    }
}
