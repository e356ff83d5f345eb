//! Dropout's masks: 0 with a chance p, else 1/(1 − p).

use crate::random::{Bulk, Purpose};
use crate::tensor::{LinesMut, Mask, Real};

/// The random numbers of all masks of the batch that the run of `seed` has at `step`, to be drawn in the tape's order.
pub(crate) fn random(seed: u64, step: u64) -> Bulk {
    Bulk::new(seed, Purpose::Dropout, step)
}

/// The numbers of `mask`, independent of each other.
pub(crate) fn fill<T: Real>(mask: Mask, random: &mut Bulk, mut to: LinesMut<'_, T>) {
    let batch = to.batch();
    let mut words = vec![0; mask.count() * batch];
    random.words(&mut words);
    // p in units of 2⁻³².
    let chance = (mask.chance() * 2f64.powi(32)).round() as u64;
    let kept = T::from_f64(1.0 / (1.0 - mask.chance()));
    for (line, words) in words.chunks_exact(batch).enumerate() {
        for (x, &word) in to.line(line).iter_mut().zip(words) {
            *x = if u64::from(word) < chance {
                T::ZERO
            } else {
                kept
            };
        }
    }
}
