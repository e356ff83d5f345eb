//! Why the theory has no answer, with what would give it one.

use crate::problem::{ProblemError, WeightsError};
use crate::words::shown;

/// A question that the theory cannot answer.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum TheoryError {
    /// Σε is singular on directions that the teacher uses, so that no minimum is selected: along
    /// them W_D can grow, and the others shrink, without end while the fluctuation falls.
    #[error(
        "noise_covariance has rank {rank} of {dimension}, and the teacher writes to outputs without noise ({leak:.1e} of V√Σx in norm): Theorem 1 needs noise on every output that the teacher uses, and as one of them loses its noise, T of the minimum grows without bound; give each the noise that it has (a small one, made up, decides T)"
    )]
    NoiseSingular {
        /// rank Σε, below d_y.
        rank: usize,
        /// d_y, the number of outputs.
        dimension: usize,
        /// ‖Π V√Σx‖ / ‖V√Σx‖ with Π the projection on the kernel of Σε.
        leak: f64,
    },
    /// Σε = 0: without noise SGD prefers no minimum over another.
    #[error(
        "noise_covariance is zero: without label noise SGD stays at whichever minimum it reaches first"
    )]
    NoNoise,
    /// Σε is singular where a condition number κ(Σε) or its bounds are asked for.
    #[error(
        "noise_covariance has rank {rank} of {dimension}: its condition number is infinite; give an invertible one"
    )]
    InfiniteCondition {
        /// rank Σε, below d_y.
        rank: usize,
        /// d_y, the number of outputs.
        dimension: usize,
    },
    /// Samples that make no problem.
    #[error(transparent)]
    Problem(#[from] ProblemError),
    /// Weights that do not belong to the problem.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A parameter of the question out of its range.
    #[error("{parameter} is {}: {expected}", shown(*found))]
    Parameter {
        /// Its name.
        parameter: &'static str,
        /// What was given.
        found: f64,
        /// What would be right.
        expected: &'static str,
    },
    /// The wrong number of values in a list.
    #[error("{parameter} has {found} values where {expected} are needed")]
    Count {
        /// Its name.
        parameter: &'static str,
        /// How many were given.
        found: usize,
        /// How many are needed.
        expected: usize,
    },
    /// The minima are no surface over two gains.
    #[error("{what}: a map of the minima over the first layer's two gains needs {needed}")]
    NoValley {
        /// The field of the problem.
        what: &'static str,
        /// What would be right.
        needed: &'static str,
    },
    /// A matrix decomposition did not converge.
    #[error("the {what} did not converge: check the problem for extreme ratios of its entries")]
    NotConverged {
        /// Which computation.
        what: &'static str,
    },
    /// The answer is too large or too small for double precision.
    #[error("{what} is {value}, beyond double precision: change units of inputs or outputs")]
    NotRepresentable {
        /// Which quantity.
        what: &'static str,
        /// What came out.
        value: f64,
    },
}
