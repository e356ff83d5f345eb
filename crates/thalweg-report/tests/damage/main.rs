//! One flipped bit in any file of any directory: noticed by the command that believes the file, or without effect.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod directories;
mod flips;

use std::fs;
use std::path::Path;

use directories::{finished_run, finished_training, reproduction, unfinished_run};
use flips::{Tally, flip_every_file, read_copy};

/// Flips in each file.
const EACH: usize = 24;

/// None of the flips in the files of these names went unnoticed.
fn all_noticed(tally: &Tally, names: &[&str]) {
    for name in names {
        let unnoticed = tally.unnoticed.get(*name);
        assert_eq!(unnoticed, Some(&0), "{name}: {tally:?}");
    }
}

#[test]
fn in_a_finished_run() {
    let found = flip_every_file(&finished_run(), EACH);
    all_noticed(
        &found,
        &[
            "specification.toml",
            "measurements.parquet",
            "outcomes.toml",
        ],
    );
}

/// Noticed where the run begins to go on, and not when all its steps are made.
#[test]
fn in_an_unfinished_run() {
    let found = flip_every_file(&unfinished_run(), EACH);
    all_noticed(
        &found,
        &["specification.toml", "part-00000000000000000000.parquet"],
    );
    assert!(found.noticed > 3 * EACH, "{found:?}");
}

#[test]
fn in_a_measured_training() {
    let found = flip_every_file(&finished_training(), EACH);
    all_noticed(
        &found,
        &[
            "specification.toml",
            "measurements.parquet",
            "outcomes.toml",
            "seed-1.safetensors",
            "seed-5.safetensors",
            "seed-1.json",
            "seed-5.json",
        ],
    );
}

#[test]
fn in_a_reproduction() {
    let found = flip_every_file(&reproduction(), EACH);
    all_noticed(&found, &["results.json", "cor1.svg", "corrections.svg"]);
}

/// Each part is whole by itself in most of these.
#[test]
fn parts_that_are_exchanged_cut_or_gone_are_noticed() {
    let made = unfinished_run();
    let first = "part-00000000000000000000.parquet";
    let second = "part-00000000000000000001.parquet";
    let whole = read_copy(&made, |_| {}).unwrap();
    type Change = fn(&Path, &Path);
    let changes: [(&str, Change); 4] = [
        ("exchanged", |one, other| {
            let bytes = fs::read(one).unwrap();
            fs::copy(other, one).unwrap();
            fs::write(other, bytes).unwrap();
        }),
        ("doubled", |one, other| {
            fs::copy(other, one).unwrap();
        }),
        ("cut", |one, _| {
            let bytes = fs::read(one).unwrap();
            fs::write(one, &bytes[..100]).unwrap();
        }),
        ("gone", |one, _| fs::remove_file(one).unwrap()),
    ];
    for (name, change) in changes {
        let read = read_copy(&made, |copy| {
            change(
                &copy.join("parts").join(first),
                &copy.join("parts").join(second),
            );
        });
        let words = read.expect_err(name);
        assert!(words.contains(first), "{name}: {words}");
        assert!(
            words.contains("run anew in another directory"),
            "{name}: {words}"
        );
    }
    // The way out: the numbers do not depend on where and how often the run was saved.
    assert!(whole == read_copy(&directories::fresh(), |_| {}).unwrap());
}
