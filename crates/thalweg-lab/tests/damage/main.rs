//! One flipped bit in any file of any directory: noticed by the command that believes the file, or without effect.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod directories;
mod flips;

use directories::{finished_run, finished_training, reproduction, unfinished_run};
use flips::flip_every_file;

/// Flips in each file.
const EACH: usize = 24;

#[test]
fn in_a_finished_run() {
    let found = flip_every_file(&finished_run(), EACH);
    found.assert_all_noticed(&[
        "specification.toml",
        "measurements.parquet",
        "outcomes.toml",
    ]);
}

/// Noticed where the run begins to go on, and not when all its steps are made.
#[test]
fn in_an_unfinished_run() {
    let found = flip_every_file(&unfinished_run(), EACH);
    found.assert_all_noticed(&["specification.toml", "part-00000000000000000000.parquet"]);
    assert!(found.noticed > 3 * EACH, "{found:?}");
}

#[test]
fn in_a_measured_training() {
    let found = flip_every_file(&finished_training(), EACH);
    found.assert_all_noticed(&[
        "specification.toml",
        "measurements.parquet",
        "outcomes.toml",
        "seed-1.safetensors",
        "seed-5.safetensors",
        "seed-1.json",
        "seed-5.json",
    ]);
}

#[test]
fn in_a_reproduction() {
    let found = flip_every_file(&reproduction(), EACH);
    found.assert_all_noticed(&["results.json", "cor1.svg", "corrections.svg"]);
}
