//! `thalweg report`: the HTML page of a directory that is already there.

use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use clap::Args;
use thalweg_lab::network::{changed_data, unmeasured};
use thalweg_report::report::{self, ReportError};
use thalweg_report::results::ResultsError;

use crate::exit::Failure;
use crate::output;

/// Write the page of a reproduction, a run or a probe's log, as one HTML file
///
/// DIR is what `thalweg reproduce`, `simulate` or `train` wrote, with what `thalweg
/// measure` added; or the log of a probe, which watches a training in PyTorch
/// (thalweg.log.CSV), as far as it is written. Nothing is simulated or measured
/// again. The page, DIR/report.html, needs no internet connection and no script,
/// and follows the reader's choice of light or dark. Its path is printed.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_long_help = EXAMPLES, arg_required_else_help = true)]
pub struct Arguments {
    /// The directory of a reproduction, of a run or of a probe's log
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// Write the page anew every SECONDS until Ctrl-C; an open page follows
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86400))]
    watch: Option<u64>,
}

const EXAMPLES: &str = "\
Examples:
  thalweg simulate --depth 3 --noise 1,0.1 --learning-rate 0.01 --batch 10 \\
    --steps 1e5 --out run
  thalweg report run
  A training in PyTorch, while it runs:
    thalweg report probed --watch 10";

/// Writes the page and prints its path.
///
/// # Errors
/// A directory without results, or one that cannot be written.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let page = write(arguments)?;
    // The page says it too.
    let notes = [
        changed_data(&arguments.directory),
        unmeasured(&arguments.directory),
    ];
    for note in notes.into_iter().flatten().flatten() {
        eprintln!("note: {note}");
    }
    output::print(&format!("{}\n", page.display()))?;
    // Ctrl-C ends it: what is written is whole.
    while let Some(seconds) = arguments.watch {
        thread::sleep(Duration::from_secs(seconds));
        write(arguments)?;
    }
    Ok(())
}

fn write(arguments: &Arguments) -> Result<PathBuf, Failure> {
    report::write_live(&arguments.directory, arguments.watch).map_err(|error| match &error {
        ReportError::Store(cause) | ReportError::Results(ResultsError::Store(cause)) => {
            Failure::stored(&error, cause)
        }
        ReportError::Simulate(_) => Failure::work(error),
        _ => Failure::input(error),
    })
}
