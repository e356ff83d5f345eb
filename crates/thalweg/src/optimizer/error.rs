//! What can be wrong with an optimiser's settings.

use crate::words::shown;

/// A setting that no run could honour: the field, what was found, and what would be right.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{field} is {}; it must be {right}", shown(*found))]
pub struct OptimizerError {
    /// The field as files have it, with dots for nesting.
    pub field: &'static str,
    /// What was found.
    pub found: f64,
    /// What would be right.
    pub right: &'static str,
}

/// An error unless `holds`.
pub(crate) fn require(
    holds: bool,
    field: &'static str,
    found: f64,
    right: &'static str,
) -> Result<(), OptimizerError> {
    if holds {
        return Ok(());
    }
    Err(OptimizerError {
        field,
        found,
        right,
    })
}
