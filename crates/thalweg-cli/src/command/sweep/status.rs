//! `thalweg sweep status`: how far a sweep has come.

use std::path::PathBuf;

use clap::Args;
use thalweg_lab::answer;
use thalweg_lab::sweep::{self, Status, Store};

use super::{failure, time};
use crate::exit::Failure;
use crate::output;
use crate::page::{Align, Page, Table};

/// Say how far a sweep has come: counts, failures with their reasons, time left
///
/// The time left is taken from the finished cells. If there are none yet, it is
/// estimated as `plan` does it, by running one cell of each kind for a third of a
/// second.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct Arguments {
    /// The store of a sweep
    #[arg(value_name = "STORE")]
    store: PathBuf,
    /// Print the same as one JSON object
    #[arg(long)]
    json: bool,
}

/// The most failures that are listed.
const LISTED: usize = 20;

/// Prints it.
///
/// # Errors
/// A directory that holds no sweep, or a damaged file there.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let store = Store::open(&arguments.store).map_err(failure)?;
    let status = sweep::status(&store).map_err(failure)?;
    let status = status.estimated_before_the_first(&store).map_err(failure)?;
    if arguments.json {
        output::print_json(&answer::progressed(&status))
    } else {
        output::print(&page(&store, &status))
    }
}

/// How far `store` has come.
pub fn page(store: &Store, status: &Status) -> String {
    let mut page = Page::for_output();
    page.heading(&format!(
        "{} cells in {}",
        status.cells,
        store.path().display()
    ));
    let mut table = Table::new(&[Align::Left, Align::Right, Align::Left]);
    let diverged = match status.with_divergence {
        0 => String::new(),
        count => format!("of which {count} with seeds that diverged"),
    };
    table.row(["finished", &status.finished.to_string(), &diverged]);
    table.row(["failed", &status.failed.len().to_string(), ""]);
    let workers = match status.workers {
        0 => String::new(),
        1 => "by 1 process".to_owned(),
        more => format!("by {more} processes"),
    };
    table.row(["running", &status.running.to_string(), &workers]);
    table.row(["waiting", &status.waiting.to_string(), ""]);
    page.table(&table);
    let unfinished = status.running + status.waiting;
    if let (Some(one), Some(here), 1..) =
        (status.core_seconds_left, status.seconds_left, unfinished)
    {
        let by = if status.is_estimate {
            ", by the plan's estimate, since no cell is finished yet"
        } else {
            ""
        };
        page.paragraph(&format!(
            "Time left: {} on one core, {} on this machine's{by}.",
            time(one),
            time(here)
        ));
    }
    if status.outside > 0 {
        page.paragraph(&format!(
            "{} more are finished that are no longer in the sweep: they stay, and are in no table.",
            status.outside
        ));
    }
    if !status.failed.is_empty() {
        page.heading("Could not be run");
    }
    for failed in status.failed.iter().take(LISTED) {
        page.paragraph(&format!(
            "Cell {} ({}): {}",
            failed.number, failed.point, failed.reason
        ));
    }
    if status.failed.len() > LISTED {
        page.paragraph(&format!(
            "… and {} more: --json has all.",
            status.failed.len() - LISTED
        ));
    }
    page.finish()
}
