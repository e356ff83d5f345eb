//! What a predictor is asked, and what it answers.

use thalweg::problem::{Problem, Weights};
use thalweg::recipe::Forces;
use thalweg::simulate::{Ensemble, InitialWeights, SimulateError, SimulateSettings};

use super::Belief;
use crate::quantity::Quantity;
use crate::run::forces_on;

/// Something that predicts the quantities of a run.
pub trait Predictor: Sync {
    /// In data: a field of JSON.
    fn key(&self) -> &'static str;

    /// At the head of a column, and in a sentence after "No".
    fn name(&self) -> &'static str;

    /// In a legend, of what is asked.
    fn legend(&self, question: &Question<'_>) -> &'static str;

    /// What its numbers do not contain, for a reader who sees them beside SGD's.
    fn leaves_out(&self) -> Option<&'static str> {
        None
    }

    /// Whether it says anything that the others do not of SGD run so; `problem` is the one that is in effect learnt.
    fn concerns(&self, problem: &Problem, settings: &SimulateSettings) -> bool {
        let _ = (problem, settings);
        true
    }

    /// What it predicts, or why it has no answer.
    ///
    /// # Errors
    /// When it has none.
    fn answer(&self, question: &Question<'_>) -> Result<Answer, NoAnswer>;
}

/// A run, as a predictor sees it.
#[derive(Clone, Debug)]
pub struct Question<'r> {
    /// The problem that is in effect learnt.
    pub problem: &'r Problem,
    /// How SGD is run on it.
    pub settings: &'r SimulateSettings,
    /// The weights from which the seeds that reached the end started, or the first of these.
    pub starts: &'r [SeedStart],
    /// The steps in question, ascending.
    pub steps: &'r [u64],
    /// What is asked for.
    pub quantities: &'r [Quantity],
}

impl Question<'_> {
    /// How far a step leads in the end: momentum β makes each go on for 1/(1 − β) of them.
    pub fn effective_rate(&self) -> f64 {
        let settings = self.settings;
        settings.recipe.effective_rate(settings.learning_rate)
    }

    /// What moves SGD along the minima beside plain noise.
    pub fn forces(&self) -> Forces {
        let settings = self.settings;
        let step = (settings.learning_rate, settings.batch);
        forces_on(&settings.data, &settings.recipe, step)
    }
}

/// Seeds and the weights from which their runs started.
#[derive(Clone, Debug)]
pub struct SeedStart {
    /// Which ones: all where the weights are given, else a single one.
    pub seeds: Vec<u64>,
    /// W_1 … W_D at step 0.
    pub start: Weights,
}

/// Whether every seed starts from the same weights.
pub(super) fn start_alike(settings: &SimulateSettings) -> bool {
    matches!(settings.init, InitialWeights::Given(_))
}

/// Where `seeds` start, each start once; without those that are not finite.
///
/// # Errors
/// When the settings do not fit the problem.
pub fn starts(
    problem: &Problem,
    settings: &SimulateSettings,
    seeds: &[u64],
) -> Result<Vec<SeedStart>, SimulateError> {
    if seeds.is_empty() {
        return Ok(Vec::new());
    }
    let size = if start_alike(settings) {
        seeds.len()
    } else {
        1
    };
    let groups = seeds.chunks(size);
    let first: Vec<u64> = groups.clone().map(|group| group[0]).collect();
    let weights = Ensemble::start(problem, settings, &first)?.weights();
    Ok(groups
        .zip(weights)
        .filter_map(|(group, start)| {
            Some(SeedStart {
                seeds: group.to_vec(),
                start: start?,
            })
        })
        .collect())
}

/// A predictor's answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The numbers.
    pub values: Values,
    /// How far they are to be believed, where that is known.
    pub belief: Option<Belief>,
}

/// Predicted numbers, of each quantity of the question in its order; `None` where a quantity is not predicted.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// One number each, whatever the start and the step.
    Level(Vec<Option<f64>>),
    /// For each of the starts, for each of the steps.
    Paths(Vec<Vec<Vec<Option<f64>>>>),
}

/// Why a predictor has no answer, as the end of a sentence.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoAnswer(pub String);

impl NoAnswer {
    /// No start is left from which a run could be followed.
    pub(super) fn diverged() -> Self {
        Self(
            "every run diverged, so that there is none to set it beside; choose a smaller learning rate".to_owned(),
        )
    }
}
