//! Any of the networks, where it does not matter which.

use super::{Dropout, LanguageModel, Mlp, ModelError, Read, Rnn, Transformer};
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

    /// Records f as it is trained: with dropout, whose masks are the tape's [`masks`](Tape::masks). Parameters are the same.
    ///
    /// # Errors
    /// As [`Network::tape`], and when a chance is not at least 0 and below 1.
    pub fn tape_with(&self, dropout: &Dropout) -> Result<Tape, ModelError> {
        dropout.validate()?;
        match self {
            Self::Mlp(mlp) => mlp.record(1, dropout),
            Self::Rnn(rnn) => rnn.record(dropout),
            Self::Transformer(transformer) => transformer.tape_with(dropout),
            Self::LanguageModel(model) => model.tape_with(dropout),
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
