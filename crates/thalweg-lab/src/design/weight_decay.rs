//! Weight decay, from none to as much as the theory, which has it as a weak force, is right about.

use thalweg::problem::Problem;
use thalweg::recipe::Recipe;
use thalweg::theory::Curvature;

use super::lever::{Changed, Lever, LeverError, Travel, over_decades, six_digits};
use crate::answer::{PredictAnswer, Prepared};

/// λ, from what it is up to the largest at which the theory is right, and down to 0.
pub struct WeightDecay;

/// The most by which decay may move T by moving the minima themselves, which predictions leave out, relative to T.
pub(super) const MOST_SHIFT: f64 = 0.01;

impl Lever for WeightDecay {
    fn key(&self) -> &'static str {
        "weight_decay"
    }

    fn name(&self) -> &'static str {
        "weight decay"
    }

    fn travel<'a>(
        &self,
        problem: &'a Problem,
        recipe: &'a Recipe,
        step: (f64, usize),
    ) -> Result<Travel<'a>, LeverError> {
        let now = recipe.weight_decay;
        let largest = largest(problem, recipe, step)?;
        let least = if now > 0.0 { -1.0 } else { 0.0 };
        let most = if largest.is_some_and(|largest| largest > now) {
            1.0
        } else {
            0.0
        };
        let limit = largest.map(|largest| {
            format!(
                "with λ of at most {}: more of it moves the minima themselves, and T by over {} % that is left out of the prediction",
                six_digits(largest),
                100.0 * MOST_SHIFT
            )
        });
        let at = move |position: f64| {
            let weight_decay = if position >= 0.0 {
                now + (largest.unwrap_or(now) - now) * over_decades(position)
            } else {
                now * over_decades(1.0 + position)
            };
            Ok(Changed {
                problem: problem.clone(),
                recipe: Recipe {
                    weight_decay,
                    ..recipe.clone()
                },
                words: format!("weight decay {}", six_digits(weight_decay)),
            })
        };
        Ok(Travel {
            positions: least..=most,
            limit,
            at: Box::new(at),
        })
    }
}

/// The λ at which [`shift`] is [`MOST_SHIFT`]; none where decay does not move the minima (one layer, nothing to learn).
///
/// The shift is λ times what changes slowly with λ, the curvature where SGD ends: so λ ← MOST_SHIFT λ/shift(λ) converges.
fn largest(
    problem: &Problem,
    recipe: &Recipe,
    step: (f64, usize),
) -> Result<Option<f64>, LeverError> {
    const CLOSE: f64 = 1e-6;
    const MOST_ROUNDS: usize = 60;
    let mut decay = recipe.weight_decay;
    for _ in 0..MOST_ROUNDS {
        let per_decay = shift(problem, recipe, step, decay)?;
        if per_decay <= 0.0 || !per_decay.is_finite() {
            return Ok(None);
        }
        let next = MOST_SHIFT / per_decay;
        let is_close = (next / decay - 1.0).abs() < CLOSE;
        decay = next;
        if is_close {
            break;
        }
    }
    Ok(Some(decay))
}

/// By how much decay moves T because it moves the minima, to first order in λ, over λ, where SGD ends under `decay`.
///
/// A minimum of L + (λ/2) Σ‖W_k‖² has J δw = −λ (J Jᵀ)⁺ J w off the minima of L, J the Jacobian of the product (W_D…W_1) X at them, J Jᵀ = K and
/// X Xᵀ = Σx. The product has degree D in the weights, J w = D V X, so that it is D λ K⁺ (V X) short of V X; and T goes as the
/// power 2 − 2/D of V (eq. 14, eq. 15): δT/T = −(2 − 2/D) D λ ‖K⁺ V X‖/‖V X‖. Exact where that shortfall is along V X, as for
/// V = Σx = I. Beyond the paper.
fn shift(
    problem: &Problem,
    recipe: &Recipe,
    step: (f64, usize),
    decay: f64,
) -> Result<f64, LeverError> {
    let recipe = Recipe {
        weight_decay: decay,
        ..recipe.clone()
    };
    let prepared = Prepared::new(problem, recipe, Some(step))?;
    let answer = PredictAnswer::new(&prepared, false)?;
    let curvature = Curvature::new(answer.problem, &answer.end_weights()?)?;
    let signal = answer.problem.teacher() * answer.problem.input_factor().matrix();
    let lacking = curvature.solve(signal.as_ref());
    let layers = problem.depth() as f64;
    Ok(2.0 * (layers - 1.0) * lacking.norm_l2() / signal.norm_l2())
}
