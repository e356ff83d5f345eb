//! What can be wrong with a problem, said so that a person can mend it.

/// A problem that cannot be accepted: the field, what was found, and what would be right.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ProblemError {
    /// D = 0.
    #[error("depth is 0; a network has at least one layer: give depth = 1 or more")]
    ZeroDepth,
}
