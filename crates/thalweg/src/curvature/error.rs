//! What can go wrong between an operator and an estimate.

use std::convert::Infallible;

use thiserror::Error;

use crate::Stopped;

/// Why there is no estimate, of an operator whose own error is `E`.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum CurvatureError<E = Infallible> {
    /// A product with the operator failed, and this is its error.
    #[error(transparent)]
    Operator(E),
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
    /// Another thread asked for it ([`stoppable`](crate::stoppable)).
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

impl CurvatureError {
    /// The same error, beside those of an operator that may fail.
    pub fn widen<E>(self) -> CurvatureError<E> {
        self.map_operator(|never| match never {})
    }
}

impl<E> CurvatureError<E> {
    /// The same error, with `convert` of the operator's own.
    pub fn map_operator<F>(self, convert: impl FnOnce(E) -> F) -> CurvatureError<F> {
        self.without_operator()
            .unwrap_or_else(|error| CurvatureError::Operator(convert(error)))
    }

    /// This error beside those of another operator, or else the operator's own.
    fn without_operator<F>(self) -> Result<CurvatureError<F>, E> {
        Ok(match self {
            Self::Operator(error) => return Err(error),
            Self::Setting {
                field,
                found,
                expected,
            } => CurvatureError::Setting {
                field,
                found,
                expected,
            },
            Self::Shape {
                what,
                rows,
                columns,
                expected,
            } => CurvatureError::Shape {
                what,
                rows,
                columns,
                expected,
            },
            Self::NonFinite { matvecs } => CurvatureError::NonFinite { matvecs },
            Self::NotSymmetric { found, tolerance } => {
                CurvatureError::NotSymmetric { found, tolerance }
            }
            Self::Decomposition { what } => CurvatureError::Decomposition { what },
            Self::Stopped(stopped) => CurvatureError::Stopped(stopped),
        })
    }
}

impl<E: From<CurvatureError>> CurvatureError<E> {
    /// One error for both: the operator's own, or `E`'s for an estimate that failed.
    pub fn flatten(self) -> E {
        self.without_operator::<Infallible>()
            .map_or_else(|own| own, E::from)
    }
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
