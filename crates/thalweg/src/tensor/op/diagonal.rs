//! y_r = g_r x_r + b_r: a gain and an offset for each row, the same at every position.

use super::{Direction, Point, Reads, Rules, Sink};
use crate::tensor::Number;
use crate::tensor::lines::Columns;
use crate::tensor::product::{dot_line, sum_line};
use crate::tensor::variable::{Use, Variable, Vector};
use crate::tensor::write::Write;

#[derive(Clone, Debug)]
pub(in crate::tensor) struct Diagonal {
    pub gain: Use<Vector>,
    pub offset: Use<Vector>,
    pub input: Use<Variable>,
    pub output: Variable,
}

impl Diagonal {
    /// out = g x + b with x in `below`.
    #[inline(always)]
    fn map<T: Number>(&self, columns: Columns, parameters: &[T], below: &[T], out: &mut [T]) {
        for row in 0..self.output.rows {
            let gain = parameters[self.gain.what.offset + row];
            let offset = parameters[self.offset.what.offset + row];
            let x = &below[self.input.what.row(row, columns, 0)];
            let out = &mut out[self.output.row(row, columns, self.output.first)];
            Write::Set.each(
                out,
                [x],
                #[inline(always)]
                |[x]| gain.mul_add(x, offset),
            );
        }
    }

    /// to = or += g x, for lines x and `to` of row `row`.
    #[inline(always)]
    fn scale<T: Number>(&self, parameters: &[T], row: usize, x: &[T], to: &mut [T], write: Write) {
        let gain = parameters[self.gain.what.offset + row];
        write.each(
            to,
            [x],
            #[inline(always)]
            |[x]| gain * x,
        );
    }
}

impl Rules for Diagonal {
    #[inline(always)]
    fn output(&self) -> Variable {
        self.output
    }

    fn reads(&mut self) -> Reads<'_> {
        Reads {
            variables: vec![&mut self.input],
            biases: vec![&mut self.gain, &mut self.offset],
            ..Reads::default()
        }
    }

    #[inline(always)]
    fn forward<T: Number>(&self, at: Point<'_, T>, out: &mut [T]) {
        self.map(at.columns, at.parameters, at.values, out);
    }

    /// ẏ = ġ x + ḃ + g ẋ.
    #[inline(always)]
    fn tangent<T: Number>(&self, at: Point<'_, T>, along: Direction<'_, T>, out: &mut [T]) {
        let columns = at.columns;
        self.map(columns, along.parameters, at.values, out);
        for row in 0..self.output.rows {
            let x = &along.values[self.input.what.row(row, columns, 0)];
            let out = &mut out[self.output.row(row, columns, self.output.first)];
            self.scale(at.parameters, row, x, out, Write::Add);
        }
    }

    #[inline(always)]
    fn backward<T: Number>(&self, at: Point<'_, T>, adjoint: &[T], to: Sink<'_, T>) {
        for row in 0..self.output.rows {
            let bar = &adjoint[self.output.row(row, at.columns, self.output.first)];
            let input = self.input.what.row(row, at.columns, 0);
            let gain = &mut to.parameters[self.gain.what.offset + row];
            self.gain.write.one(
                gain,
                dot_line(bar, &at.values[input.clone()], at.columns.stride),
            );
            let offset = &mut to.parameters[self.offset.what.offset + row];
            self.offset
                .write
                .one(offset, sum_line(bar, at.columns.stride));
            if self.input.what.active {
                self.scale(
                    at.parameters,
                    row,
                    bar,
                    &mut to.lines[input],
                    self.input.write,
                );
            }
        }
    }

    /// x̄ += ġ ȳ, ḡ += Σ ẋ ȳ.
    #[inline(always)]
    fn mixed<T: Number>(
        &self,
        at: Point<'_, T>,
        along: Direction<'_, T>,
        adjoint: &[T],
        to: Sink<'_, T>,
    ) {
        if !self.input.what.active {
            return;
        }
        for row in 0..self.output.rows {
            let bar = &adjoint[self.output.row(row, at.columns, self.output.first)];
            let input = self.input.what.row(row, at.columns, 0);
            to.parameters[self.gain.what.offset + row] +=
                dot_line(bar, &along.values[input.clone()], at.columns.stride);
            self.scale(along.parameters, row, bar, &mut to.lines[input], Write::Add);
        }
    }
}
