//! How much memory figures take, by what they plan to run.

use super::{Entry, ReproduceError};
use crate::results::Budget;

/// What any figure takes: curves, its picture's pixels and their compression, the page with all pictures.
const DRAWN: u64 = 22_000_000;

/// Bytes that `figures` take at `budget`, one after the other: the largest of their experiments, since each is over before
/// the next begins and leaves nothing but its measurements; and two fifths of that for the gaps in the heap that
/// experiments of other sizes leave (`switch` has the most of them).
///
/// # Errors
/// When an experiment cannot be planned or made.
pub fn memory(figures: &[Entry], budget: Budget) -> Result<u64, ReproduceError> {
    let mut most = 0u64;
    for entry in figures {
        for (_, planned) in (entry.plan)(budget)?.0 {
            most = planned.memory()?.max(most);
        }
    }
    Ok(most.saturating_add(most / 5 * 2).saturating_add(DRAWN))
}
