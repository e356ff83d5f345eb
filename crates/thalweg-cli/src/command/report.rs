//! `thalweg report`: the HTML page of a directory that is already there, or of several runs beside one another.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use clap::Args;
use thalweg_lab::contrast::Contrast;
use thalweg_lab::network::{changed_data, unmeasured};
use thalweg_lab::store::write_whole;
use thalweg_report::report::{self, ReportError};
use thalweg_report::results::ResultsError;

use crate::exit::Failure;
use crate::{output, progress};

/// Write the page of a reproduction, a run or a probe's log, as one HTML file
///
/// DIR is what `thalweg reproduce`, `simulate` or `train` wrote, with what `thalweg
/// measure` added; or the log of a probe, which watches a training in PyTorch
/// (thalweg.log.CSV), as far as it is written. Nothing is simulated or measured
/// again. The page, DIR/report.html, needs no internet connection and no script,
/// and follows the reader's choice of light or dark. Its path is printed.
///
/// With several DIRs, finished runs of `simulate` and `train`, the page sets them
/// beside one another: their curves, their ends with standard errors, and the
/// fields in which their specifications differ.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_long_help = EXAMPLES, arg_required_else_help = true)]
pub struct Arguments {
    /// The directory of a reproduction, of a run or of a probe's log; or several
    /// runs
    #[arg(value_name = "DIR", required = true)]
    directories: Vec<PathBuf>,
    /// Write the page anew every SECONDS until Ctrl-C; an open page follows (one DIR)
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86400))]
    watch: Option<u64>,
    /// Where the page of several runs is written [default: comparison.html]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print what the page of several runs says as JSON, and write no page
    #[arg(long, conflicts_with = "out")]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  thalweg simulate --depth 3 --noise 1,0.1 --learning-rate 0.01 --batch 10 \\
    --steps 1e5 --out run
  thalweg report run
  A training in PyTorch, while it runs:
    thalweg report probed --watch 10
  Two runs beside one another:
    thalweg report plain anisotropic --out comparison.html";

/// Where the page of several runs goes if no place is given.
const COMPARISON_FILE: &str = "comparison.html";

/// More lines in one panel cannot be told apart: the palette has no more colours that survive printing and colour blindness.
const MOST_RUNS: usize = 6;

/// Writes the page and prints its path.
///
/// # Errors
/// A directory without results, or one that cannot be written; options that are for one directory or for several.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.directories[..] {
        [directory] => of_one(directory, arguments),
        several => of_several(several, arguments),
    }
}

fn of_one(directory: &Path, arguments: &Arguments) -> Result<(), Failure> {
    let for_several = [
        (arguments.out.is_some(), "--out"),
        (arguments.json, "--json"),
    ];
    if let Some((_, option)) = for_several.into_iter().find(|(given, _)| *given) {
        return Err(Failure::input(Asked::OneDirectory(option)));
    }
    let page = write(directory, arguments.watch)?;
    // The page says it too.
    let notes = [changed_data(directory), unmeasured(directory)];
    for note in notes.into_iter().flatten().flatten() {
        eprintln!("note: {note}");
    }
    output::print(&format!("{}\n", page.display()))?;
    // Ctrl-C ends it: what is written is whole.
    while let Some(seconds) = arguments.watch {
        thread::sleep(Duration::from_secs(seconds));
        write(directory, arguments.watch)?;
    }
    Ok(())
}

fn write(directory: &Path, watch: Option<u64>) -> Result<PathBuf, Failure> {
    let written = progress::waiting(
        "making the page, with the theory beside what was measured",
        || report::write_live(directory, watch),
    );
    written.map_err(|error| match &error {
        ReportError::Store(cause) | ReportError::Results(ResultsError::Store(cause)) => {
            Failure::stored(&error, cause)
        }
        ReportError::Simulate(_) => Failure::work(error),
        _ => Failure::input(error),
    })
}

fn of_several(directories: &[PathBuf], arguments: &Arguments) -> Result<(), Failure> {
    if arguments.watch.is_some() {
        return Err(Failure::input(Asked::Watch));
    }
    if directories.len() > MOST_RUNS {
        return Err(Failure::input(Asked::TooMany(directories.len())));
    }
    let stored = |error| Failure::stored(&error, &error);
    let found = Contrast::read(directories).map_err(stored)?;
    if arguments.json {
        return output::print_json(&found.json());
    }
    let path = match &arguments.out {
        Some(path) => path.clone(),
        None => PathBuf::from(COMPARISON_FILE),
    };
    let runs = directories.iter().map(|run| run.display().to_string());
    let runs: Vec<String> = runs.collect();
    let command = format!("thalweg report {} --out {}", runs.join(" "), path.display());
    write_whole(&path, report::contrast(&found, &command).as_bytes()).map_err(stored)?;
    output::print(&format!("{}\n", path.display()))
}

/// What does not go together.
#[derive(Debug, thiserror::Error)]
enum Asked {
    #[error(
        "{0} is for several directories, and the page of one is DIR/report.html: leave {0} out, or give another run"
    )]
    OneDirectory(&'static str),
    #[error("--watch is for one directory, which may still grow: give one, or leave --watch out")]
    Watch,
    #[error("{0} runs cannot be told apart in one picture: give {MOST_RUNS} at most")]
    TooMany(usize),
}
