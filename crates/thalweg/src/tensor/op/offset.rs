//! y = x + b with a number of b for each line: at each row and position its own.

use super::{Direction, Point, Reads, Rules, Sink};
use crate::tensor::Number;
use crate::tensor::lines::Columns;
use crate::tensor::product::sum_line;
use crate::tensor::variable::{Use, Variable, Vector};
use crate::tensor::write::Write;

/// Input and output are contiguous.
#[derive(Clone, Debug)]
pub(in crate::tensor) struct Offset {
    pub offset: Use<Vector>,
    pub input: Use<Variable>,
    pub output: Variable,
}

impl Offset {
    /// Where the input's lines are in an arena of all lines.
    #[inline(always)]
    fn input(&self, columns: Columns) -> std::ops::Range<usize> {
        let from = self.input.what.first * columns.stride;
        from..from + self.offset.what.rows * columns.stride
    }

    /// out = x + b with x in `below`.
    #[inline(always)]
    fn map<T: Number>(&self, columns: Columns, parameters: &[T], below: &[T], out: &mut [T]) {
        let x = below[self.input(columns)].chunks_exact(columns.stride);
        let offsets = &parameters[self.offset.what.range()];
        for ((out, x), &offset) in out.chunks_exact_mut(columns.stride).zip(x).zip(offsets) {
            Write::Set.each(
                out,
                [x],
                #[inline(always)]
                |[x]| x + offset,
            );
        }
    }
}

impl Rules for Offset {
    #[inline(always)]
    fn output(&self) -> Variable {
        self.output
    }

    fn reads(&mut self) -> Reads<'_> {
        Reads {
            variables: vec![&mut self.input],
            biases: vec![&mut self.offset],
            ..Reads::default()
        }
    }

    #[inline(always)]
    fn forward<T: Number>(&self, at: Point<'_, T>, out: &mut [T]) {
        self.map(at.columns, at.parameters, at.values, out);
    }

    /// ẏ = ẋ + ḃ.
    #[inline(always)]
    fn tangent<T: Number>(&self, at: Point<'_, T>, along: Direction<'_, T>, out: &mut [T]) {
        self.map(at.columns, along.parameters, along.values, out);
    }

    #[inline(always)]
    fn backward<T: Number>(&self, at: Point<'_, T>, adjoint: &[T], to: Sink<'_, T>) {
        let stride = at.columns.stride;
        let bars = &mut to.parameters[self.offset.what.range()];
        for (bar, line) in bars.iter_mut().zip(adjoint.chunks_exact(stride)) {
            self.offset.write.one(bar, sum_line(line, stride));
        }
        if self.input.what.active {
            let lines = self.input(at.columns);
            self.input.write.each(
                &mut to.lines[lines.clone()],
                [&adjoint[..lines.len()]],
                #[inline(always)]
                |[bar]| bar,
            );
        }
    }
}
