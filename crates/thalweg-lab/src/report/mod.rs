//! The HTML report: one self-contained page, made from what a directory already holds.
//!
//! A page needs no network and no script: pictures and styles are inside it, light and dark follow the
//! reader's preference. Plain formatting and no template engine: the page has four kinds of element,
//! and escaping happens in one function that every word passes through.

mod error;
mod measured;
mod network;
mod number;
mod page;
mod run;
mod section;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

pub use error::ReportError;

use crate::network::NetworkMeasurement;
use crate::reproduce::{RESULTS_FILE, Results};
use crate::store::{StoreError, is_network, write_whole};
use section::Section;

/// The page's file.
pub const REPORT_FILE: &str = "report.html";

/// Writes the report of `directory`, which holds what [`crate::reproduce`] wrote, a finished run, or
/// measurements of networks, and returns its path. Nothing is simulated or measured again.
///
/// # Errors
/// When the directory holds neither, a file cannot be read or is damaged, or the page cannot be written.
pub fn write(directory: &Path) -> Result<PathBuf, ReportError> {
    let measured = NetworkMeasurement::read_all(directory)?;
    let page = if directory.join(RESULTS_FILE).exists() {
        reproduction(directory)?
    } else if !measured.is_empty() || is_network(directory).unwrap_or(false) {
        network::page(directory, &measured)?
    } else {
        // Also where there is no run at all: its error says so.
        run::page(directory)?
    };
    let path = directory.join(REPORT_FILE);
    write_whole(&path, |file| file.write_all(page.as_bytes()))?;
    Ok(path)
}

/// The page of a reproduction: reads the results and the pictures beside them.
fn reproduction(directory: &Path) -> Result<String, ReportError> {
    let results = Results::read(directory)?;
    let mut sections = Vec::new();
    for figure in &results.figures {
        let picture = read(&directory.join(format!("{}.svg", figure.id)))?;
        sections.push(Section {
            figure,
            picture,
            details: "Settings",
            again: format!("{} ({:.1} s here)", figure.command, figure.seconds),
        });
    }
    Ok(page::reproduction(&results, &sections))
}

fn read(path: &Path) -> Result<String, StoreError> {
    fs::read_to_string(path).map_err(|source| StoreError::Read {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests;
