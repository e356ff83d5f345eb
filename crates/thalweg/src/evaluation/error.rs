//! What can be wrong with a set of samples, or with the point it is evaluated at.

use thiserror::Error;

use crate::Stopped;
use crate::curvature::CurvatureError;

/// Why there is no evaluation.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum EvaluationError {
    /// Inputs or targets do not fit the network or each other.
    #[error("the {what} are {rows} × {columns}: must be {expected}")]
    Shape {
        /// Inputs or targets.
        what: &'static str,
        /// Lines found.
        rows: usize,
        /// Samples found.
        columns: usize,
        /// What would be right.
        expected: String,
    },
    /// A number that is not finite.
    #[error("{what} {index} is {value}: must be finite")]
    NonFinite {
        /// What holds it.
        what: &'static str,
        /// Where: for inputs and targets the sample.
        index: usize,
        /// The number.
        value: f64,
    },
    /// A number of something does not make sense.
    #[error("{what}: {found} given, {expected} needed")]
    Count {
        /// Of what.
        what: &'static str,
        /// What was given.
        found: usize,
        /// What would be right.
        expected: String,
    },
    /// An estimate failed.
    #[error(transparent)]
    Curvature(#[from] CurvatureError),
}

impl From<CurvatureError<Self>> for EvaluationError {
    fn from(error: CurvatureError<Self>) -> Self {
        error.flatten()
    }
}

impl From<Stopped> for EvaluationError {
    fn from(stopped: Stopped) -> Self {
        Self::Curvature(stopped.into())
    }
}

/// `Ok` if all of `numbers` are finite.
pub(super) fn finite<'a>(
    what: &'static str,
    numbers: impl Iterator<Item = (usize, &'a f64)>,
) -> Result<(), EvaluationError> {
    for (index, &value) in numbers {
        if !value.is_finite() {
            return Err(EvaluationError::NonFinite { what, index, value });
        }
    }
    Ok(())
}
