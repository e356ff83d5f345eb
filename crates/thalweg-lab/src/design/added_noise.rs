//! Noise added to the labels: to the quiet outputs, until all are as loud as the loudest, or to the loudest.

use std::ops::RangeInclusive;

use faer::Mat;
use thalweg::problem::{Problem, Spectral};
use thalweg::recipe::Recipe;

use super::lever::{Changed, Lever, LeverError, listed, over_decades};

/// From 0 to 1 S = c (λ_max(Σε) I − Σε): c = 1 makes the noise isotropic, and SGD ends at the flattest minimum. Below 0
/// S = c λ_max u uᵀ, u the loudest direction: the noise grows as unequal as wanted.
pub struct AddedNoise;

impl Lever for AddedNoise {
    fn key(&self) -> &'static str {
        "added_noise"
    }

    fn name(&self) -> &'static str {
        "noise added to labels"
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
        let before = recipe.added_noise_covariance.clone();
        let size = problem.output_dim();
        let before = before.unwrap_or_else(|| Mat::zeros(size, size));
        // What the labels have already, smoothed as they are.
        let kept = (1.0 - recipe.label_smoothing).powi(2);
        let noise = faer::Scale(kept) * problem.noise_covariance() + &before;
        let spectral = Spectral::of(noise.as_ref()).ok_or(LeverError::NotConverged("Σε"))?;
        let largest = spectral.largest();
        let added = if position >= 0.0 {
            let level = faer::Scale(largest) * Mat::<f64>::identity(size, size);
            faer::Scale(position) * (level - &noise)
        } else {
            let loudest = spectral.vectors.col(size - 1);
            let scale = over_decades(-position) * largest;
            Mat::from_fn(size, size, |i, j| scale * loudest[i] * loudest[j])
        };
        let deviations = listed((0..size).map(|i| added[(i, i)].max(0.0).sqrt()));
        let diagonal = (0..size).all(|i| (0..i).all(|j| added[(i, j)].abs() < 1e-12 * largest));
        let words = format!(
            "add noise of standard deviations {deviations} to the outputs{}",
            if diagonal {
                ""
            } else {
                ", correlated as `added_noise_covariance` says"
            }
        );
        Ok(Changed {
            problem: problem.clone(),
            recipe: Recipe {
                added_noise_covariance: Some(before + added),
                ..recipe.clone()
            },
            words,
        })
    }
}
