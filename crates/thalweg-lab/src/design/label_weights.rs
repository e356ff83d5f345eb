//! Labels weighted against their noise, in part or wholly.

use faer::Mat;
use thalweg::problem::{Problem, Spectral};
use thalweg::recipe::{LabelWeights, Recipe};
use thalweg::simulate::SimulateSettings;

use super::lever::{Changed, Lever, LeverError, Travel, Written, written};

/// Labels are multiplied by P = (N/σ²)^{−s/2} besides what they are multiplied by already, N the covariance of the noise that is in effect
/// learnt and σ² its mean variance: s = 1 makes the noise isotropic, and the network, which then learns P y, ends at its flattest minimum.
/// T, T_min and λ_max are those of that loss.
///
/// Where labels are whitened, N has nothing to even out, and s below 0 takes the whitening back: there N is the labels' noise before it,
/// and s = −1 leaves them as they were, apart from a factor.
pub struct WeightedLabels;

/// Noise of which the quietest direction is below this fraction of the loudest is singular.
const SINGULAR: f64 = 1e-14;

impl Lever for WeightedLabels {
    fn key(&self) -> &'static str {
        "label_weights"
    }

    fn name(&self) -> &'static str {
        "labels weighted"
    }

    fn travel<'a>(
        &self,
        problem: &'a Problem,
        settings: &'a SimulateSettings,
    ) -> Result<Travel<'a>, LeverError> {
        let recipe = &settings.recipe;
        let size = problem.output_dim();
        let learnt = recipe.problem(problem)?.noise_covariance().to_owned();
        let evened = match &recipe.label_weights {
            Some(LabelWeights::Whiten) => recipe.label_noise(problem)?,
            _ => learnt.clone(),
        };
        let [ahead, back] = [&learnt, &evened].map(|noise| {
            let spectral = Spectral::of(noise.as_ref()).ok_or(LeverError::NotConverged("Σε"))?;
            if spectral.smallest() <= SINGULAR * spectral.largest() {
                return Err(LeverError::NoiseSingular);
            }
            Ok(spectral)
        });
        let (ahead, back) = (ahead?, back?);
        let before = recipe.label_multiplier(problem)?;
        let before = before.unwrap_or_else(|| Mat::identity(size, size));
        let at = move |position: f64| {
            let noise = if position >= 0.0 { &ahead } else { &back };
            let mean = noise.values.iter().sum::<f64>() / size as f64;
            let power = noise.map(|variance| (variance / mean).powf(-0.5 * position));
            let weights = power * &before;
            Ok(Changed {
                problem: problem.clone(),
                words: words(&weights),
                recipe: Recipe {
                    label_weights: Some(LabelWeights::Matrix(weights)),
                    ..recipe.clone()
                },
            })
        };
        Ok(Travel {
            positions: -1.0..=1.0,
            limits: [None, None],
            at: Box::new(at),
        })
    }
}

fn words(weights: &Mat<f64>) -> String {
    let weights = match written(weights, |weight| weight) {
        Written::Diagonal(diagonal) => format!("M with the diagonal {diagonal}"),
        Written::Rows(rows) => format!("M = {rows} (`label_weights` in a file)"),
        Written::Elsewhere => "M as JSON has it as `label_weights`".to_owned(),
    };
    format!(
        "let the network learn M y, {weights}; T, T_min and λ_max are then those of that other problem"
    )
}
