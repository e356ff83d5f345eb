//! Where a network drops units in training.

use super::ModelError;

/// Chances p in [0, 1) with which units are set to 0, afresh for each sample, place and unit; what stays is multiplied by
/// 1/(1 − p) (Srivastava and others, JMLR 2014; PyTorch's `Dropout`).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Dropout {
    /// Of hidden units after their activation: all layers of a perceptron, those of a transformer's perceptrons, and the states
    /// of a recurrent network as its output reads them, not as the next step does.
    pub hidden: f64,
    /// Of attention's shares, after the softmax: a transformer's alone.
    pub attention: f64,
}

impl Dropout {
    /// Checks both chances.
    pub(super) fn validate(&self) -> Result<(), ModelError> {
        for (field, chance) in [
            ("hidden_dropout", self.hidden),
            ("attention_dropout", self.attention),
        ] {
            if !(0.0..1.0).contains(&chance) {
                return Err(ModelError::Chance {
                    field,
                    found: chance.to_string(),
                });
            }
        }
        Ok(())
    }
}
