//! Which of Python's exceptions an error is: `ValueError` where what was given can be mended, `RuntimeError` where it is
//! right and the work failed.

use std::error::Error;

use pyo3::PyErr;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use thalweg_lab::answer::{AnswerError, with_causes};
use thalweg_lab::network::NetworkError;
use thalweg_lab::run::RunError;
use thalweg_lab::saved::SavedError;
use thalweg_lab::spec::{Fault, SpecError};
use thalweg_lab::store::StoreError;

/// Why no answer came of the work; made where there is no interpreter, and raised where there is one.
#[derive(Debug)]
pub enum Failed {
    /// What was given can be mended.
    Input(String),
    /// What was given is right.
    Work(String),
}

impl Failed {
    /// What was given can be mended.
    pub fn input(error: impl Error) -> Self {
        Self::Input(with_causes(&error))
    }

    /// What was given is right.
    pub fn work(error: impl Error) -> Self {
        Self::Work(with_causes(&error))
    }
}

impl From<Failed> for PyErr {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Input(words) => PyValueError::new_err(words),
            Failed::Work(words) => PyRuntimeError::new_err(words),
        }
    }
}

impl From<Fault> for Failed {
    fn from(fault: Fault) -> Self {
        Self::input(fault)
    }
}

impl From<SpecError> for Failed {
    fn from(error: SpecError) -> Self {
        Self::input(error)
    }
}

impl From<AnswerError> for Failed {
    fn from(error: AnswerError) -> Self {
        match error {
            AnswerError::Input(_) => Self::input(error),
            AnswerError::Work(_) => Self::work(error),
        }
    }
}

/// What is read is input, whoever damaged it; writing is work.
impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Write { .. } => Self::work(error),
            _ => Self::input(error),
        }
    }
}

impl From<RunError> for Failed {
    fn from(error: RunError) -> Self {
        match &error {
            RunError::Store(StoreError::Write { .. })
            | RunError::Network(
                NetworkError::Evaluation(_)
                | NetworkError::Saved(SavedError::Store(StoreError::Write { .. })),
            ) => Self::work(error),
            _ => Self::input(error),
        }
    }
}
