//! Where theory says that a cell ends, for its row.

use std::collections::HashMap;

use thalweg::theory;

use super::cell::CellExperiment;
use crate::compare::{ExactLimit, Predictor, Question, Values};
use crate::quantity;

/// The exact limit η → 0, t → ∞ of a cell.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Limits {
    /// By the quantity's key.
    pub(super) limit: HashMap<String, f64>,
    /// T of the flattest minimum, eq. 15.
    pub(super) flattest: Option<f64>,
}

impl Limits {
    /// Those of a deep linear network on the problem that is in effect learnt; nothing where there is no theory.
    pub(super) fn of(experiment: &CellExperiment) -> Self {
        let CellExperiment::Simulate(experiment) = experiment else {
            return Self::default();
        };
        let settings = &experiment.settings;
        let Ok(problem) = settings.recipe.problem(&experiment.problem) else {
            return Self::default();
        };
        let quantities = quantity::simulated(problem.depth());
        let question = Question {
            problem: &problem,
            settings,
            starts: &[],
            steps: &[],
            quantities: &quantities,
        };
        let level = match ExactLimit.answer(&question) {
            Ok(answer) => match answer.values {
                Values::Level(level) => level,
                Values::Paths(_) => Vec::new(),
            },
            Err(_) => Vec::new(),
        };
        let named = quantities.iter().zip(level);
        Self {
            limit: named
                .filter_map(|(quantity, value)| Some((quantity.key.to_string(), value?)))
                .collect(),
            flattest: theory::predict(&problem)
                .ok()
                .map(|found| found.min_sharpness),
        }
    }
}
