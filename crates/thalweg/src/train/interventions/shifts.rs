//! Images moved by whole pixels, as a random crop of the padded image does.

use crate::optimizer::{OptimizerError, require};
use crate::random::{Bulk, Purpose};
use crate::tensor::Real;
use crate::train::Drawn;

/// Each image is moved down and to the right by numbers of pixels drawn uniformly from −s … s, independent of each other; what
/// comes in at a border repeats the pixels that were there (padding `edge` in torchvision's `RandomCrop`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shifts {
    /// s ≥ 1, less than the width and the height.
    pub most: usize,
    /// Pixels from left to right. Inputs are pixels, one colour after another, of each row after row.
    pub width: usize,
    /// Pixels from top to bottom.
    pub height: usize,
}

impl Shifts {
    pub(super) fn validate(&self) -> Result<(), OptimizerError> {
        require(
            self.most >= 1 && self.most < self.width && self.height >= 1,
            "shifts",
            self.most as f64,
            "at least 1 pixel and less than the image's width",
        )
    }

    pub(super) fn apply<T: Real>(&self, seed: u64, step: u64, drawn: &mut Drawn<'_, T>) {
        let mut words = vec![0; 2 * drawn.inputs.batch()];
        Bulk::new(seed, Purpose::Shifts, step).words(&mut words);
        let moves: Vec<[isize; 2]> = words
            .chunks_exact(2)
            .map(|words| [words[0], words[1]].map(|word| self.distance(word)))
            .collect();
        self.shift(&moves, drawn);
    }

    /// Moves each image by its own numbers of pixels, down and to the right.
    ///
    /// # Panics
    /// When there are fewer moves than images: a programmer's error.
    pub fn shift<T: Real>(&self, moves: &[[isize; 2]], drawn: &mut Drawn<'_, T>) {
        let (pixels, width, height) = (drawn.inputs.count(), self.width, self.height);
        let within =
            |place: usize, by: isize, end: usize| place.saturating_add_signed(-by).min(end - 1);
        let mut image = vec![T::ZERO; pixels];
        for sample in 0..drawn.inputs.batch() {
            for (pixel, x) in image.iter_mut().enumerate() {
                *x = drawn.inputs.line(pixel)[sample];
            }
            let [down, right] = moves[sample];
            for pixel in 0..pixels {
                let (row, column) = (pixel / width, pixel % width);
                // Each colour moves within itself.
                let top = row / height * height;
                let row = top + within(row - top, down, height);
                let column = within(column, right, width);
                drawn.inputs.line(pixel)[sample] = image[row * width + column];
            }
        }
    }

    /// −s … s, each with the same chance but for 2⁻³².
    fn distance(&self, word: u32) -> isize {
        let choices = 2 * self.most as u64 + 1;
        ((u64::from(word) * choices) >> 32) as isize - self.most as isize
    }
}
