//! Any of the networks, where it does not matter which.

use super::{LanguageModel, Mlp, ModelError, Read, Rnn, Transformer};
use crate::tensor::Tape;

/// A network of one of the families.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Network {
    /// A multilayer perceptron.
    Mlp(Mlp),
    /// A recurrent network.
    Rnn(Rnn),
    /// Blocks of attention and perceptrons, read at every position.
    Transformer(Transformer),
    /// A causal transformer on tokens.
    LanguageModel(LanguageModel),
}

impl Network {
    /// Records f.
    ///
    /// # Errors
    /// When the description cannot be built; see each family.
    pub fn tape(&self) -> Result<Tape, ModelError> {
        match self {
            Self::Mlp(mlp) => mlp.tape(),
            Self::Rnn(rnn) => rnn.tape(),
            Self::Transformer(transformer) => transformer.tape(),
            Self::LanguageModel(model) => model.tape(),
        }
    }

    /// Records f on inputs at `positions` places: a perceptron is applied at each of them.
    ///
    /// # Errors
    /// As [`Network::tape`], and when the network is not a perceptron and has another number of places.
    pub fn tape_at(&self, positions: usize) -> Result<Tape, ModelError> {
        match self {
            Self::Mlp(mlp) => mlp.tape_at(positions),
            _ if self.positions()[0] == positions => self.tape(),
            _ => Err(ModelError::Positions {
                found: positions,
                expected: self.positions()[0],
            }),
        }
    }

    /// Rows of the output at each position.
    pub fn outputs(&self) -> usize {
        match self {
            Self::Mlp(mlp) => mlp.widths.last().copied().unwrap_or(0),
            Self::Rnn(rnn) => rnn.outputs,
            Self::Transformer(transformer) => transformer.width,
            Self::LanguageModel(model) => model.tokens,
        }
    }

    /// Rows of the input at each position.
    pub fn inputs(&self) -> usize {
        match self {
            Self::Mlp(mlp) => mlp.widths.first().copied().unwrap_or(0),
            Self::Rnn(rnn) => rnn.inputs,
            Self::Transformer(transformer) => transformer.width,
            Self::LanguageModel(model) => model.tokens,
        }
    }

    /// Positions of the input and of the output.
    pub fn positions(&self) -> [usize; 2] {
        match self {
            Self::Mlp(_) => [1, 1],
            Self::Rnn(rnn) => match rnn.read {
                Read::Last => [rnn.steps, 1],
                Read::Every => [rnn.steps; 2],
            },
            Self::Transformer(transformer) => [transformer.positions; 2],
            Self::LanguageModel(model) => [model.positions; 2],
        }
    }
}
