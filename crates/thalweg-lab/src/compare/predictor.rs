//! What a predictor is asked, and what it answers.

use thalweg::problem::{Problem, Weights};
use thalweg::simulate::Settings;

use super::Belief;

/// Something that predicts the quantities of a run.
pub trait Predictor: Sync {
    /// In data: a field of JSON.
    fn key(&self) -> &'static str;

    /// At the head of a column, and in a sentence after "No".
    fn name(&self) -> &'static str;

    /// In a legend.
    fn legend(&self) -> &'static str;

    /// What its numbers do not contain, for a reader who sees them beside SGD's.
    fn leaves_out(&self) -> Option<&'static str> {
        None
    }

    /// Whether it says anything of `problem` that the others do not.
    fn concerns(&self, problem: &Problem) -> bool {
        let _ = problem;
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
    /// The problem.
    pub problem: &'r Problem,
    /// How SGD is run on it.
    pub settings: &'r Settings,
    /// The seeds that reached the end, or the first of them, with the weights from which they started.
    pub starts: &'r [Seed],
    /// The steps in question, ascending.
    pub steps: &'r [u64],
}

/// A seed and the weights from which its run started.
#[derive(Clone, Debug)]
pub struct Seed {
    /// Which one.
    pub seed: u64,
    /// W_1 … W_D at step 0.
    pub start: Weights,
}

/// A predictor's answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The numbers.
    pub values: Values,
    /// How far they are to be believed, where that is known.
    pub belief: Option<Belief>,
}

/// Predicted numbers, of each quantity of [`compared`](crate::quantity::compared) in its order; `None`
/// where a quantity is not predicted.
#[derive(Clone, Debug)]
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
