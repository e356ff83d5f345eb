//! `thalweg sweep table`: one Parquet file of the whole sweep.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use thalweg_lab::sweep::{Contents, Store, write_table};

use super::failure;
use crate::exit::Failure;
use crate::output;

/// Write one Parquet table of all finished cells, with the axes as columns
///
/// The table has a row for each cell, seed and quantity, with its value at the
/// start and at the end, its mean over the last fifth of the steps, its limit for
/// η → 0, t → ∞ where there is a theory, and, for the sharpness, that of the
/// flattest minimum. A cell that could not be run has one row, with the reason. The
/// same sweep gives the same table, byte for byte. The table's path is printed.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment, after_long_help = EXAMPLES)]
pub struct Arguments {
    /// The store of a sweep
    #[arg(value_name = "STORE")]
    store: PathBuf,
    /// Write every measured step: a row for each cell, seed, step and quantity
    #[arg(long)]
    curves: bool,
    /// The file [default: ends.parquet or curves.parquet in the store]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print the path and the number of rows as one JSON object
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  In Python afterwards:
    ends = pandas.read_parquet('store/ends.parquet')
    T = ends[ends.quantity == 'sharpness']
    T.groupby(['depth', 'batch']).end.agg(['mean', 'sem'])";

/// Writes the table and prints its path.
///
/// # Errors
/// A directory that holds no sweep or nothing finished, or a file that cannot be written.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let store = Store::open(&arguments.store).map_err(failure)?;
    let contents = if arguments.curves {
        Contents::Curves
    } else {
        Contents::Ends
    };
    let path = arguments
        .out
        .clone()
        .unwrap_or_else(|| store.path().join(contents.file()));
    let rows = write_table(&store, contents, &path).map_err(failure)?;
    if arguments.json {
        output::print_json(&json!({ "path": path, "rows": rows }))
    } else {
        output::print(&format!("{}\n", path.display()))
    }
}
