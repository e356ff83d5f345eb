//! Where a flow begins that is given no weights.

use thalweg::problem::{Problem, Weights};
use thalweg::simulate::{InitialWeights, SimulateSettings};

use super::AnswerError;
use crate::compare::starts;

/// The random weights with which a simulation of `seed` begins.
///
/// # Errors
/// When they are beyond double precision.
pub fn random_start(
    problem: &Problem,
    init: InitialWeights,
    seed: u64,
) -> Result<Weights, AnswerError> {
    let settings = SimulateSettings {
        init,
        ..SimulateSettings::new(1.0, 1)
    };
    let start = starts(problem, &settings, &[seed])
        .map_err(AnswerError::input)?
        .pop();
    let start = start.ok_or_else(|| AnswerError::input(NoStart))?;
    Ok(start.start)
}

#[derive(Debug, thiserror::Error)]
#[error("the initial weights are too large to start from; choose a smaller init")]
struct NoStart;
