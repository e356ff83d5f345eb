//! y = W x + b at every position: the same parameters for all.

use super::{Direction, Point, Reads, Rules, Sink};
use crate::tensor::Number;
use crate::tensor::lines::Columns;
use crate::tensor::product::{Matrix, Start, map_lines, pair_lines, sum_line};
use crate::tensor::sparse::Sparse;
use crate::tensor::variable::{Use, Variable, Vector, Weight};
use crate::tensor::write::Write;

#[derive(Clone, Debug)]
pub(in crate::tensor) struct Affine {
    pub weight: Use<Weight>,
    pub bias: Option<Use<Vector>>,
    pub input: Use<Variable>,
    pub output: Variable,
}

impl Affine {
    #[inline(always)]
    pub(in crate::tensor) fn matrix<'a, T>(&self, parameters: &'a [T]) -> Matrix<'a, T> {
        let Weight { rows, columns, .. } = self.weight.what;
        Matrix::rows(
            &parameters[self.weight.what.range()],
            rows,
            columns,
            columns,
        )
    }

    /// W x + b, with x at the point and W, b from `parameters`.
    #[inline(always)]
    fn map<T: Number>(&self, at: Point<'_, T>, parameters: &[T], out: &mut [T]) {
        let start = match &self.bias {
            Some(bias) => Start::Column(&parameters[bias.what.range()]),
            None => Start::Zero,
        };
        let (w, step) = (self.matrix(parameters), self.output.step(at.columns));
        if let Some(x) = self.sparse(at) {
            return x.map(out, step, w, start);
        }
        let x = self.input.what.matrix(at.values, at.columns, 0);
        map_lines(out, step, w, x, start);
    }

    /// x̄ = or += Wᵀȳ.
    #[inline(always)]
    fn pull<T: Number>(
        &self,
        columns: Columns,
        parameters: &[T],
        adjoint: &[T],
        to: &mut [T],
        write: Write,
    ) {
        let start = match write {
            Write::Set => Start::Zero,
            Write::Add => Start::Present,
        };
        let input = self.input.what;
        let to = &mut to[input.first * columns.stride..];
        let adjoint = self.output.matrix(adjoint, columns, self.output.first);
        let w = self.matrix(parameters).transpose();
        map_lines(to, input.step(columns), w, adjoint, start);
    }

    /// x without its zeros, if that is worth while.
    #[inline(always)]
    fn sparse<'a, T: Number>(&self, at: Point<'a, T>) -> Option<&'a Sparse<T>> {
        at.sparse
            .filter(|sparse| sparse.variable() == self.input.what)
    }

    /// W̄ = or += ȳ xᵀ, summed over positions and samples.
    #[inline(always)]
    fn pair<T: Number>(
        &self,
        columns: Columns,
        adjoint: &[T],
        values: &[T],
        to: &mut [T],
        write: Write,
    ) {
        let adjoint = self.output.matrix(adjoint, columns, self.output.first);
        let x = self.input.what.matrix(values, columns, 0);
        let to = &mut to[self.weight.what.range()];
        pair_lines(to, adjoint, x, columns.stride, write);
    }
}

impl Rules for Affine {
    #[inline(always)]
    fn output(&self) -> Variable {
        self.output
    }

    fn reads(&mut self) -> Reads<'_> {
        Reads {
            variables: vec![&mut self.input],
            weight: Some(&mut self.weight),
            biases: self.bias.iter_mut().collect(),
            ..Reads::default()
        }
    }

    #[inline(always)]
    fn forward<T: Number>(&self, at: Point<'_, T>, out: &mut [T]) {
        self.map(at, at.parameters, out);
    }

    /// ẏ = Ẇ x + ḃ + W ẋ.
    #[inline(always)]
    fn tangent<T: Number>(&self, at: Point<'_, T>, along: Direction<'_, T>, out: &mut [T]) {
        let columns = at.columns;
        self.map(at, along.parameters, out);
        if self.input.what.active {
            let x = self.input.what.matrix(along.values, columns, 0);
            let w = self.matrix(at.parameters);
            map_lines(out, self.output.step(columns), w, x, Start::Present);
        }
    }

    #[inline(always)]
    fn backward<T: Number>(&self, at: Point<'_, T>, adjoint: &[T], to: Sink<'_, T>) {
        let columns = at.columns;
        let write = self.weight.write;
        if let Some(x) = self.sparse(at) {
            let adjoint = self.output.matrix(adjoint, columns, self.output.first);
            x.pair(&mut to.parameters[self.weight.what.range()], adjoint, write);
        } else {
            self.pair(columns, adjoint, at.values, to.parameters, write);
        }
        if let Some(bias) = &self.bias {
            let bars = &mut to.parameters[bias.what.range()];
            for (row, bar) in bars.iter_mut().enumerate() {
                let line = &adjoint[self.output.row(row, columns, self.output.first)];
                bias.write.one(bar, sum_line(line, columns.stride));
            }
        }
        if self.input.what.active {
            let write = self.input.write;
            self.pull(columns, at.parameters, adjoint, to.lines, write);
        }
    }

    /// x̄ += Ẇᵀȳ, W̄ += ȳ ẋᵀ.
    #[inline(always)]
    fn mixed<T: Number>(
        &self,
        at: Point<'_, T>,
        along: Direction<'_, T>,
        adjoint: &[T],
        to: Sink<'_, T>,
    ) {
        if self.input.what.active {
            let columns = at.columns;
            self.pair(columns, adjoint, along.values, to.parameters, Write::Add);
            self.pull(columns, along.parameters, adjoint, to.lines, Write::Add);
        }
    }
}
