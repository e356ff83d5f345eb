//! y's lines are copies of given lines: joining, reordering, repeating.

use super::{Direction, Point, Reads, Rules, Sink};
use crate::tensor::Number;
use crate::tensor::variable::{Line, Use, Variable};

#[derive(Clone, Debug)]
pub(in crate::tensor) struct Gather {
    pub lines: Vec<Use<Line>>,
    pub output: Variable,
}

impl Rules for Gather {
    #[inline(always)]
    fn output(&self) -> Variable {
        self.output
    }

    fn reads(&mut self) -> Reads<'_> {
        Reads {
            lines: self.lines.iter_mut().collect(),
            ..Reads::default()
        }
    }

    #[inline(always)]
    fn forward<T: Number>(&self, at: Point<'_, T>, out: &mut [T]) {
        let (columns, below) = (at.columns, at.values);
        for (to, line) in out.chunks_exact_mut(columns.stride).zip(&self.lines) {
            to.copy_from_slice(&below[line.what.range(columns)]);
        }
    }

    #[inline(always)]
    fn tangent<T: Number>(&self, at: Point<'_, T>, along: Direction<'_, T>, out: &mut [T]) {
        let along = Point {
            values: along.values,
            sparse: None,
            ..at
        };
        self.forward(along, out);
    }

    #[inline(always)]
    fn backward<T: Number>(&self, at: Point<'_, T>, adjoint: &[T], to: Sink<'_, T>) {
        for (bar, line) in adjoint.chunks_exact(at.columns.stride).zip(&self.lines) {
            if line.what.active {
                let to = &mut to.lines[line.what.range(at.columns)];
                line.write.each(
                    to,
                    [bar],
                    #[inline(always)]
                    |[bar]| bar,
                );
            }
        }
    }
}
