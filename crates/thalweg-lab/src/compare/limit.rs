//! The exact limit, whatever the start: Theorem 1's minimum, or where the forces beside the noise balance it.

use thalweg::flow::{self, Drift, FlowError, FlowSettings, Validity, Waypoint, own_drift_is_quick};
use thalweg::problem::Problem;
use thalweg::recipe::Forces;
use thalweg::theory;

use super::believed_in;
use super::predictor::{Answer, NoAnswer, Predictor, Question, Values};
use crate::run::is_reshuffled;
use crate::spec::Data;

/// Where SGD ends as η → 0 and t → ∞.
pub struct ExactLimit;

impl Predictor for ExactLimit {
    fn key(&self) -> &'static str {
        "limit"
    }

    fn name(&self) -> &'static str {
        "limit t → ∞"
    }

    fn legend(&self, question: &Question<'_>) -> &'static str {
        if flow::ends_at_theorem_1(question.problem, &question.forces()) {
            "exact limit (Theorem 1)"
        } else {
            "limit t → ∞ under all forces"
        }
    }

    fn answer(&self, question: &Question<'_>) -> Result<Answer, NoAnswer> {
        let found =
            theory::predict(question.problem).map_err(|error| NoAnswer(error.to_string()))?;
        let forces = question.forces();
        let recipe = &question.settings.recipe;
        let no_answer = |error: FlowError| NoAnswer(error.to_string());
        let drift = drift_to_end(question.problem, forces, &question.settings.data);
        let (limit, weights) = if flow::ends_at_theorem_1(question.problem, &forces) {
            (flow::Limit::from(&found), None)
        } else {
            flow::decay_leaves_a_minimum(question.problem, recipe.weight_decay)
                .map_err(no_answer)?;
            let end = rest_by(drift, question.problem, forces).map_err(no_answer)?;
            let weights = end.weights.clone();
            (flow::Limit::from(end), Some(weights))
        };
        let step = (question.effective_rate(), question.settings.batch);
        let validity = Validity::at(
            question.problem,
            [limit.lambda_max, limit.fluctuation],
            step.0,
            step.1,
        )
        .under(question.problem, recipe, step, || match weights {
            Some(weights) => Ok(weights),
            None => Ok(found.minimum.weights()?),
        })
        .map(|validity| validity.with_axes_followed(drift == Drift::Exact))
        .map_err(no_answer)?;
        let level = question
            .quantities
            .iter()
            .map(|quantity| quantity.at_limit(&limit))
            .collect();
        Ok(Answer {
            values: Values::Level(level),
            belief: Some(believed_in(question.problem, question.settings, validity)),
        })
    }
}

/// By which drift the end under `forces` beside the noise is sought, where SGD is run on `data`: the exact one also where noise and signal have different
/// axes, if it is quickly followed and no epoch's order keeps the axes from counting.
pub(crate) fn drift_to_end(problem: &Problem, forces: Forces, data: &Data) -> Drift {
    if !forces.are_noise_alone() && own_end_is_quick(problem, data) {
        Drift::Exact
    } else {
        Drift::that_follows(problem, &forces)
    }
}

/// Whether noise and signal have different axes, so that SGD run on `data` ends where the exact drift rests, and that is quickly found.
pub(crate) fn own_end_is_quick(problem: &Problem, data: &Data) -> bool {
    flow::is_turned(problem) && !is_reshuffled(data) && own_drift_is_quick(problem)
}

/// Where the flow along the minima ends under `forces`: by symmetric generators where they follow all of them, else by the exact drift.
///
/// # Errors
/// See [`flow::rest`].
pub fn rest(problem: &Problem, forces: Forces) -> Result<Waypoint, FlowError> {
    rest_by(Drift::that_follows(problem, &forces), problem, forces)
}

/// The same by `drift`.
pub(crate) fn rest_by(
    drift: Drift,
    problem: &Problem,
    forces: Forces,
) -> Result<Waypoint, FlowError> {
    let settings = FlowSettings {
        drift,
        forces,
        ..FlowSettings::default()
    };
    flow::rest(problem, &settings)
}
