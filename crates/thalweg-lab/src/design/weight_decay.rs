//! Weight decay, from none to so much that it decides alone.

use std::ops::RangeInclusive;

use thalweg::problem::Problem;
use thalweg::recipe::Recipe;
use thalweg::theory;

use super::lever::{Changed, Lever, LeverError, over_decades};

/// λ in units of the decay that is as strong as the noise at Theorem 1's minimum: F/4 = (λB/η) ½ Σ‖W_k‖².
pub struct WeightDecay;

impl Lever for WeightDecay {
    fn key(&self) -> &'static str {
        "weight_decay"
    }

    fn name(&self) -> &'static str {
        "weight decay"
    }

    fn positions(&self) -> RangeInclusive<f64> {
        0.0..=1.0
    }

    fn at(
        &self,
        position: f64,
        problem: &Problem,
        recipe: &Recipe,
        (learning_rate, batch): (f64, usize),
    ) -> Result<Changed, LeverError> {
        let minimum = theory::predict(problem)?;
        let weights = minimum.minimum.weights()?;
        let norm: f64 = weights.layers().iter().map(|w| w.squared_norm_l2()).sum();
        let rate = recipe.effective_rate(learning_rate);
        let as_strong = minimum.fluctuation / (2.0 * norm) * rate / batch as f64;
        let weight_decay = recipe.weight_decay + over_decades(position) * as_strong;
        Ok(Changed {
            problem: problem.clone(),
            recipe: Recipe {
                weight_decay,
                ..recipe.clone()
            },
            words: format!("weight decay {weight_decay:.4e}"),
        })
    }
}
