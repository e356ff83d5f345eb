//! One network under the paper's two noises.

use std::sync::Arc;

use thalweg::loss::Loss;

use super::super::{Context, ReproduceError};
use super::runs::{NetworkTrials, run};
use super::settings::{Model, budget, noise_name};

/// The runs of one network under anisotropic and under isotropic noise.
pub struct Pair {
    /// Anisotropic first.
    pub runs: [Arc<NetworkTrials>; 2],
    /// What fixes their numbers.
    pub settings: String,
}

/// Trains `model` under both noises, measured `count` times.
///
/// # Errors
/// As [`run`].
pub fn pair(
    model: Model,
    loss: Loss,
    count: usize,
    context: Context<'_>,
    (from, to): (f64, f64),
) -> Result<Pair, ReproduceError> {
    let middle = 0.5 * (from + to);
    let experiment = |condition| model.experiment(loss, condition, count, context.budget);
    let anisotropic = experiment(model.condition())?;
    let isotropic = experiment(1.0)?;
    let outputs = anisotropic.network.outputs();
    let name = |condition| noise_name(&model.deviations(outputs, condition));
    Ok(Pair {
        runs: [
            run(&anisotropic, context, (from, middle))?,
            run(&isotropic, context, (middle, to))?,
        ],
        settings: format!(
            "{}; √Σε = {} and {}; {}",
            model.description(),
            name(model.condition()),
            name(1.0),
            budget(&anisotropic)
        ),
    })
}
