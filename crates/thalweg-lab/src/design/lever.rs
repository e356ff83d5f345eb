//! What a lever is asked, and what it answers.

use thalweg::problem::{Problem, ProblemError};
use thalweg::recipe::Recipe;
use thalweg::theory::TheoryError;

/// Something that can be changed so that SGD ends elsewhere.
pub trait Lever: Sync {
    /// On the command line and in data.
    fn key(&self) -> &'static str;

    /// In a table.
    fn name(&self) -> &'static str;

    /// What is changed from 0, nothing, to 1, as far as it goes, one way: the position of a lever has no unit. Where there are two ways,
    /// as more noise here or there, positions below 0 go the other.
    fn positions(&self) -> std::ops::RangeInclusive<f64>;

    /// The problem and the recipe with the lever at `position`, of `problem` trained by `recipe` at η and B = `step`.
    ///
    /// # Errors
    /// When the theory has no answer that the lever is measured by, or the changed problem is none.
    fn at(
        &self,
        position: f64,
        problem: &Problem,
        recipe: &Recipe,
        step: (f64, usize),
    ) -> Result<Changed, LeverError>;
}

/// What a lever makes of a problem.
#[derive(Clone, Debug)]
pub struct Changed {
    /// The problem, changed.
    pub problem: Problem,
    /// What is added to SGD, changed.
    pub recipe: Recipe,
    /// What was done, in words with numbers, as a reader would do it.
    pub words: String,
}

/// Why a lever cannot be moved.
#[derive(Debug, thiserror::Error)]
pub enum LeverError {
    /// The theory has no answer.
    #[error(transparent)]
    Theory(#[from] TheoryError),
    /// The changed problem is refused.
    #[error(transparent)]
    Problem(#[from] ProblemError),
    /// Noise that weights cannot even out.
    #[error(
        "labels cannot be weighted against their noise where it is singular: add noise to the outputs without any"
    )]
    NoiseSingular,
    /// An eigenvalue iteration did not converge.
    #[error("the eigenvalues of {0} do not converge")]
    NotConverged(&'static str),
}

/// 10^−6 … 10^6 as the position goes from 0 to 1, and 0 at 0.
pub(super) fn over_decades(position: f64) -> f64 {
    const DECADES: f64 = 6.0;
    if position == 0.0 {
        0.0
    } else {
        10f64.powf(DECADES * (2.0 * position - 1.0))
    }
}

/// The most numbers that are listed in words.
const MOST_LISTED: usize = 6;

/// The first of `numbers`, with four decimals.
pub(super) fn listed(numbers: impl ExactSizeIterator<Item = f64>) -> String {
    let more = if numbers.len() > MOST_LISTED {
        ", …"
    } else {
        ""
    };
    let shown: Vec<String> = numbers
        .take(MOST_LISTED)
        .map(|number| format!("{number:.4}"))
        .collect();
    shown.join(", ") + more
}
