//! The weights a run starts from.

use crate::problem::Problem;
use crate::random::Purpose;

use super::reference::Words;
use super::{Init, Settings};

/// W_1 … W_D of `seed` at step 0, each column by column.
pub(super) fn weights(problem: &Problem, settings: &Settings, seed: u64) -> Vec<f64> {
    let words = Words::new(seed, Purpose::Initial, 0);
    let mut weights = Vec::with_capacity(problem.parameters());
    for (k, shape) in problem.widths().windows(2).enumerate() {
        let (fan_in, fan_out) = (shape[0] as f64, shape[1] as f64);
        let deviation = match &settings.init {
            Init::Kaiming { gain } => gain / fan_in.sqrt(),
            Init::Xavier { gain } => gain * (2.0 / (fan_in + fan_out)).sqrt(),
            Init::Normal { deviation } => *deviation,
            Init::Given(given) => {
                let layer = given.layer(k + 1);
                weights.extend(layer.col_iter().flat_map(|c| c.iter().copied()));
                continue;
            }
        };
        for _ in 0..shape[0] * shape[1] {
            weights.push(deviation * words.normal(0, weights.len()));
        }
    }
    weights
}
