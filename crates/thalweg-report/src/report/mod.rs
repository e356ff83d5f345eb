//! The HTML report: one self-contained page, made from what a directory already holds.
//!
//! A page needs no network and no script: pictures and styles are inside it, light and dark follow the
//! reader's preference. Plain formatting and no template engine: the page has four kinds of element,
//! and escaping happens in one function that every word passes through.
//!
//! ```
//! use thalweg_report::report;
//!
//! // A directory that holds nothing to report says so.
//! let nothing = std::env::temp_dir().join("nothing-to-report");
//! assert!(report::write(&nothing).is_err());
//! ```

mod contrast;
mod diagnosed_tokens;
mod diagnosis;
mod error;
mod landscape;
mod measured;
mod memory;
mod network;
mod number;
mod page;
mod probe;
mod run;
mod section;
mod summary;
mod sweep;
mod sweep_curves;
mod sweep_grid;
mod sweep_maps;

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

pub use contrast::contrast;
pub use diagnosed_tokens::token_diagnosis;
pub use diagnosis::diagnosis;
pub use error::ReportError;
pub use sweep::{SweepView, write_sweep};

use crate::results::{RESULTS_FILE, Results};
use section::Section;
use thalweg_lab::network::NetworkMeasurement;
use thalweg_lab::probe::is_probe;
use thalweg_lab::store::{Lock, exists, is_network, is_run, write_whole};
use thalweg_lab::sweep::Store;

/// The page's file.
pub const REPORT_FILE: &str = "report.html";

/// Whether the file at `path` begins as this program's pages do: reports, diagnoses, comparisons.
pub fn is_page(path: &Path) -> bool {
    // The title stands at the end of what comes before the style.
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| file.take(BEFORE_STYLE).read_to_end(&mut start));
    let text = String::from_utf8_lossy(&start);
    read.is_ok() && text.starts_with(page::BEGINS) && text.contains(page::TITLE_BEGINS)
}

/// Bytes among which the title of a page is.
const BEFORE_STYLE: u64 = 1024;

/// Writes the report of `directory`, which holds what [`crate::reproduce`] wrote, a finished run, a sweep,
/// measurements of networks, or a probe's log of a training in PyTorch, and returns its path. Nothing is simulated or measured again.
///
/// # Errors
/// When the directory holds neither, a file cannot be read or is damaged, or the page cannot be written.
pub fn write(directory: &Path) -> Result<PathBuf, ReportError> {
    write_live(directory, None)
}

/// The same, as a page that a browser loads again each `seconds`, if given: for a directory that grows.
///
/// # Errors
/// As [`write()`].
pub fn write_live(directory: &Path, seconds: Option<u64>) -> Result<PathBuf, ReportError> {
    memory::fits(directory)?;
    if exists(&directory.join(RESULTS_FILE)) {
        let page = reproduction(directory)?;
        return put(directory, &live(page, seconds), &take(directory)?);
    }
    if Store::is_one(directory) {
        let page = sweep::page(directory, SweepView::default())?;
        return put(directory, &live(page, seconds), &take(directory)?);
    }
    // What is no directory holds no run either, and that error says so.
    let measured = if directory.is_dir() {
        NetworkMeasurement::read_all(directory)?
    } else {
        Vec::new()
    };
    let of_networks = if is_run(directory) {
        is_network(directory)?
    } else {
        !measured.is_empty()
    };
    let page = if is_probe(directory) {
        probe::page(directory)?
    } else if of_networks {
        network::page(directory, &measured)?
    } else if directory.is_dir() && !is_run(directory) {
        let directory = directory.to_owned();
        return Err(ReportError::Nothing { directory });
    } else {
        run::page(directory)?
    };
    put(directory, &live(page, seconds), &take(directory)?)
}

/// Writes the page of a reproduction in `directory`, which `lock` has taken: results and pictures that belong
/// together are read, and the page is never older than they.
pub(crate) fn write_reproduction(directory: &Path, lock: &Lock) -> Result<PathBuf, ReportError> {
    put(directory, &reproduction(directory)?, lock)
}

fn reproduction(directory: &Path) -> Result<String, ReportError> {
    let results = Results::read(directory)?;
    let mut sections = Vec::new();
    for figure in &results.figures {
        sections.push(Section {
            figure,
            picture: match results.picture(directory, figure) {
                // The page says so above.
                Err(_) if results.has_failed(&figure.id) => None,
                picture => Some(picture?),
            },
            details: "Settings",
            again: format!("{} ({:.1} s here)", figure.command, figure.seconds),
        });
    }
    Ok(page::reproduction(&results, &sections))
}

/// `page`, to be loaded again each `seconds`.
fn live(page: String, seconds: Option<u64>) -> String {
    let Some(seconds) = seconds else {
        return page;
    };
    let again = format!("<head><meta http-equiv=\"refresh\" content=\"{seconds}\">");
    page.replacen("<head>", &again, 1)
}

fn take(directory: &Path) -> Result<Lock, ReportError> {
    Ok(Lock::take(directory, Lock::FOR_A_PAGE)?)
}

/// Puts `page` into `directory`, which is taken.
fn put(directory: &Path, page: &str, _lock: &Lock) -> Result<PathBuf, ReportError> {
    let path = directory.join(REPORT_FILE);
    write_whole(&path, page.as_bytes())?;
    Ok(path)
}

#[cfg(test)]
mod tests;
