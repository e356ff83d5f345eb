//! Networks that cannot be.

use crate::tensor::TensorError;

/// A network's description that cannot be built: the field, what was found, and what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// A number of units, steps, heads or blocks does not make sense.
    #[error("{field} is {found}: give {expected}")]
    Size {
        /// The field.
        field: &'static str,
        /// What was given.
        found: usize,
        /// What would be right.
        expected: &'static str,
    },
    /// A chance of dropout is none, or 1.
    #[error("{field} is {found}: give a chance of at least 0 and below 1")]
    Chance {
        /// The field.
        field: &'static str,
        /// What was given.
        found: String,
    },
    /// The heads do not share the width evenly.
    #[error("{heads} heads cannot share a width of {width}: give a divisor of it")]
    Heads {
        /// Heads given.
        heads: usize,
        /// Width given.
        width: usize,
    },
    /// A network of a fixed length was to run on sequences of another.
    #[error("the network takes sequences of {expected} positions, and {found} are given")]
    Positions {
        /// Positions given.
        found: usize,
        /// The network's own.
        expected: usize,
    },
    /// The recording was refused.
    #[error(transparent)]
    Tensor(#[from] TensorError),
}

/// `found`, if it is at least 1.
pub(super) fn positive(field: &'static str, found: usize) -> Result<usize, ModelError> {
    if found > 0 {
        return Ok(found);
    }
    Err(ModelError::Size {
        field,
        found,
        expected: "at least 1",
    })
}
