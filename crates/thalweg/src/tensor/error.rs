//! What can be wrong with a tape, and with what it is given.

/// Shapes that do not fit together while a tape is recorded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TensorError {
    /// A variable does not have the shape an operation needs.
    #[error(
        "{operation} needs {rows} rows at {positions} positions, and was given {found_rows} at {found_positions}"
    )]
    Shape {
        /// What was to be recorded.
        operation: &'static str,
        /// Rows needed.
        rows: usize,
        /// Positions needed.
        positions: usize,
        /// Rows given.
        found_rows: usize,
        /// Positions given.
        found_positions: usize,
    },
    /// An operation over groups of lines was given one position of a longer variable.
    #[error("{operation} needs whole variables, and was given one position of a longer one")]
    Scattered {
        /// What was to be recorded.
        operation: &'static str,
    },
    /// Something that must not be empty is.
    #[error("{what} must not be empty")]
    Empty {
        /// What.
        what: &'static str,
    },
    /// Groups of lines leave lines out or share some.
    #[error("the groups of {operation} must hold each of its {lines} lines once")]
    Groups {
        /// What was to be recorded.
        operation: &'static str,
        /// Lines of its variable.
        lines: usize,
    },
    /// Two parameters have one name.
    #[error("there are two parameters named {name}")]
    Name {
        /// The name.
        name: String,
    },
    /// A parameter that no operation reads.
    #[error("parameter {name} is not used")]
    Unused {
        /// Its name.
        name: String,
    },
}
