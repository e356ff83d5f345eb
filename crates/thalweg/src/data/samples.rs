//! Samples that have been drawn and stay as they are.

use faer::Mat;

/// Inputs and targets, a sample in each column.
///
/// Line (row · positions + position) holds one feature of every sample, as in
/// [`Objective`](crate::loss::Objective).
#[derive(Clone, Debug, PartialEq)]
pub struct Samples {
    /// x, lines × samples.
    pub inputs: Mat<f64>,
    /// y, lines × samples.
    pub targets: Mat<f64>,
}
