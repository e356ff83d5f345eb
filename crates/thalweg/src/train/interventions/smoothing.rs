//! Label smoothing: every class gets a share of each label.

use crate::optimizer::{OptimizerError, require};
use crate::tensor::Real;
use crate::train::Drawn;

/// y ← (1 − α) y + α/K over the K rows of the targets, at each position, α in [0, 1): PyTorch's `label_smoothing` for
/// cross-entropy, and the same targets for squared error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Smoothing(
    /// α.
    pub f64,
);

impl Smoothing {
    pub(super) fn validate(&self) -> Result<(), OptimizerError> {
        require(
            (0.0..1.0).contains(&self.0),
            "label_smoothing",
            self.0,
            "at least 0 (none) and below 1",
        )
    }

    pub(super) fn apply<T: Real>(&self, drawn: &mut Drawn<'_, T>) {
        let classes = drawn.tape.output().rows();
        let (keep, share) = (
            T::from_f64(1.0 - self.0),
            T::from_f64(self.0 / classes as f64),
        );
        for line in 0..drawn.targets.count() {
            for y in drawn.targets.line(line) {
                *y = keep.mul_add(*y, share);
            }
        }
    }
}
