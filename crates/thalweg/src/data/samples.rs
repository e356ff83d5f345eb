//! Samples that have been drawn and stay as they are.

use faer::Mat;

use crate::tensor::Block;

/// Inputs and targets, a sample in each column.
///
/// Line (row · positions + position) holds one feature of every sample, as in
/// [`Objective`](crate::loss::Objective).
#[derive(Clone, Debug, PartialEq)]
pub struct Samples {
    /// x, lines × samples. Below them the numbers of a tape's masks, where it has dropout.
    pub inputs: Mat<f64>,
    /// y, lines × samples.
    pub targets: Mat<f64>,
}

impl Samples {
    /// Puts lines below the inputs.
    pub(crate) fn append(&mut self, more: &Block<f64>) {
        let (own, lines) = (self.inputs.nrows(), more.lines());
        let entry = |line, sample| match line < own {
            true => self.inputs[(line, sample)],
            false => lines.line(line - own)[sample],
        };
        self.inputs = Mat::from_fn(own + lines.count(), lines.batch(), entry);
    }

    /// Those in blocks.
    pub(crate) fn of(inputs: &Block<f64>, targets: &Block<f64>) -> Self {
        Self {
            inputs: matrix(inputs),
            targets: matrix(targets),
        }
    }
}

/// A block's numbers, a sample in each column.
pub(super) fn matrix(block: &Block<f64>) -> Mat<f64> {
    let lines = block.lines();
    Mat::from_fn(lines.count(), lines.batch(), |line, sample| {
        lines.line(line)[sample]
    })
}
