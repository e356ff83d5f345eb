//! How a command ends: its failures, the message on standard error and the exit status.

use std::error::Error;
use std::io::IsTerminal;
use std::process::ExitCode;

use miette::{MietteHandlerOpts, Report};
use thalweg_lab::answer::{AnswerError, with_causes};
use thalweg_lab::store::StoreError;

/// Why a command did not succeed.
#[derive(Debug)]
pub enum Failure {
    /// The input is wrong: status 2.
    Input(Report),
    /// The input is right and the work failed: status 1.
    Work(Report),
    /// Ctrl-C; the sentence says what was kept: status 130.
    Interrupted(String),
}

impl Failure {
    /// The user can mend this by changing what was given.
    pub fn input(error: impl Error) -> Self {
        Self::Input(Report::msg(with_causes(&error)))
    }

    /// What is stored failed, by `cause`. What is read is input, whoever damaged it; writing is work.
    pub fn stored(error: impl Error, cause: &StoreError) -> Self {
        match cause {
            StoreError::Write { .. } => Self::work(error),
            _ => Self::input(error),
        }
    }

    /// The work itself failed.
    pub fn work(error: impl Error) -> Self {
        Self::Work(Report::msg(with_causes(&error)))
    }
}

impl From<AnswerError> for Failure {
    fn from(error: AnswerError) -> Self {
        match error {
            AnswerError::Input(_) => Self::input(error),
            AnswerError::Work(_) => Self::work(error),
        }
    }
}

/// Prints a failure and gives the status to leave with.
pub fn status(result: Result<(), Failure>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Input(report)) => {
            eprintln!("{report:?}");
            ExitCode::from(2)
        }
        Err(Failure::Work(report)) => {
            eprintln!("{report:?}");
            ExitCode::FAILURE
        }
        Err(Failure::Interrupted(kept)) => {
            eprintln!("{kept}");
            ExitCode::from(130)
        }
    }
}

/// Errors are wrapped only for a person at a terminal: a script greps for whole sentences.
pub fn install_error_style() {
    let wrap = std::io::stderr().is_terminal();
    // Only a second call can fail, and this is the first.
    let _ = miette::set_hook(Box::new(move |_| {
        Box::new(
            MietteHandlerOpts::new()
                .unicode(true)
                .wrap_lines(wrap)
                .build(),
        )
    }));
}
