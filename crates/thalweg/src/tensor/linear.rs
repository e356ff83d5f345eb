//! Whether a tape is linear in each of its parameters alone.

use std::collections::BTreeSet;

use super::op::{Activation, Op, Rules};
use super::variable::Line;
use super::{Tape, Variable};

impl Tape {
    /// Whether the output is certainly piecewise linear in each single parameter, all others held: true of
    /// perceptrons with ReLU or the identity, since no path meets a weight twice.
    ///
    /// Then ∂²f/∂θ_i² = 0 wherever it exists, so that for any loss the Hessian has the diagonal, and with it the
    /// trace, of its Gauss–Newton matrix.
    pub fn linear_in_each_parameter(&self) -> bool {
        // The weights and gains on the way to each line. Offsets multiply nothing, so meeting one twice is no harm.
        let mut factors = vec![BTreeSet::new(); self.lines];
        for op in &self.ops {
            let (input, factor, output) = match op {
                Op::Affine(op) => (op.input.what, op.weight.what.index, op.output),
                Op::Diagonal(op) => (op.input.what, op.gain.what.index, op.output),
                Op::Pointwise(op) if op.activation == Activation::Relu => {
                    each(&mut factors, op.output, op.input.what.lines());
                    continue;
                }
                Op::Offset(op) => {
                    each(&mut factors, op.output, op.input.what.lines());
                    continue;
                }
                Op::Gather(op) => {
                    each(
                        &mut factors,
                        op.output,
                        op.lines.iter().map(|line| line.what),
                    );
                    continue;
                }
                Op::Products(op) => {
                    let Some(lines) = op.masked() else {
                        return false;
                    };
                    each(&mut factors, op.output(), lines.into_iter());
                    continue;
                }
                Op::Sum(op) => {
                    let [a, b] = op.terms.map(|term| term.what);
                    for ((line, a), b) in op.output.lines().zip(a.lines()).zip(b.lines()) {
                        factors[line.index] = &factors[a.index] | &factors[b.index];
                    }
                    continue;
                }
                Op::Pointwise(_) | Op::Softmax(_) | Op::Normalise(_) => {
                    return false;
                }
            };
            let mut met = BTreeSet::new();
            for line in input.lines() {
                met.extend(&factors[line.index]);
            }
            if !met.insert(factor) {
                return false;
            }
            for line in output.lines() {
                factors[line.index].clone_from(&met);
            }
        }
        true
    }
}

/// Each line of `output` is met by what its own line of `input` is.
fn each(factors: &mut [BTreeSet<usize>], output: Variable, input: impl Iterator<Item = Line>) {
    for (line, from) in output.lines().zip(input) {
        factors[line.index] = factors[from.index].clone();
    }
}
