//! y = a + b, line by line.

use super::{Direction, Point, Reads, Rules, Sink};
use crate::tensor::Number;
use crate::tensor::variable::{Use, Variable};
use crate::tensor::write::Write;

#[derive(Clone, Debug)]
pub(in crate::tensor) struct Sum {
    pub terms: [Use<Variable>; 2],
    pub output: Variable,
}

impl Rules for Sum {
    #[inline(always)]
    fn output(&self) -> Variable {
        self.output
    }

    fn reads(&mut self) -> Reads<'_> {
        Reads {
            variables: self.terms.iter_mut().collect(),
            ..Reads::default()
        }
    }

    #[inline(always)]
    fn forward<T: Number>(&self, at: Point<'_, T>, out: &mut [T]) {
        let (columns, below) = (at.columns, at.values);
        let [a, b] = &self.terms;
        for row in 0..self.output.rows {
            let sources = [a, b].map(|term| &below[term.what.row(row, columns, 0)]);
            let out = &mut out[self.output.row(row, columns, self.output.first)];
            Write::Set.each(
                out,
                sources,
                #[inline(always)]
                |[a, b]| a + b,
            );
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
        for term in self.terms.iter().filter(|term| term.what.active) {
            for row in 0..self.output.rows {
                let bar = &adjoint[self.output.row(row, at.columns, self.output.first)];
                let to = &mut to.lines[term.what.row(row, at.columns, 0)];
                term.write.each(
                    to,
                    [bar],
                    #[inline(always)]
                    |[bar]| bar,
                );
            }
        }
    }
}
