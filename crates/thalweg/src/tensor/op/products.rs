//! Each line of y is a scaled sum of products of two lines: scores and averages of attention, gates.

use super::{Direction, Point, Reads, Rules, Sink};
use crate::tensor::Real;
use crate::tensor::lines::Columns;
use crate::tensor::variable::{Line, Variable};
use crate::tensor::write::Write;

#[derive(Clone, Debug)]
pub(in crate::tensor) struct Products {
    pub scale: f64,
    /// For each line of the output, the pairs whose products it sums.
    pub pairs: Vec<Vec<[Line; 2]>>,
    pub output: Variable,
}

impl Products {
    /// out (= or +=) scale Σ a b, with a from `left` and b from `right`.
    #[inline(always)]
    fn map<T: Real>(&self, columns: Columns, left: &[T], right: &[T], out: &mut [T], write: Write) {
        let scale = T::from_f64(self.scale);
        for (out, pairs) in out.chunks_exact_mut(columns.stride).zip(&self.pairs) {
            let mut write = write;
            for [a, b] in pairs {
                let sources = [&left[a.range(columns)], &right[b.range(columns)]];
                write.each(
                    out,
                    sources,
                    #[inline(always)]
                    |[a, b]| scale * a * b,
                );
                write = Write::Add;
            }
        }
    }

    /// ā += scale ȳ b and b̄ += scale ȳ a, with a and b from `values`.
    #[inline(always)]
    fn pull<T: Real>(&self, columns: Columns, values: &[T], adjoint: &[T], to: &mut [T]) {
        let scale = T::from_f64(self.scale);
        for (bar, pairs) in adjoint.chunks_exact(columns.stride).zip(&self.pairs) {
            for [a, b] in pairs {
                for (to_line, other) in [(a, b), (b, a)] {
                    if to_line.active {
                        let sources = [bar, &values[other.range(columns)]];
                        let to = &mut to[to_line.range(columns)];
                        Write::Add.each(
                            to,
                            sources,
                            #[inline(always)]
                            |[bar, x]| scale * bar * x,
                        );
                    }
                }
            }
        }
    }
}

impl Rules for Products {
    #[inline(always)]
    fn output(&self) -> Variable {
        self.output
    }

    fn reads(&mut self) -> Reads<'_> {
        Reads {
            lines: self.pairs.iter().flatten().flatten().copied().collect(),
            ..Reads::default()
        }
    }

    #[inline(always)]
    fn forward<T: Real>(&self, columns: Columns, _: &[T], below: &[T], out: &mut [T]) {
        self.map(columns, below, below, out, Write::Set);
    }

    /// ẏ = scale Σ (ȧ b + a ḃ).
    #[inline(always)]
    fn tangent<T: Real>(&self, at: Point<'_, T>, along: Direction<'_, T>, out: &mut [T]) {
        self.map(at.columns, along.values, at.values, out, Write::Set);
        self.map(at.columns, at.values, along.values, out, Write::Add);
    }

    #[inline(always)]
    fn backward<T: Real>(&self, at: Point<'_, T>, adjoint: &[T], to: Sink<'_, T>) {
        self.pull(at.columns, at.values, adjoint, to.lines);
    }

    /// ā += scale ȳ ḃ, b̄ += scale ȳ ȧ.
    #[inline(always)]
    fn mixed<T: Real>(
        &self,
        at: Point<'_, T>,
        along: Direction<'_, T>,
        adjoint: &[T],
        to: Sink<'_, T>,
    ) {
        self.pull(at.columns, along.values, adjoint, to.lines);
    }
}
