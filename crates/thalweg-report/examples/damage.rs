//! Flips bits in every file of small directories of every kind, for as long as one likes:
//! `cargo run --example damage -- 10000` flips up to so many in each file.

#![allow(clippy::unwrap_used, reason = "it fails by panicking, as a test does")]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "it is a program: arguments in, lines out"
)]

#[path = "../tests/damage/directories.rs"]
mod directories;
#[path = "../tests/damage/flips.rs"]
mod flips;

use directories::{finished_run, finished_training, reproduction, unfinished_run};

fn main() {
    let each = std::env::args().nth(1);
    let each = each.map_or(100, |each| each.parse().expect("a number of flips"));
    for (kind, made) in [
        ("finished run", finished_run()),
        ("unfinished run", unfinished_run()),
        ("measured training", finished_training()),
        ("reproduction", reproduction()),
    ] {
        let tally = flips::flip_every_file(&made, each);
        println!(
            "{kind}: {} flips noticed, {} without effect",
            tally.noticed, tally.harmless
        );
        for (name, unnoticed) in tally.unnoticed.iter().filter(|(_, count)| **count > 0) {
            println!("  without effect in {name}: {unnoticed}");
        }
    }
}
