//! Weight decay, from none to as much as the theory, which has it as a weak force, is right about.

use thalweg::flow::{self, Cause, MOST_LEFT_OUT};
use thalweg::problem::Problem;
use thalweg::recipe::Recipe;
use thalweg::simulate::SimulateSettings;

use super::lever::{Changed, Lever, LeverError, Travel, over_decades, six_digits};
use super::solve::Question;
use crate::answer::AnswerError;

/// λ, from what it is up to the largest at which the theory is right, and down to 0.
pub struct WeightDecay;

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
        settings: &'a SimulateSettings,
    ) -> Result<Travel<'a>, LeverError> {
        let recipe = &settings.recipe;
        let now = recipe.weight_decay;
        let largest = largest(problem, settings)?;
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
                100.0 * MOST_LEFT_OUT
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
            limits: [None, limit],
            at: Box::new(at),
        })
    }
}

/// The λ that moves T by [`MOST_LEFT_OUT`] because it moves the minima; none where it does not move them (one layer, nothing to learn).
///
/// That change of T, which every prediction under decay has among what it leaves out, goes about as λ: so λ ← MOST_LEFT_OUT λ/change(λ) converges.
fn largest(problem: &Problem, settings: &SimulateSettings) -> Result<Option<f64>, LeverError> {
    const CLOSE: f64 = 1e-6;
    const MOST_ROUNDS: usize = 60;
    /// Of the most decay that leaves a minimum, where the search begins.
    const SMALL: f64 = 1e-3;
    let learnt = settings.recipe.problem(problem)?;
    let Some(most) = flow::most_decay(&learnt).map_err(AnswerError::input)? else {
        return Ok(None);
    };
    let question = Question::new(problem, settings)?;
    let mut decay = SMALL * most;
    for _ in 0..MOST_ROUNDS {
        let recipe = Recipe {
            weight_decay: decay,
            ..settings.recipe.clone()
        };
        let left_out = question.predicted(problem, &recipe)?.left_out;
        let moved = left_out
            .iter()
            .find(|part| part.cause == Cause::WeightDecay);
        let change = moved.map_or(0.0, |part| part.change.abs());
        if change == 0.0 {
            return Ok(None);
        }
        // Where decay takes a direction away, the change is not known: that is far too much.
        let next = if change.is_finite() {
            MOST_LEFT_OUT * decay / change
        } else {
            SMALL * decay
        };
        let is_close = (next / decay - 1.0).abs() < CLOSE;
        decay = next;
        if is_close {
            break;
        }
    }
    Ok(Some(decay))
}
