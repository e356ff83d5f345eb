//! What can go wrong between an operator and an estimate.

use thiserror::Error;

/// Why there is no estimate.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum CurvatureError {
    /// A setting outside its range.
    #[error("{field} = {found}: must be {expected}")]
    Setting {
        /// The setting.
        field: &'static str,
        /// What it was.
        found: String,
        /// What would be right.
        expected: String,
    },
    /// A matrix of the wrong shape.
    #[error("{what} is {rows} × {columns}: must be {expected}")]
    Shape {
        /// The matrix.
        what: &'static str,
        /// Its rows.
        rows: usize,
        /// Its columns.
        columns: usize,
        /// What would be right.
        expected: String,
    },
    /// The operator returned infinities or NaN.
    #[error("the operator returned numbers that are not finite (by product {matvecs})")]
    NonFinite {
        /// Products made so far.
        matvecs: usize,
    },
    /// xᵀ(A y) and yᵀ(A x) differ.
    #[error(
        "the operator is not symmetric: ‖A − Aᵀ‖ ≈ {found:.1e} ‖A‖, more than {tolerance:.1e} ‖A‖"
    )]
    NotSymmetric {
        /// Estimate of ‖A − Aᵀ‖/‖A‖ (Frobenius).
        found: f64,
        /// The largest that was allowed.
        tolerance: f64,
    },
    /// A small dense decomposition failed.
    #[error("the {what} did not converge")]
    Decomposition {
        /// The decomposition.
        what: &'static str,
    },
}

/// `Ok` if `valid`, else the error of a setting.
pub(super) fn require(
    valid: bool,
    field: &'static str,
    found: impl ToString,
    expected: impl ToString,
) -> Result<(), CurvatureError> {
    if valid {
        return Ok(());
    }
    Err(CurvatureError::Setting {
        field,
        found: found.to_string(),
        expected: expected.to_string(),
    })
}
