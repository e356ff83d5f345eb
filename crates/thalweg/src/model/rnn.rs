//! Elman's recurrent networks.

use super::error::positive;
use super::{Dropout, ModelError};
use crate::tensor::{Activation, Recorder, Tape};

/// h_t = φ(U x_t + b + V h_{t−1}), h_0 = 0, and f = W h + c at one step or at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rnn {
    /// Features of the input x_t at each step; U has as many columns.
    pub inputs: usize,
    /// Units of the state h_t; V is a square matrix of this size.
    pub hidden: usize,
    /// Rows of the output f, and of W.
    pub outputs: usize,
    /// L, the length of the sequence: steps t = 1 … L.
    pub steps: usize,
    /// φ, applied to each entry of U x_t + b + V h_{t−1}.
    pub activation: Activation,
    /// Whether there are b and c.
    pub biases: bool,
    /// Where f is read off.
    pub read: Read,
}

/// The steps at which a recurrent network gives an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// After the last step alone: the output has one position.
    Last,
    /// After every step: the output has as many positions as the input.
    Every,
}

impl Rnn {
    /// Records f; parameters are `input.weight` (U), `input.bias` (b), `hidden.weight` (V; none with a
    /// single step), `output.weight` (W) and `output.bias` (c).
    ///
    /// # Errors
    /// When a size is 0.
    pub fn tape(&self) -> Result<Tape, ModelError> {
        self.record(&Dropout::default())
    }

    /// Records f with dropout of the states that the output reads.
    pub(super) fn record(&self, dropout: &Dropout) -> Result<Tape, ModelError> {
        let inputs = positive("inputs", self.inputs)?;
        let hidden = positive("hidden", self.hidden)?;
        let outputs = positive("outputs", self.outputs)?;
        let steps = positive("steps", self.steps)?;
        let mut recorder = Recorder::new(inputs, steps)?;
        let bias = |recorder: &mut Recorder, name: &str, rows| match self.biases {
            true => recorder.bias(name, rows).map(Some),
            false => Ok(None),
        };
        let u = recorder.weight("input.weight", hidden, inputs)?;
        let b = bias(&mut recorder, "input.bias", hidden)?;
        let driven = recorder.affine(u, b, recorder.input())?;
        let mut state = recorder.pointwise(self.activation, driven.at(0));
        let mut states = vec![state];
        if steps > 1 {
            let v = recorder.weight("hidden.weight", hidden, hidden)?;
            for step in 1..steps {
                let carried = recorder.affine(v, None, state)?;
                let sum = recorder.sum(driven.at(step), carried)?;
                state = recorder.pointwise(self.activation, sum);
                states.push(state);
            }
        }
        let read = match self.read {
            Read::Last => state,
            Read::Every => {
                let lines = (0..hidden)
                    .flat_map(|row| states.iter().map(move |state| state.line(row, 0)))
                    .collect();
                recorder.gather(hidden, steps, lines)?
            }
        };
        let read = recorder.dropout(read, dropout.hidden)?;
        let w = recorder.weight("output.weight", outputs, hidden)?;
        let c = bias(&mut recorder, "output.bias", outputs)?;
        let output = recorder.affine(w, c, read)?;
        Ok(recorder.finish(output)?)
    }
}
