//! Standard output: one complete answer, written at once.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::exit::Failure;

/// Writes a whole answer. A reader that has gone (`thalweg … | head`) is not a failure.
///
/// # Errors
/// When standard output cannot be written, such as on a full disk.
pub fn print(answer: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(answer.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::work(OutputError(error)))
        }
        _ => Ok(()),
    }
}

/// Writes one JSON value, indented. Numbers are the shortest text that reads back to the same
/// bits; what is infinite or undefined is `null`.
///
/// # Errors
/// As [`print()`].
pub fn print_json(value: &serde_json::Value) -> Result<(), Failure> {
    print(&format!("{value:#}\n"))
}

/// Refuses to write `written` where it is the file `read` from which the answer is made.
///
/// # Errors
/// When they are one file.
pub fn not_over(written: &Path, read: &Path) -> Result<(), Failure> {
    match (written.canonicalize(), read.canonicalize()) {
        (Ok(written), Ok(same)) if written == same => Err(Failure::input(Over(written))),
        _ => Ok(()),
    }
}

#[derive(Debug, thiserror::Error)]
#[error("{}: is what is read here, and would be written over; give the answer another name", .0.display())]
struct Over(PathBuf);

#[derive(Debug, thiserror::Error)]
#[error("standard output could not be written")]
struct OutputError(#[source] std::io::Error);
