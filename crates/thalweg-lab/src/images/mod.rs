//! Labelled images: the digits that come with the program, a folder of IDX files, or one of CIFAR's binary files.
//!
//! ```
//! use thalweg_lab::images::{Pixels, builtin};
//!
//! let digits = builtin()?;
//! assert_eq!((digits.train.len(), digits.test.len()), (8000, 2000));
//! let [train, _] = digits.features(Pixels::Standardised);
//! assert_eq!((train.nrows(), train.ncols()), (784, 8000));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod cifar;
mod error;
mod folder;
mod gzip;
mod idx;
mod names;

use std::path::Path;

use faer::Mat;

use crate::store::Fingerprint;

pub use cifar::{CifarLabels, is_cifar, read_cifar};
pub use error::ImageError;
pub use folder::{builtin, read_folder};

/// Images of one size with a class each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Images {
    /// Colours: 1 of grey pictures, 3 of red, green and blue.
    pub channels: usize,
    /// Pixels from top to bottom.
    pub height: usize,
    /// Pixels from left to right.
    pub width: usize,
    /// Image after image, of each one colour after another, of each row after row; 0 is dark.
    pub pixels: Vec<u8>,
    /// One class for each image.
    pub labels: Vec<u8>,
}

/// A training set and a test set of images of the same size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageSet {
    /// To train on.
    pub train: Images,
    /// To evaluate on.
    pub test: Images,
}

/// How bytes become numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pixels {
    /// byte/255, from 0 to 1.
    Unit,
    /// Those, less their mean over all pixels of the training set, over their standard deviation.
    Standardised,
}

impl Images {
    /// How many.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Numbers of an image: its pixels, in each colour.
    pub fn size(&self) -> usize {
        self.shape().iter().product()
    }

    /// Colours, pixels from top to bottom, pixels from left to right.
    pub fn shape(&self) -> [usize; 3] {
        [self.channels, self.height, self.width]
    }

    /// (byte/255 − `shift`)/`scale`: pixels × images.
    fn features(&self, shift: f64, scale: f64) -> Mat<f64> {
        let size = self.size();
        Mat::from_fn(size, self.len(), |pixel, image| {
            (f64::from(self.pixels[image * size + pixel]) / 255.0 - shift) / scale
        })
    }
}

impl ImageSet {
    /// Of all images and labels, which were read from `source`, and of what was read `beside` them, if anything was.
    pub(crate) fn fingerprint(&self, source: &Path, beside: Option<&[u8]>) -> Fingerprint {
        let sets = [&self.train, &self.test];
        let sizes: Vec<u8> = sets
            .iter()
            .flat_map(|set| [set.len(), set.height, set.width])
            .flat_map(|size| (size as u64).to_le_bytes())
            .collect();
        let bytes = sets.iter().flat_map(|set| [&set.labels[..], &set.pixels]);
        let parts = [&sizes[..]].into_iter().chain(bytes);
        Fingerprint::new(source.to_owned(), parts.chain(beside))
    }

    /// The training and the test images as pixels × images.
    pub fn features(&self, pixels: Pixels) -> [Mat<f64>; 2] {
        let (shift, scale) = match pixels {
            Pixels::Unit => (0.0, 1.0),
            Pixels::Standardised => moments(&self.train.pixels),
        };
        [&self.train, &self.test].map(|images| images.features(shift, scale))
    }
}

/// Mean and standard deviation of byte/255; deviation 1 where all bytes are equal.
fn moments(bytes: &[u8]) -> (f64, f64) {
    // Sums of whole numbers below 2⁵³ are exact in any order.
    let sum: u64 = bytes.iter().map(|&byte| u64::from(byte)).sum();
    let squares: u64 = bytes.iter().map(|&byte| u64::from(byte).pow(2)).sum();
    let count = bytes.len() as f64;
    let mean = sum as f64 / count;
    let variance = squares as f64 / count - mean * mean;
    let deviation = if variance > 0.0 {
        variance.sqrt() / 255.0
    } else {
        1.0
    };
    (mean / 255.0, deviation)
}

#[cfg(test)]
mod tests;
