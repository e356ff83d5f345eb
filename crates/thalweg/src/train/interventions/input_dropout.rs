//! Dropout of inputs.

use crate::optimizer::{OptimizerError, require};
use crate::random::{Bulk, Purpose};
use crate::tensor::Real;
use crate::train::Drawn;

/// Each input is set to 0 with a chance p in [0, 1), and multiplied by 1/(1 − p) otherwise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InputDropout(
    /// p.
    pub f64,
);

impl InputDropout {
    pub(super) fn validate(&self) -> Result<(), OptimizerError> {
        require(
            (0.0..1.0).contains(&self.0),
            "input_dropout",
            self.0,
            "a chance of at least 0 (none) and below 1",
        )
    }

    pub(super) fn apply<T: Real>(&self, seed: u64, step: u64, drawn: &mut Drawn<'_, T>) {
        let (lines, batch) = (drawn.inputs.count(), drawn.inputs.batch());
        let mut words = vec![0; lines * batch];
        Bulk::new(seed, Purpose::InputDropout, step).words(&mut words);
        // p in units of 2⁻³².
        let chance = (self.0 * 2f64.powi(32)).round() as u64;
        let kept = T::from_f64(1.0 / (1.0 - self.0));
        for (line, words) in words.chunks_exact(batch).enumerate() {
            for (x, &word) in drawn.inputs.line(line).iter_mut().zip(words) {
                *x = if u64::from(word) < chance {
                    T::ZERO
                } else {
                    kept * *x
                };
            }
        }
    }
}
