//! y = W₂ max(W₁ x + b₁, 0) + b₂ at once, a few hidden units after another, none of which leaves its register.

use super::lines::Columns;
use super::op::{Activation, Affine, Op, Rules};
use super::pack::Laned;
use super::product::{Matrix, Start};
use super::variable::{Use, Variable, Vector};
use super::{Real, Tape};
use crate::lanes;

/// The most outputs: their sums stay in registers.
const OUTPUTS: usize = 8;

/// Outputs of which AVX2 has registers for two vectors each.
const FEW: usize = 4;

/// Hidden units at a time: with [`FEW`] outputs, two vectors each, as many as AVX2 has registers for.
const UNITS: usize = 2;

/// A perceptron with one hidden layer of rectified units and few outputs: three operations of a tape.
#[derive(Clone, Debug)]
pub(super) struct TwoLayers {
    first: Affine,
    second: Affine,
}

impl TwoLayers {
    /// How many operations it stands for.
    pub const OPS: usize = 3;

    /// What begins with operation `index` of `tape`, where that is one and nothing else reads its hidden units.
    pub fn at(tape: &Tape, index: usize) -> Option<Self> {
        let end = index + Self::OPS;
        let [Op::Affine(first), Op::Pointwise(middle), Op::Affine(second)] =
            tape.ops.get(index..end)?
        else {
            return None;
        };
        let chained = middle.input.what.flat() == first.output.flat()
            && second.input.what.flat() == middle.output.flat();
        let serves = middle.activation == Activation::Relu
            && second.output.rows <= OUTPUTS
            && tape.large_input() != Some(first.input.what);
        let hidden = [first.output, middle.output];
        let read_again = tape.output.first < second.output.first
            || tape.ops[end..].iter().any(|op| {
                let mut op = op.clone();
                let reads = op.reads();
                let of_variables = reads.variables.iter().map(|read| read.what.first);
                let of_lines = reads.lines.iter().map(|read| read.what.index);
                let holds = |v: &Variable, line| v.lines().any(|own| own.index == line);
                of_variables
                    .chain(of_lines)
                    .any(|line| hidden.iter().any(|v| holds(v, line)))
            });
        (chained && serves && !read_again).then(|| Self {
            first: first.clone(),
            second: second.clone(),
        })
    }

    /// What it reads and what it writes.
    pub fn ends(&self) -> [Variable; 2] {
        [self.first.input.what, self.second.output]
    }

    /// Every sample's output into `to`, where it begins; the input begins `x`.
    pub fn run<T: Real>(&self, parameters: &[T], columns: Columns, x: &[T], to: &mut [T]) {
        let [input, output] = self.ends();
        let work = Work {
            x: input.matrix(x, columns, input.first),
            weights: [&self.first, &self.second].map(|layer| layer.matrix(parameters)),
            starts: [&self.first, &self.second].map(|layer| start(&layer.bias, parameters)),
            to,
            step: output.step(columns),
        };
        match output.rows {
            1 => T::on_widest(Rows::<_, 1>(work)),
            2 => T::on_widest(Rows::<_, 2>(work)),
            3 => T::on_widest(Rows::<_, 3>(work)),
            4 => T::on_widest(Rows::<_, 4>(work)),
            5 => T::on_widest(Rows::<_, 5>(work)),
            6 => T::on_widest(Rows::<_, 6>(work)),
            7 => T::on_widest(Rows::<_, 7>(work)),
            _ => T::on_widest(Rows::<_, OUTPUTS>(work)),
        }
    }
}

fn start<'a, T>(bias: &Option<Use<Vector>>, parameters: &'a [T]) -> Start<'a, T> {
    let of = |bias: &Use<Vector>| Start::Column(&parameters[bias.what.range()]);
    bias.as_ref().map_or(Start::Zero, of)
}

/// What [`TwoLayers::run`] works on.
struct Work<'a, T> {
    x: Matrix<'a, T>,
    weights: [Matrix<'a, T>; 2],
    starts: [Start<'a, T>; 2],
    to: &'a mut [T],
    /// From one row of `to` to the next.
    step: usize,
}

/// With `R` outputs.
struct Rows<'a, T, const R: usize>(Work<'a, T>);

impl<T: Real, const R: usize> Laned<T> for Rows<'_, T, R> {
    #[inline(always)]
    fn run<V: lanes::Vector<T>>(mut self) {
        let width = self.0.x.shape.1;
        let mut column = 0;
        if R <= FEW || V::LANES > <T::Pack as lanes::Vector<T>>::LANES {
            while column + 2 * V::LANES <= width {
                self.columns::<V, 2>(column);
                column += 2 * V::LANES;
            }
        }
        while column < width {
            self.columns::<V, 1>(column);
            column += V::LANES;
        }
    }
}

impl<T: Real, const R: usize> Rows<'_, T, R> {
    /// `C` vectors of samples from `column` on. Each sum is taken in the order of the tape's own products.
    #[inline(always)]
    fn columns<V: lanes::Vector<T>, const C: usize>(&mut self, column: usize) {
        let mut sums = [[V::splat(T::ZERO); C]; R];
        if let Start::Column(offsets) = self.0.starts[1] {
            for r in 0..R {
                sums[r] = [V::splat(offsets[r]); C];
            }
        }
        let hidden = self.0.weights[0].shape.0;
        let whole = hidden - hidden % UNITS;
        for unit in (0..whole).step_by(UNITS) {
            self.units::<V, C, UNITS>(column, unit, &mut sums);
        }
        for unit in whole..hidden {
            self.units::<V, C, 1>(column, unit, &mut sums);
        }
        let step = self.0.step;
        for r in 0..R {
            let to = &mut self.0.to[r * step + column..][..C * V::LANES];
            for i in 0..C {
                sums[r][i].store(&mut to[i * V::LANES..]);
            }
        }
    }

    /// Adds what hidden units `first` … `first + U − 1` do.
    #[inline(always)]
    fn units<V: lanes::Vector<T>, const C: usize, const U: usize>(
        &self,
        column: usize,
        first: usize,
        sums: &mut [[V; C]; R],
    ) {
        let Work {
            x,
            weights: [w, v],
            starts,
            ..
        } = &self.0;
        let (hidden, inputs) = w.shape;
        let w = &w.data[first * inputs..][..U * inputs];
        let mut units = [[V::splat(T::ZERO); C]; U];
        if let Start::Column(offsets) = starts[0] {
            for u in 0..U {
                units[u] = [V::splat(offsets[first + u]); C];
            }
        }
        for k in 0..inputs {
            let from = &x.data[k * x.steps.0 + column..][..C * V::LANES];
            let mut line = [V::splat(T::ZERO); C];
            for i in 0..C {
                line[i] = V::load(&from[i * V::LANES..]);
            }
            for u in 0..U {
                let w = V::splat(w[u * inputs + k]);
                for i in 0..C {
                    units[u][i] = line[i].mul_add(w, units[u][i]);
                }
            }
        }
        for u in 0..U {
            for i in 0..C {
                units[u][i] = units[u][i].positive_part();
            }
        }
        for r in 0..R {
            let v = &v.data[r * hidden + first..][..U];
            for u in 0..U {
                let v = V::splat(v[u]);
                for i in 0..C {
                    sums[r][i] = units[u][i].mul_add(v, sums[r][i]);
                }
            }
        }
    }
}
