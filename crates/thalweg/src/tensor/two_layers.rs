//! y = W₂ max(W₁ x + b₁, 0) + b₂ at once, hidden unit by hidden unit, none of which leaves its register.

use super::lines::{Lines, LinesMut};
use super::op::{Activation, Affine, Op};
use super::pack::Laned;
use super::product::{Matrix, Start};
use super::variable::{Use, Vector};
use super::{Real, Tape};
use crate::lanes;

/// The most outputs: their sums stay in registers.
const OUTPUTS: usize = 4;

/// Vectors of samples at a time: as many sums as hide a multiply–add's latency.
const VECTORS: usize = 2;

/// A perceptron with one hidden layer of rectified units and few outputs.
#[derive(Clone, Debug)]
pub(super) struct TwoLayers {
    first: Affine,
    second: Affine,
}

impl TwoLayers {
    /// Where `tape` is one.
    pub(super) fn of(tape: &Tape) -> Option<Self> {
        let [Op::Affine(first), Op::Pointwise(middle), Op::Affine(second)] = &tape.ops[..] else {
            return None;
        };
        let chained = first.input.what == tape.input
            && middle.input.what.flat() == first.output.flat()
            && second.input.what.flat() == middle.output.flat()
            && second.output == tape.output;
        let serves = middle.activation == Activation::Relu
            && second.output.rows <= OUTPUTS
            && tape.large_input().is_none();
        (chained && serves).then(|| Self {
            first: first.clone(),
            second: second.clone(),
        })
    }

    /// Every sample's output.
    pub(super) fn run<T: Real>(
        &self,
        parameters: &[T],
        inputs: Lines<'_, T>,
        outputs: &mut LinesMut<'_, T>,
    ) {
        let (x, y) = (self.first.input.what, self.second.output);
        let columns = inputs.columns;
        assert_eq!(outputs.columns, columns);
        let width = columns.stride * x.positions;
        let work = Work {
            x: Matrix::rows(inputs.data, x.rows, width, width),
            weights: [&self.first, &self.second].map(|layer| layer.matrix(parameters)),
            starts: [&self.first, &self.second].map(|layer| start(&layer.bias, parameters)),
            to: &mut *outputs.data,
            width,
        };
        match y.rows {
            1 => T::on_widest(Rows::<_, 1>(work)),
            2 => T::on_widest(Rows::<_, 2>(work)),
            3 => T::on_widest(Rows::<_, 3>(work)),
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
    /// Numbers in a row of `x` and of `to`.
    width: usize,
}

/// With `R` outputs.
struct Rows<'a, T, const R: usize>(Work<'a, T>);

impl<T: Real, const R: usize> Laned<T> for Rows<'_, T, R> {
    #[inline(always)]
    fn run<V: lanes::Vector<T>>(mut self) {
        let width = self.0.width;
        let whole = width - width % (VECTORS * V::LANES);
        for column in (0..whole).step_by(VECTORS * V::LANES) {
            self.tile::<V, VECTORS>(column);
        }
        for column in (whole..width).step_by(V::LANES) {
            self.tile::<V, 1>(column);
        }
    }
}

impl<T: Real, const R: usize> Rows<'_, T, R> {
    /// `C` vectors of samples from `column` on. Each sum is taken in the order of the tape's own products.
    #[inline(always)]
    fn tile<V: lanes::Vector<T>, const C: usize>(&mut self, column: usize) {
        let Work {
            x,
            weights: [w, v],
            starts: [b, c],
            to,
            width,
        } = &mut self.0;
        let (hidden, inputs) = w.shape;
        let mut sums = [[V::splat(T::ZERO); C]; R];
        if let Start::Column(c) = c {
            for r in 0..R {
                sums[r] = [V::splat(c[r]); C];
            }
        }
        for (j, w) in w.data[..hidden * inputs].chunks_exact(inputs).enumerate() {
            let start = match b {
                Start::Column(b) => b[j],
                _ => T::ZERO,
            };
            let mut unit = [V::splat(start); C];
            for (k, &w) in w.iter().enumerate() {
                let x = &x.data[k * *width + column..][..C * V::LANES];
                let w = V::splat(w);
                for i in 0..C {
                    unit[i] = V::load(&x[i * V::LANES..]).mul_add(w, unit[i]);
                }
            }
            for i in 0..C {
                unit[i] = unit[i].positive_part();
            }
            for r in 0..R {
                let v = V::splat(v.data[r * hidden + j]);
                for i in 0..C {
                    sums[r][i] = unit[i].mul_add(v, sums[r][i]);
                }
            }
        }
        for r in 0..R {
            let to = &mut to[r * *width + column..][..C * V::LANES];
            for i in 0..C {
                sums[r][i].store(&mut to[i * V::LANES..]);
            }
        }
    }
}
