//! Labels weighted against their noise, in part or wholly.

use std::ops::RangeInclusive;

use faer::{Mat, Side};
use thalweg::problem::Problem;
use thalweg::recipe::{LabelWeights, Recipe};

use super::lever::{Changed, Lever, LeverError};

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
        let eigen = problem
            .noise_covariance()
            .self_adjoint_eigen(Side::Lower)
            .map_err(|_| LeverError::NotConverged("Σε"))?;
        let (values, vectors) = (eigen.S().column_vector(), eigen.U());
        let mean = values.iter().sum::<f64>() / size as f64;
        if values[0] <= 0.0 {
            return Err(LeverError::NoiseSingular);
        }
        let scaled = Mat::from_fn(size, size, |i, j| {
            vectors[(i, j)] * (values[j] / mean).powf(-0.5 * position)
        });
        let weights = scaled * vectors.transpose();
        let weights = match &recipe.label_weights {
            Some(LabelWeights::Matrix(before)) => weights * before,
            _ => weights,
        };
        let shown: Vec<String> = (0..size.min(MOST_SHOWN))
            .map(|i| format!("{:.4}", weights[(i, i)]))
            .collect();
        let more = if size > MOST_SHOWN { ", …" } else { "" };
        Ok(Changed {
            problem: problem.clone(),
            recipe: Recipe {
                label_weights: Some(LabelWeights::Matrix(weights)),
                ..recipe.clone()
            },
            words: format!(
                "let the network learn M y, M with the diagonal {}{more}",
                shown.join(", ")
            ),
        })
    }
}

/// The most weights that are listed.
const MOST_SHOWN: usize = 6;
