//! Rows drawn and shuffled.

use thalweg::random::Stream;

/// As many of `rows` rows as there are, with replacement.
pub(super) fn resampled(rows: usize, stream: &mut Stream) -> Vec<usize> {
    (0..rows).map(|_| below(rows, stream)).collect()
}

/// A random order of `items`, by Fisher and Yates.
pub(super) fn shuffle(items: &mut [usize], stream: &mut Stream) {
    for i in (1..items.len()).rev() {
        items.swap(i, below(i + 1, stream));
    }
}

/// A number below `end`.
pub(super) fn below(end: usize, stream: &mut Stream) -> usize {
    (stream.uniform() * end as f64) as usize
}
