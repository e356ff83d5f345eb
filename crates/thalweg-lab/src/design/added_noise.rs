//! Noise added to the labels: to the quiet outputs, until all are as loud as the loudest, or to the loudest.

use faer::linalg::solvers::DenseSolveCore;
use faer::{Col, Mat};
use thalweg::problem::{Problem, Spectral};
use thalweg::recipe::{LabelWeights, Recipe};
use thalweg::simulate::SimulateSettings;

use super::lever::{Changed, Lever, LeverError, Travel, Written, over_decades, written};

/// With N the covariance of the noise that is in effect learnt, from 0 to 1 c (λ_max(N) I − N) is added to it: c = 1 makes the noise
/// isotropic, and SGD ends at the flattest minimum. Below 0 c λ_max(N) u uᵀ is, u the loudest direction, and of several as loud that in which the signal is
/// strongest: the noise grows as unequal as wanted, and where it is isotropic now noise and signal keep their axes.
/// What labels get is S = M⁻¹ (…) M⁻ᵀ where they are multiplied by M.
///
/// Under [`LabelWeights::Whiten`], whose M follows whatever is added, N is the labels' own noise and M counts as the identity here.
pub struct AddedNoise;

/// The most noise that is added to the loudest direction, in units of what there is.
const MOST: f64 = 1e6;

impl Lever for AddedNoise {
    fn key(&self) -> &'static str {
        "added_noise"
    }

    fn name(&self) -> &'static str {
        "noise added to labels"
    }

    fn travel<'a>(
        &self,
        problem: &'a Problem,
        settings: &'a SimulateSettings,
    ) -> Result<Travel<'a>, LeverError> {
        let recipe = &settings.recipe;
        let size = problem.output_dim();
        let noise = match &recipe.label_weights {
            Some(LabelWeights::Whiten) => recipe.label_noise(problem)?,
            _ => recipe.problem(problem)?.noise_covariance().to_owned(),
        };
        let unweighted = match &recipe.label_weights {
            Some(LabelWeights::Matrix(weights)) => weights.partial_piv_lu().inverse(),
            _ => Mat::identity(size, size),
        };
        let before = recipe.added_noise_covariance.clone();
        let before = before.unwrap_or_else(|| Mat::zeros(size, size));
        let spectral = Spectral::of(noise.as_ref()).ok_or(LeverError::NotConverged("Σε"))?;
        let largest = spectral.largest();
        let lacking = faer::Scale(largest) * Mat::<f64>::identity(size, size) - &noise;
        let loudest = loudest(problem, &spectral)?;
        let at = move |position: f64| {
            let learnt = if position >= 0.0 {
                faer::Scale(position) * &lacking
            } else {
                let scale = MOST * over_decades(-position) * largest;
                Mat::from_fn(size, size, |i, j| scale * loudest[i] * loudest[j])
            };
            let added = &before + &unweighted * learnt * unweighted.transpose();
            let added = faer::Scale(0.5) * (&added + added.transpose());
            Ok(Changed {
                problem: problem.clone(),
                words: words(&added, recipe.added_noise_covariance.is_some()),
                recipe: Recipe {
                    added_noise_covariance: Some(added),
                    ..recipe.clone()
                },
            })
        };
        Ok(Travel {
            positions: -1.0..=1.0,
            limits: [
                Some(format!(
                    "with at most {MOST:e} times the variance of the loudest direction added to it"
                )),
                None,
            ],
            at: Box::new(at),
        })
    }
}

/// Eigenvalues nearer to the largest than by this part of it are as large.
const AS_LOUD: f64 = 1e-6;

/// u of [`AddedNoise`].
fn loudest(problem: &Problem, noise: &Spectral) -> Result<Col<f64>, LeverError> {
    let size = noise.values.len();
    let is_as_loud = |value: &&f64| **value >= (1.0 - AS_LOUD) * noise.largest();
    let count = noise
        .values
        .iter()
        .rev()
        .take_while(is_as_loud)
        .count()
        .max(1);
    let axes = noise.vectors.subcols(size - count, count);
    let signal = axes.transpose() * problem.teacher() * problem.input_factor().matrix();
    let strongest = Spectral::of((&signal * signal.transpose()).as_ref());
    let strongest = strongest.ok_or(LeverError::NotConverged("VΣxVᵀ"))?;
    Ok(axes * strongest.vectors.col(count - 1))
}

/// What S is, which takes the place of what is added already where there is something.
fn words(added: &Mat<f64>, already: bool) -> String {
    let instead = if already {
        ", in place of what is added now"
    } else {
        ""
    };
    match written(added, |variance| variance.max(0.0).sqrt()) {
        Written::Diagonal(deviations) => {
            format!("add noise of standard deviations {deviations} to the outputs{instead}")
        }
        Written::Rows(rows) => {
            format!(
                "add noise of covariance {rows} to the outputs{instead} (`added_noise_covariance` in a file)"
            )
        }
        Written::Elsewhere => {
            format!(
                "add noise to the outputs of the covariance that JSON has as `added_noise_covariance`{instead}"
            )
        }
    }
}
