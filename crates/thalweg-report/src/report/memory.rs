//! How much memory a page takes, by the sizes of the files that it is made from.

use std::fs;
use std::path::Path;

use thalweg_lab::memory::{self, TooLittle};

/// What becomes of a byte of these files until the page is written: itself, the text or the numbers read from it, their
/// place in the page, and the page.
const PICTURE: u64 = 4;
const WORDS: u64 = 12;

/// Refuses the page of `directory` where there is no memory for what is read. What a run's measurements unfold to is known
/// once their number is ([`thalweg_lab::store::load`]).
pub(super) fn fits(directory: &Path) -> Result<(), TooLittle> {
    let folders = ["measured", "cells"].map(|name| of_files(&directory.join(name)));
    let bytes = folders
        .into_iter()
        .fold(of_files(directory), u64::saturating_add);
    memory::fits(
        bytes,
        0,
        "move files that are not the report's out of the directory, or give it more memory",
    )
}

/// Bytes that the files in `folder` which a page is made from lead to.
fn of_files(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else {
        // Whoever reads there says so.
        return 0;
    };
    let bytes = entries.flatten().filter_map(|entry| {
        let length = entry.metadata().ok()?.len();
        let times = match entry.path().extension()?.to_str()? {
            "svg" => PICTURE,
            "json" | "toml" | "csv" => WORDS,
            // Read whole, and then group by group.
            "parquet" => 2,
            _ => return None,
        };
        Some(length.saturating_mul(times))
    });
    bytes.fold(0, u64::saturating_add)
}
