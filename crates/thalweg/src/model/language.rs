//! Language models: a causal transformer between an embedding of tokens and a score for each next token.

use super::error::positive;
use super::{Dropout, ModelError, Transformer};
use crate::tensor::{Activation, Recorder, Tape};

/// f = U N(blocks(E x + P)): at each position the scores (logits) of the token that follows, from this position and those
/// before it alone. N is LayerNorm or nothing.
///
/// Inputs are tokens as 0 and 1, one row for each, so that E x is the token's column of E; outputs have the same rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LanguageModel {
    /// How many tokens there are: rows of inputs and outputs.
    pub tokens: usize,
    /// Features d at each position: E is d × tokens, U is tokens × d.
    pub width: usize,
    /// Positions in the sequence: P has d numbers for each.
    pub positions: usize,
    /// Heads, which share the width.
    pub heads: usize,
    /// Hidden units of the perceptron at each position.
    pub hidden: usize,
    /// Blocks of attention and perceptron, as those of [`Transformer`].
    pub blocks: usize,
    /// Whether there is LayerNorm: in the blocks, and once before U.
    pub layer_norm: bool,
    /// The perceptron's activation.
    pub activation: Activation,
    /// Whether the blocks' affine maps and U have biases. E has none: P is one for each position.
    pub biases: bool,
}

impl LanguageModel {
    /// Its blocks.
    fn transformer(&self) -> Transformer {
        Transformer {
            width: self.width,
            positions: self.positions,
            heads: self.heads,
            hidden: self.hidden,
            blocks: self.blocks,
            causal: true,
            layer_norm: self.layer_norm,
            activation: self.activation,
            biases: self.biases,
        }
    }

    /// Records f; parameters are `embedding.weight` (E), `positions` (P, row after row, which starts at 0), those of the blocks as
    /// [`Transformer::tape`] names them, `norm.gain` and `norm.bias`, and `readout.weight` (U) with `readout.bias`.
    ///
    /// # Errors
    /// When a size is 0 or the heads do not divide the width.
    ///
    /// ```
    /// use thalweg::model::LanguageModel;
    /// use thalweg::tensor::Activation;
    ///
    /// let model = LanguageModel {
    ///     tokens: 5, width: 4, positions: 3, heads: 2, hidden: 8, blocks: 1,
    ///     layer_norm: false, activation: Activation::Relu, biases: false,
    /// };
    /// let tape = model.tape()?;
    /// assert_eq!((tape.output().rows(), tape.output().positions()), (5, 3));
    /// assert_eq!(tape.parameter_count(), 2 * 5 * 4 + 4 * 3 + 4 * 4 * 4 + 2 * 4 * 8);
    /// # Ok::<(), thalweg::model::ModelError>(())
    /// ```
    pub fn tape(&self) -> Result<Tape, ModelError> {
        self.tape_with(&Dropout::default())
    }

    /// Records f with dropout in its blocks.
    pub(super) fn tape_with(&self, dropout: &Dropout) -> Result<Tape, ModelError> {
        positive("tokens", self.tokens)?;
        let transformer = self.transformer();
        transformer.check()?;
        let mut recorder = Recorder::new(self.tokens, self.positions)?;
        let embedding = recorder.weight("embedding.weight", self.width, self.tokens)?;
        let x = recorder.affine(embedding, None, recorder.input())?;
        let positions = recorder.bias("positions", self.width * self.positions)?;
        let x = recorder.offset(positions, x)?;
        let x = transformer.record(&mut recorder, x, dropout)?;
        let x = transformer.norm(&mut recorder, "norm", x)?;
        let x = transformer.affine(&mut recorder, "readout", self.tokens, x)?;
        Ok(recorder.finish(x)?)
    }
}
