//! What can be wrong with a recipe, said so that a person can mend it.

use crate::problem::ProblemError;
use crate::words::{rounded, shown};

/// A recipe that cannot be followed: the field, what was found, and what would be right.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RecipeError {
    /// A number is outside its range.
    #[error("{field} is {}; it must be {right}", shown(*found))]
    OutOfRange {
        /// The field of [`Recipe`](super::Recipe), with dots for nesting.
        field: &'static str,
        /// What was found.
        found: f64,
        /// What would be right.
        right: &'static str,
    },
    /// A covariance does not fit the problem.
    #[error("{field} is {rows} × {columns} where the problem needs it {size} × {size}")]
    Shape {
        /// The field of [`Recipe`](super::Recipe).
        field: &'static str,
        /// Rows given.
        rows: usize,
        /// Columns given.
        columns: usize,
        /// Rows and columns it must have.
        size: usize,
    },
    /// A matrix that is no covariance.
    #[error(
        "{field} is no covariance: {what}; a covariance has finite entries, equals its transpose and has no negative eigenvalue"
    )]
    Covariance {
        /// The field of [`Recipe`](super::Recipe).
        field: &'static str,
        /// What is wrong.
        what: String,
    },
    /// Label weights that cannot be undone.
    #[error(
        "label_weights has singular values from {} to {}: give finite weights that leave no combination of outputs out",
        rounded(*least), rounded(*most)
    )]
    Singular {
        /// The smallest singular value.
        least: f64,
        /// The largest.
        most: f64,
    },
    /// Noise that cannot be made white.
    #[error(
        "label_weights = whiten needs noise on every combination of outputs, and noise_covariance has eigenvalues from {} to {}: add noise, or give the weights themselves",
        rounded(*least), rounded(*most)
    )]
    NoiseSingular {
        /// The smallest eigenvalue.
        least: f64,
        /// The largest.
        most: f64,
    },
    /// What is learnt in effect cannot be a problem.
    #[error("with this recipe the problem that is in effect learnt is refused: {0}")]
    Problem(#[from] ProblemError),
}
