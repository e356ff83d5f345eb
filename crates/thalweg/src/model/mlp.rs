//! Multilayer perceptrons, deep linear networks among them.

use super::error::positive;
use super::{Dropout, ModelError};
use crate::tensor::{Activation, Recorder, Tape};

/// A multilayer perceptron: f(x) = W_D φ(… φ(W_1 x + b_1) …) + b_D.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mlp {
    /// h_0 … h_D: inputs, hidden widths, outputs.
    pub widths: Vec<usize>,
    /// φ; the identity makes a deep linear network.
    pub activation: Activation,
    /// Whether there are b_k.
    pub biases: bool,
}

impl Mlp {
    /// Records f; parameters are `layers.k.weight` and `layers.k.bias`, k = 1 … D.
    ///
    /// # Errors
    /// When there are fewer than two widths or one is 0.
    pub fn tape(&self) -> Result<Tape, ModelError> {
        self.tape_at(1)
    }

    /// Records f at each of `positions` places of a sequence, with the same parameters.
    ///
    /// # Errors
    /// As [`Mlp::tape`], and when `positions` is 0.
    pub fn tape_at(&self, positions: usize) -> Result<Tape, ModelError> {
        self.record(positions, &Dropout::default())
    }

    /// Records f with dropout of its hidden units.
    pub(super) fn record(&self, positions: usize, dropout: &Dropout) -> Result<Tape, ModelError> {
        positive("positions", positions)?;
        if self.widths.len() < 2 {
            return Err(ModelError::Size {
                field: "the number of widths",
                found: self.widths.len(),
                expected: "inputs and outputs at least",
            });
        }
        for &width in &self.widths {
            positive("a width", width)?;
        }
        let mut recorder = Recorder::new(self.widths[0], positions)?;
        let mut x = recorder.input();
        let depth = self.widths.len() - 1;
        for (k, pair) in (1..=depth).zip(self.widths.windows(2)) {
            let weight = recorder.weight(&format!("layers.{k}.weight"), pair[1], pair[0])?;
            let bias = match self.biases {
                true => Some(recorder.bias(&format!("layers.{k}.bias"), pair[1])?),
                false => None,
            };
            x = recorder.affine(weight, bias, x)?;
            if k < depth {
                x = recorder.pointwise(self.activation, x);
                x = recorder.dropout(x, dropout.hidden)?;
            }
        }
        Ok(recorder.finish(x)?)
    }
}
