//! The exact limit: Theorem 1's minimum, whatever the start.

use thalweg::flow::{self, Validity};
use thalweg::theory;

use super::predictor::{Answer, NoAnswer, Predictor, Question, Values};

/// Where SGD ends as η → 0 and t → ∞.
pub struct ExactLimit;

impl Predictor for ExactLimit {
    fn key(&self) -> &'static str {
        "limit"
    }

    fn name(&self) -> &'static str {
        "limit t → ∞"
    }

    fn legend(&self) -> &'static str {
        "exact limit (Theorem 1)"
    }

    fn answer(&self, question: &Question<'_>) -> Result<Answer, NoAnswer> {
        let found =
            theory::predict(question.problem).map_err(|error| NoAnswer(error.to_string()))?;
        let validity =
            Validity::at_minimum(&found, question.effective_rate(), question.settings.batch);
        let limit = flow::Limit::from(&found);
        let level = question
            .quantities
            .iter()
            .map(|quantity| quantity.at_limit(&limit))
            .collect();
        Ok(Answer {
            values: Values::Level(level),
            belief: Some(validity.into()),
        })
    }
}
