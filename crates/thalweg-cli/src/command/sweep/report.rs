//! `thalweg sweep report`: one page of maps and curves.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use thalweg_report::report::{self, ReportError, SweepView};

use crate::exit::Failure;
use crate::output;

/// Write a page with maps over two axes and curves along one, as one HTML file
///
/// The page shows SGD's means over the seeds and the last fifth of the steps, their
/// standard errors, and the limit for η → 0, t → ∞ where there is a theory. There
/// is a map for each combination of the other axes' values. Cells that could not be
/// run are crossed out; cells that are not done yet are left empty. The page's path
/// is printed.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct Arguments {
    /// The store of a sweep
    #[arg(value_name = "STORE")]
    store: PathBuf,
    /// The axis to the right, by its name [default: the first]
    #[arg(long, value_name = "AXIS")]
    x: Option<String>,
    /// The axis upwards [default: the next]
    #[arg(long, value_name = "AXIS")]
    y: Option<String>,
    /// The quantity that is shown, for example lambda_max [default: sharpness and fluctuation]
    #[arg(long, value_name = "NAME")]
    quantity: Option<String>,
    /// The file [default: report.html in the store]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print the path as one JSON object
    #[arg(long)]
    json: bool,
}

/// Writes the page and prints its path.
///
/// # Errors
/// A directory that holds no sweep or nothing finished, an axis or quantity that is not there, or a page that cannot be written.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let view = SweepView {
        x: arguments.x.as_deref(),
        y: arguments.y.as_deref(),
        quantity: arguments.quantity.as_deref(),
    };
    let page = report::write_sweep(&arguments.store, view, arguments.out.as_deref());
    let page = page.map_err(|error| match error {
        ReportError::Sweep(error) => super::failure(error),
        ReportError::Store(cause) => Failure::stored(&cause, &cause),
        other => Failure::input(other),
    })?;
    if arguments.json {
        output::print_json(&json!({ "path": page }))
    } else {
        output::print(&format!("{}\n", page.display()))
    }
}
