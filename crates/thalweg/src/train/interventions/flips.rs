//! Images mirrored left to right.

use crate::random::{Bulk, Purpose};
use crate::tensor::Real;
use crate::train::Drawn;

/// Each image is mirrored left to right with a chance of one half.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Flips {
    /// Pixels from left to right. Inputs are pixels, row after row, in each colour.
    pub width: usize,
}

impl Flips {
    pub(super) fn apply<T: Real>(&self, seed: u64, step: u64, drawn: &mut Drawn<'_, T>) {
        let mut words = vec![0; drawn.inputs.batch()];
        Bulk::new(seed, Purpose::Flips, step).words(&mut words);
        let mirrored: Vec<bool> = words.into_iter().map(|word| word >> 31 == 1).collect();
        self.flip(&mirrored, drawn);
    }

    /// Mirrors the images that are to be.
    ///
    /// # Panics
    /// When there are fewer answers than images: a programmer's error.
    pub fn flip<T: Real>(&self, mirrored: &[bool], drawn: &mut Drawn<'_, T>) {
        let rows = drawn.inputs.count() / self.width;
        for row in 0..rows {
            for column in 0..self.width / 2 {
                let [left, right] = [column, self.width - 1 - column].map(|c| row * self.width + c);
                for (sample, _) in mirrored
                    .iter()
                    .enumerate()
                    .filter(|(_, mirrored)| **mirrored)
                {
                    let kept = drawn.inputs.line(left)[sample];
                    drawn.inputs.line(left)[sample] = drawn.inputs.line(right)[sample];
                    drawn.inputs.line(right)[sample] = kept;
                }
            }
        }
    }
}
