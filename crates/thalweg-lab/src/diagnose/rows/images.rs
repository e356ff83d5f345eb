//! Labelled images as rows: pixels are the inputs, the digit or thing is a class.

use super::{Row, Rows, one_hot};
use crate::diagnose::DiagnoseError;
use crate::images::Images;

/// The rows of a set of images, their pixels from 0 to 1.
#[derive(Clone, Debug)]
pub struct ImageRows {
    images: Images,
    classes: usize,
    next: usize,
}

impl ImageRows {
    /// Those of `images`.
    pub fn new(images: Images) -> Self {
        let classes = images
            .labels
            .iter()
            .max()
            .map_or(0, |&most| most as usize + 1);
        Self {
            images,
            classes,
            next: 0,
        }
    }
}

impl Rows for ImageRows {
    fn read(&mut self, row: &mut Row) -> Result<bool, DiagnoseError> {
        let Some(&class) = self.images.labels.get(self.next) else {
            return Ok(false);
        };
        let size = self.images.size();
        let pixels = &self.images.pixels[self.next * size..][..size];
        row.inputs.clear();
        row.inputs
            .extend(pixels.iter().map(|&byte| f64::from(byte) / 255.0));
        one_hot(&mut row.targets, class.into(), self.classes);
        self.next += 1;
        Ok(true)
    }

    fn input_names(&self) -> Vec<String> {
        let width = self.images.width;
        let name = |at: usize| format!("pixel ({}, {})", at / width, at % width);
        (0..self.images.size()).map(name).collect()
    }

    fn target_names(&self) -> Vec<String> {
        (0..self.classes).map(|class| class.to_string()).collect()
    }

    fn classes(&self) -> bool {
        true
    }
}
