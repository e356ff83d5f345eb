//! Gaussian noise on the inputs, fresh at each visit.

use crate::optimizer::{OptimizerError, require};
use crate::random::{Bulk, NoiseLaw, Purpose};
use crate::tensor::Real;
use crate::train::Drawn;

/// x ← x + σ z, z standard normal and independent from input to input, position to position and sample to sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InputNoise(
    /// σ ≥ 0, in units of the inputs as the network sees them.
    pub f64,
);

impl InputNoise {
    pub(super) fn validate(&self) -> Result<(), OptimizerError> {
        require(
            self.0.is_finite() && self.0 >= 0.0,
            "input_noise",
            self.0,
            "a standard deviation, 0 (none) or above",
        )
    }

    pub(super) fn apply<T: Real>(&self, seed: u64, step: u64, drawn: &mut Drawn<'_, T>) {
        let (lines, batch) = (drawn.inputs.count(), drawn.inputs.batch());
        let mut white = vec![0.0; Bulk::room(lines * batch)];
        Bulk::new(seed, Purpose::InputNoise, step).variates(NoiseLaw::Gaussian, &mut white);
        for (line, white) in white.chunks_exact(batch).take(lines).enumerate() {
            for (x, z) in drawn.inputs.line(line).iter_mut().zip(white) {
                *x += T::from_f64(self.0 * z);
            }
        }
    }
}
