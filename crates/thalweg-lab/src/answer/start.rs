//! Where a flow begins that is given no weights.

use thalweg::problem::{Problem, Weights};
use thalweg::simulate::{Data, Ensemble, InitialWeights, Precision, Settings};

use super::AnswerError;

/// The random weights with which a simulation of `seed` begins.
///
/// # Errors
/// When they are beyond double precision.
pub fn random_start(
    problem: &Problem,
    init: InitialWeights,
    seed: u64,
) -> Result<Weights, AnswerError> {
    let settings = Settings {
        learning_rate: 1.0,
        batch: 1,
        momentum: 0.0,
        weight_decay: 0.0,
        data: Data::default(),
        init,
        switch: None,
        precision: Precision::F64,
    };
    let ensemble = Ensemble::start(problem, &settings, &[seed]).map_err(AnswerError::input)?;
    // A run at step 0 has not diverged.
    let weights = ensemble.weights().into_iter().flatten().next();
    weights.ok_or_else(|| AnswerError::input(NoStart))
}

#[derive(Debug, thiserror::Error)]
#[error("the initial weights are too large to start from; choose a smaller init")]
struct NoStart;
