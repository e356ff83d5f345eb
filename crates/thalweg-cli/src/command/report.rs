//! `thalweg report`: the HTML page of a directory that is already there.

use std::path::PathBuf;

use clap::Args;
use thalweg_lab::network::{changed_data, unmeasured};
use thalweg_report::report::{self, ReportError};
use thalweg_report::results::ResultsError;

use crate::exit::Failure;
use crate::output;

/// Write the report of a reproduction or of a finished run, as one HTML page
///
/// DIR is what `thalweg reproduce`, `simulate` or `train` wrote, with what `thalweg
/// measure` added. Nothing is simulated or measured again. The page,
/// DIR/report.html, needs no internet connection and no script, and follows the
/// reader's choice of light or dark. Its path is printed.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_long_help = EXAMPLES, arg_required_else_help = true)]
pub struct Arguments {
    /// The directory of a reproduction or of a run
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  thalweg simulate --depth 3 --noise 1,0.1 --learning-rate 0.01 --batch 10 \\
    --steps 1e5 --out run
  thalweg report run";

/// Writes the page and prints its path.
///
/// # Errors
/// A directory without results, or one that cannot be written.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let page = report::write(&arguments.directory).map_err(|error| match &error {
        ReportError::Store(cause) | ReportError::Results(ResultsError::Store(cause)) => {
            Failure::stored(&error, cause)
        }
        ReportError::Simulate(_) => Failure::work(error),
        _ => Failure::input(error),
    })?;
    // The page says it too.
    let notes = [
        changed_data(&arguments.directory),
        unmeasured(&arguments.directory),
    ];
    for note in notes.into_iter().flatten().flatten() {
        eprintln!("note: {note}");
    }
    output::print(&format!("{}\n", page.display()))
}
