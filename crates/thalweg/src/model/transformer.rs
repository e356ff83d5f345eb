//! Transformers: multi-head self-attention and a perceptron at each position, with residuals.

use super::error::positive;
use super::{Dropout, ModelError};
use crate::tensor::{Activation, Group, Recorder, Tape, TensorError, Variable};

/// Blocks x ← x + O·attention(N x), x ← x + B φ(A N x), where N is LayerNorm or nothing (so LayerNorm
/// comes first, "pre-norm"). Input and output have the same shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transformer {
    /// Features d at each position.
    pub width: usize,
    /// Positions in the sequence.
    pub positions: usize,
    /// Heads, which share the width.
    pub heads: usize,
    /// Hidden units of the perceptron at each position: A is hidden × width, B is width × hidden.
    pub hidden: usize,
    /// How many blocks follow one another, each with weights of its own.
    pub blocks: usize,
    /// Whether a position sees only itself and those before it.
    pub causal: bool,
    /// Whether there is LayerNorm.
    pub layer_norm: bool,
    /// φ, the perceptron's activation; attention has none.
    pub activation: Activation,
    /// Whether affine maps have biases.
    pub biases: bool,
}

/// ε of LayerNorm, as in PyTorch.
const EPSILON: f64 = 1e-5;

impl Transformer {
    /// Records f; parameters of block k = 1 … are `blocks.k.query.weight`, `.key`, `.value`, `.output`
    /// and the perceptron's `.expand` (A) and `.contract` (B), each with `.bias` if wanted, and
    /// `blocks.k.norm1.gain`, `.bias`, `blocks.k.norm2.…`.
    ///
    /// # Errors
    /// When a size is 0 or the heads do not divide the width.
    pub fn tape(&self) -> Result<Tape, ModelError> {
        self.tape_with(&Dropout::default())
    }

    /// Records f with dropout of the perceptrons' hidden units and of attention.
    pub(super) fn tape_with(&self, dropout: &Dropout) -> Result<Tape, ModelError> {
        self.check()?;
        let mut recorder = Recorder::new(self.width, self.positions)?;
        let x = recorder.input();
        let x = self.record(&mut recorder, x, dropout)?;
        Ok(recorder.finish(x)?)
    }

    /// Whether it can be recorded.
    pub(super) fn check(&self) -> Result<(), ModelError> {
        positive("width", self.width)?;
        positive("positions", self.positions)?;
        positive("heads", self.heads)?;
        positive("hidden", self.hidden)?;
        positive("blocks", self.blocks)?;
        if !self.width.is_multiple_of(self.heads) {
            return Err(ModelError::Heads {
                heads: self.heads,
                width: self.width,
            });
        }
        Ok(())
    }

    /// The blocks, on x of this width at these positions.
    pub(super) fn record(
        &self,
        recorder: &mut Recorder,
        mut x: Variable,
        dropout: &Dropout,
    ) -> Result<Variable, TensorError> {
        for k in 1..=self.blocks {
            let name = format!("blocks.{k}");
            let normed = self.norm(recorder, &format!("{name}.norm1"), x)?;
            let attended = self.attention(recorder, &name, normed, dropout)?;
            x = recorder.sum(x, attended)?;
            let normed = self.norm(recorder, &format!("{name}.norm2"), x)?;
            let wide = self.affine(recorder, &format!("{name}.expand"), self.hidden, normed)?;
            let wide = recorder.pointwise(self.activation, wide);
            let wide = recorder.dropout(wide, dropout.hidden)?;
            let narrow = self.affine(recorder, &format!("{name}.contract"), self.width, wide)?;
            x = recorder.sum(x, narrow)?;
        }
        Ok(x)
    }

    pub(super) fn affine(
        &self,
        recorder: &mut Recorder,
        name: &str,
        rows: usize,
        x: Variable,
    ) -> Result<Variable, TensorError> {
        let weight = recorder.weight(&format!("{name}.weight"), rows, x.rows())?;
        let bias = match self.biases {
            true => Some(recorder.bias(&format!("{name}.bias"), rows)?),
            false => None,
        };
        recorder.affine(weight, bias, x)
    }

    pub(super) fn norm(
        &self,
        recorder: &mut Recorder,
        name: &str,
        x: Variable,
    ) -> Result<Variable, TensorError> {
        if !self.layer_norm {
            return Ok(x);
        }
        let features = |position| Group {
            first: position,
            step: self.positions,
            count: self.width,
        };
        let normalised =
            recorder.normalise(x, EPSILON, (0..self.positions).map(features).collect())?;
        let gain = recorder.gain(&format!("{name}.gain"), self.width)?;
        let bias = recorder.bias(&format!("{name}.bias"), self.width)?;
        recorder.diagonal(gain, bias, normalised)
    }

    /// O Σ_j softmax_j(q_i·k_j/√(d/heads)) v_j for each position i, head by head.
    fn attention(
        &self,
        recorder: &mut Recorder,
        name: &str,
        x: Variable,
        dropout: &Dropout,
    ) -> Result<Variable, TensorError> {
        let query = self.affine(recorder, &format!("{name}.query"), self.width, x)?;
        let key = self.affine(recorder, &format!("{name}.key"), self.width, x)?;
        let value = self.affine(recorder, &format!("{name}.value"), self.width, x)?;
        let size = self.width / self.heads;
        let seen = |i: usize| if self.causal { i + 1 } else { self.positions };
        // Scores only where a position sees another: those of one head and position are a group.
        let (mut scores, mut groups) = (Vec::new(), Vec::new());
        for head in 0..self.heads {
            for i in 0..self.positions {
                groups.push(Group {
                    first: scores.len(),
                    step: 1,
                    count: seen(i),
                });
                scores.extend((0..seen(i)).map(|j| {
                    let rows = head * size..(head + 1) * size;
                    rows.map(|row| [query.line(row, i), key.line(row, j)])
                        .collect()
                }));
            }
        }
        let scale = 1.0 / (size as f64).sqrt();
        let scores = recorder.products(scores.len(), 1, scale, scores)?;
        let shares = recorder.softmax(scores, groups.clone())?;
        let shares = recorder.dropout(shares, dropout.attention)?;
        let mut mixed = Vec::new();
        for row in 0..self.width {
            for i in 0..self.positions {
                let first = groups[row / size * self.positions + i].first;
                let pair = |j| [shares.line(first + j, 0), value.line(row, j)];
                mixed.push((0..seen(i)).map(pair).collect());
            }
        }
        let mixed = recorder.products(self.width, self.positions, 1.0, mixed)?;
        self.affine(recorder, &format!("{name}.output"), self.width, mixed)
    }
}
