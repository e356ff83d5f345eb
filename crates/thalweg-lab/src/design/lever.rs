//! What a lever is asked, and what it answers.

use std::ops::RangeInclusive;

use faer::Mat;
use thalweg::problem::{Problem, ProblemError};
use thalweg::recipe::{Recipe, RecipeError};
use thalweg::simulate::SimulateSettings;
use thalweg::theory::TheoryError;

use crate::answer::AnswerError;

/// Something that can be changed so that SGD ends elsewhere.
pub trait Lever: Sync {
    /// On the command line and in data.
    fn key(&self) -> &'static str;

    /// In a table.
    fn name(&self) -> &'static str;

    /// How it moves, for SGD on `problem` by `settings`.
    ///
    /// # Errors
    /// When the theory has no answer that the lever is measured by.
    fn travel<'a>(
        &self,
        problem: &'a Problem,
        settings: &'a SimulateSettings,
    ) -> Result<Travel<'a>, LeverError>;
}

/// Where a lever can stand, and what it makes there.
pub struct Travel<'a> {
    /// What is changed from 0, nothing, to 1, as far as it goes, one way: the position of a lever has no unit. Where there are two ways,
    /// as more noise here or there, positions below 0 go the other.
    pub positions: RangeInclusive<f64>,
    /// Why it goes no further below 0, and above, in words that stand in brackets, where that is not in the nature of things.
    pub limits: [Option<String>; 2],
    /// The problem and the recipe with the lever at a position.
    pub at: Box<Make<'a>>,
}

/// What a lever makes at a position; it changes continuously with it.
pub type Make<'a> = dyn Fn(f64) -> Result<Changed, LeverError> + 'a;

/// What a lever makes of a problem.
#[derive(Clone, Debug)]
pub struct Changed {
    /// The problem, changed.
    pub problem: Problem,
    /// What is added to SGD, changed.
    pub recipe: Recipe,
    /// What is to be done, in words with numbers that say all of it, unless it is too long for words.
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
    /// What is added to SGD does not fit the problem.
    #[error(transparent)]
    Recipe(#[from] RecipeError),
    /// There is no prediction.
    #[error(transparent)]
    Answer(#[from] AnswerError),
    /// Noise that weights cannot even out.
    #[error(
        "labels cannot be weighted against their noise where it is singular: add noise to the outputs without any"
    )]
    NoiseSingular,
    /// An eigenvalue iteration did not converge.
    #[error("the eigenvalues of {0} do not converge")]
    NotConverged(&'static str),
}

/// (10^(12 p) − 1)/(10^12 − 1): from 0 to 1 as p does, over twelve decades.
pub(super) fn over_decades(position: f64) -> f64 {
    const DECADES: f64 = 12.0;
    let ten = std::f64::consts::LN_10;
    (DECADES * ten * position).exp_m1() / (DECADES * ten).exp_m1()
}

/// The most numbers that are written out in words.
const MOST_WRITTEN: usize = 36;

/// What a matrix is to the reader: its diagonal where it has no more, else all of it as a file has it, or where to find it.
pub(super) enum Written {
    /// The diagonal, with commas between.
    Diagonal(String),
    /// `[[1, 0.5], [0.5, 2]]`.
    Rows(String),
    /// Too large to be written out.
    Elsewhere,
}

/// `matrix`, its diagonal as `shown` makes it.
pub(super) fn written(matrix: &Mat<f64>, shown: impl Fn(f64) -> f64) -> Written {
    /// Entries below this fraction of the largest are rounding.
    const ROUNDING: f64 = 1e-12;
    let (rows, columns) = (matrix.nrows(), matrix.ncols());
    let largest = matrix.norm_max();
    let is_zero = |x: f64| x.abs() <= ROUNDING * largest;
    let entry = |i: usize, j: usize| {
        let x = matrix[(i, j)];
        if is_zero(x) { 0.0 } else { x }
    };
    if (0..columns).all(|j| (0..rows).all(|i| i == j || is_zero(matrix[(i, j)]))) {
        if rows > MOST_WRITTEN {
            return Written::Elsewhere;
        }
        let numbers = (0..rows).map(|i| six_digits(shown(entry(i, i))));
        return Written::Diagonal(numbers.collect::<Vec<_>>().join(", "));
    }
    if rows * columns > MOST_WRITTEN {
        return Written::Elsewhere;
    }
    let row = |i: usize| {
        let numbers = (0..columns).map(|j| plain(entry(i, j)));
        format!("[{}]", numbers.collect::<Vec<_>>().join(", "))
    };
    let rows = (0..rows).map(row).collect::<Vec<_>>().join(", ");
    Written::Rows(format!("[{rows}]"))
}

/// Six significant digits of it at most, so that who types them in gets what was predicted; with an exponent outside 10⁻⁴ … 10⁶.
pub(super) fn six_digits(x: f64) -> String {
    plain(format!("{x:.5e}").parse().unwrap_or(x))
}

/// All digits of it, as a matrix needs them: with fewer a covariance of low rank is none any more.
fn plain(x: f64) -> String {
    if x == 0.0 || (1e-4..1e6).contains(&x.abs()) {
        x.to_string()
    } else {
        format!("{x:e}")
    }
}
