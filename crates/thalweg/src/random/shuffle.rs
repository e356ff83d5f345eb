//! Random orders.

use super::{Purpose, philox4x32_10};

/// 0 … `samples` − 1 in the order of `seed` and `purpose` in `epoch`, by Fisher and Yates, four words at a time.
pub(crate) fn shuffle(
    order: &mut Vec<u32>,
    seed: u64,
    purpose: Purpose,
    epoch: u64,
    samples: usize,
) {
    order.clear();
    order.extend(0..samples as u32);
    let key = [seed as u32, (seed >> 32) as u32];
    let (low, high) = (epoch as u32, (epoch >> 32) as u32);
    let mut block = [0; 4];
    for i in (1..samples).rev() {
        if i % 4 == 3 || i == samples - 1 {
            block = philox4x32_10(key, [low, high, (i / 4) as u32, purpose as u32]);
        }
        let j = (u64::from(block[i % 4]) * (i as u64 + 1)) >> 32;
        order.swap(i, j as usize);
    }
}
