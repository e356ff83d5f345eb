//! Each line of y is a scaled sum of products of two lines: scores and averages of attention, gates.

use std::collections::BTreeMap;

use super::{Direction, Point, Reads, Rules, Sink};
use crate::tensor::Number;
use crate::tensor::lines::Columns;
use crate::tensor::product::SumProducts;
use crate::tensor::variable::{Line, Use, Variable};
use crate::tensor::write::Write;

#[derive(Clone, Debug)]
pub(in crate::tensor) struct Products {
    scale: f64,
    /// For each line of the output, the pairs whose products it sums.
    pairs: Vec<Vec<[Line; 2]>>,
    /// The same from the other side: every line that is read and has an adjoint.
    partners: Vec<Partners>,
    output: Variable,
}

/// With which lines a line is multiplied, and where the products go.
#[derive(Clone, Debug)]
struct Partners {
    line: Use<Line>,
    /// The output's line (counted from its first) and the other factor.
    with: Vec<[usize; 2]>,
}

impl Products {
    /// y_i = scale Σ a b over `pairs[i]`.
    pub fn new(scale: f64, pairs: Vec<Vec<[Line; 2]>>, output: Variable) -> Self {
        let (mut partners, mut places) = (Vec::<Partners>::new(), BTreeMap::new());
        for (out, pairs) in pairs.iter().enumerate() {
            for &[a, b] in pairs {
                for (line, other) in [(a, b), (b, a)] {
                    if !line.active {
                        continue;
                    }
                    let with = [out, other.index];
                    let place = *places.entry(line.index).or_insert(partners.len());
                    if place == partners.len() {
                        partners.push(Partners {
                            line: Use::of(line),
                            with: Vec::new(),
                        });
                    }
                    partners[place].with.push(with);
                }
            }
        }
        Self {
            scale,
            pairs,
            partners,
            output,
        }
    }

    /// For each line of the output the single line that it is a multiple of, where all are: under a mask.
    pub fn masked(&self) -> Option<Vec<Line>> {
        let one = |pairs: &Vec<[Line; 2]>| match pairs[..] {
            [[a, b]] if !b.active => Some(a),
            _ => None,
        };
        self.pairs.iter().map(one).collect()
    }

    /// out (= or +=) scale Σ a b, with a from `left` and b from `right`.
    #[inline(always)]
    fn map<T: Number>(
        &self,
        columns: Columns,
        left: &[T],
        right: &[T],
        out: &mut [T],
        write: Write,
    ) {
        let sums = self.pairs.iter().enumerate().map(
            #[inline(always)]
            |(line, pairs)| (line, write, pairs.iter().map(|[a, b]| [a.index, b.index])),
        );
        T::on_widest(SumProducts {
            out,
            stride: columns.stride,
            scale: T::from_f64(self.scale),
            left,
            right,
            sums,
        });
    }

    /// ā = or += scale Σ ȳ b over the lines b that a is multiplied with, from `values`; only added where
    /// `write` says so.
    #[inline(always)]
    fn pull<T: Number>(
        &self,
        columns: Columns,
        values: &[T],
        adjoint: &[T],
        to: &mut [T],
        write: impl Fn(Write) -> Write + Copy,
    ) {
        let sums = self.partners.iter().map(
            #[inline(always)]
            |Partners { line, with }| (line.what.index, write(line.write), with.iter().copied()),
        );
        T::on_widest(SumProducts {
            out: to,
            stride: columns.stride,
            scale: T::from_f64(self.scale),
            left: adjoint,
            right: values,
            sums,
        });
    }
}

impl Rules for Products {
    #[inline(always)]
    fn output(&self) -> Variable {
        self.output
    }

    fn reads(&mut self) -> Reads<'_> {
        Reads {
            lines: self.partners.iter_mut().map(|p| &mut p.line).collect(),
            ..Reads::default()
        }
    }

    #[inline(always)]
    fn forward<T: Number>(&self, at: Point<'_, T>, out: &mut [T]) {
        self.map(at.columns, at.values, at.values, out, Write::Set);
    }

    /// ẏ = scale Σ (ȧ b + a ḃ).
    #[inline(always)]
    fn tangent<T: Number>(&self, at: Point<'_, T>, along: Direction<'_, T>, out: &mut [T]) {
        self.map(at.columns, along.values, at.values, out, Write::Set);
        self.map(at.columns, at.values, along.values, out, Write::Add);
    }

    #[inline(always)]
    fn backward<T: Number>(&self, at: Point<'_, T>, adjoint: &[T], to: Sink<'_, T>) {
        self.pull(at.columns, at.values, adjoint, to.lines, |write| write);
    }

    /// ā += scale ȳ ḃ, b̄ += scale ȳ ȧ.
    #[inline(always)]
    fn mixed<T: Number>(
        &self,
        at: Point<'_, T>,
        along: Direction<'_, T>,
        adjoint: &[T],
        to: Sink<'_, T>,
    ) {
        self.pull(at.columns, along.values, adjoint, to.lines, |_| Write::Add);
    }
}
