//! Labels weighted against their noise, in part or wholly.

use std::ops::RangeInclusive;

use thalweg::problem::{Problem, Spectral};
use thalweg::recipe::{LabelWeights, Recipe};

use super::lever::{Changed, Lever, LeverError, listed};

/// M = (Σε/σ²)^{−s/2}, σ² the noise's mean variance: s = 1 makes the noise isotropic, and the network, which then learns M y, ends at its
/// flattest minimum. T, T_min and λ_max are those of that loss.
pub struct WeightedLabels;

impl Lever for WeightedLabels {
    fn key(&self) -> &'static str {
        "label_weights"
    }

    fn name(&self) -> &'static str {
        "labels weighted"
    }

    fn positions(&self) -> RangeInclusive<f64> {
        -1.0..=1.0
    }

    fn at(
        &self,
        position: f64,
        problem: &Problem,
        recipe: &Recipe,
        _: (f64, usize),
    ) -> Result<Changed, LeverError> {
        let size = problem.output_dim();
        let spectral =
            Spectral::of(problem.noise_covariance()).ok_or(LeverError::NotConverged("Σε"))?;
        let mean = spectral.values.iter().sum::<f64>() / size as f64;
        if spectral.smallest() <= 0.0 {
            return Err(LeverError::NoiseSingular);
        }
        let weights = spectral.map(|variance| (variance / mean).powf(-0.5 * position));
        let weights = match &recipe.label_weights {
            Some(LabelWeights::Matrix(before)) => weights * before,
            _ => weights,
        };
        let shown = listed((0..size).map(|i| weights[(i, i)]));
        Ok(Changed {
            problem: problem.clone(),
            recipe: Recipe {
                label_weights: Some(LabelWeights::Matrix(weights)),
                ..recipe.clone()
            },
            words: format!("let the network learn M y, M with the diagonal {shown}"),
        })
    }
}
