//! How much memory figures take.

use super::Entry;

/// Megabytes that the larger figures took at their peak on two threads (`/usr/bin/time`), less the program itself: those
/// that train networks on images, and evaluate them, before all.
const TAKEN: &[(&str, u64)] = &[
    ("fig2", 300),
    ("fig5", 300),
    ("switch", 90),
    ("prop1", 75),
    ("fig3", 45),
    ("fig8", 45),
];

/// The same of all others.
const OTHERS: u64 = 12;

/// Threads that [`TAKEN`] was measured with.
const THREADS: u64 = 2;

/// Bytes that `figures` take, one after the other, on `threads` threads: each measures a network of its own.
pub fn memory(figures: &[Entry], threads: usize) -> u64 {
    let taken = |entry: &Entry| {
        let larger = TAKEN.iter().find(|(id, _)| *id == entry.id);
        larger.map_or(OTHERS, |(_, taken)| *taken)
    };
    let most = figures.iter().map(taken).max().unwrap_or(OTHERS);
    most * 1_000_000 * (threads as u64).max(THREADS) / THREADS
}
