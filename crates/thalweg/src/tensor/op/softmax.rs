//! y = softmax(x) over each of several groups of lines.

use super::group::{Group, product};
use super::{Direction, Point, Reads, Rules, Sink};
use crate::tensor::Number;
use crate::tensor::variable::{Use, Variable};
use crate::tensor::write::{RUN, Write, runs, update};

/// Input and output are contiguous, and every line is in one group.
#[derive(Clone, Debug)]
pub(in crate::tensor) struct Softmax {
    pub groups: Vec<Group>,
    pub input: Use<Variable>,
    pub output: Variable,
}

impl Softmax {
    /// to = or += J v with the symmetric J v = y ∘ (v − Σ y v).
    #[inline(always)]
    fn jacobian<T: Number>(&self, stride: usize, y: &[T], v: &[T], to: &mut [T], write: Write) {
        let mut sums = [T::ZERO; RUN];
        for group in &self.groups {
            for run in runs(stride) {
                group.sum(
                    stride,
                    &run,
                    &mut sums,
                    T::ONE,
                    [y, v],
                    #[inline(always)]
                    |[y, v]| y * v,
                );
                for piece in group.pieces(stride, &run) {
                    let sources = [&y[piece.clone()], &v[piece.clone()], &sums];
                    write.each(
                        &mut to[piece],
                        sources,
                        #[inline(always)]
                        |[y, v, sum]| y * (v - sum),
                    );
                }
            }
        }
    }
}

/// y = softmax(x) over each of `groups`; both slices begin with their variable.
#[inline(always)]
pub(crate) fn softmax<T: Number>(groups: &[Group], stride: usize, x: &[T], out: &mut [T]) {
    let (mut most, mut sums) = ([T::ZERO; RUN], [T::ZERO; RUN]);
    for group in groups {
        for run in runs(stride) {
            let most = &mut most[..run.len()];
            let mut pieces = group.pieces(stride, &run);
            if let Some(piece) = pieces.next() {
                most.copy_from_slice(&x[piece]);
            }
            for piece in pieces {
                update(
                    most,
                    [&x[piece]],
                    #[inline(always)]
                    |most, [x]| most.larger(x),
                );
            }
            for piece in group.pieces(stride, &run) {
                let sources = [&x[piece.clone()], most];
                Write::Set.each(
                    &mut out[piece],
                    sources,
                    #[inline(always)]
                    |[x, most]| (x - most).exp(),
                );
            }
            group.sum(
                stride,
                &run,
                &mut sums,
                T::ONE,
                [out],
                #[inline(always)]
                |[y]| y,
            );
            for piece in group.pieces(stride, &run) {
                update(
                    &mut out[piece],
                    [&sums],
                    #[inline(always)]
                    |y, [sum]| y / sum,
                );
            }
        }
    }
}

impl Rules for Softmax {
    #[inline(always)]
    fn output(&self) -> Variable {
        self.output
    }

    fn reads(&mut self) -> Reads<'_> {
        Reads {
            variables: vec![&mut self.input],
            ..Reads::default()
        }
    }

    #[inline(always)]
    fn forward<T: Number>(&self, at: Point<'_, T>, out: &mut [T]) {
        let (columns, below) = (at.columns, at.values);
        let stride = columns.stride;
        let x = &below[self.input.what.first * stride..];
        softmax(&self.groups, stride, x, out);
    }

    #[inline(always)]
    fn tangent<T: Number>(&self, at: Point<'_, T>, along: Direction<'_, T>, out: &mut [T]) {
        let stride = at.columns.stride;
        let y = &at.values[self.output.first * stride..];
        let dx = &along.values[self.input.what.first * stride..];
        self.jacobian(stride, y, dx, out, Write::Set);
    }

    #[inline(always)]
    fn backward<T: Number>(&self, at: Point<'_, T>, adjoint: &[T], to: Sink<'_, T>) {
        if self.input.what.active {
            let stride = at.columns.stride;
            let y = &at.values[self.output.first * stride..];
            let to = &mut to.lines[self.input.what.first * stride..];
            self.jacobian(stride, y, adjoint, to, self.input.write);
        }
    }

    /// x̄ += ẏ ∘ (ȳ − Σ y ȳ) − y Σ ẏ ȳ.
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
        let stride = at.columns.stride;
        let y = &at.values[self.output.first * stride..];
        let dy = &along.values[self.output.first * stride..];
        let to = &mut to.lines[self.input.what.first * stride..];
        let (mut sums, mut changes) = ([T::ZERO; RUN], [T::ZERO; RUN]);
        for group in &self.groups {
            for run in runs(stride) {
                group.sum(stride, &run, &mut sums, T::ONE, [y, adjoint], product);
                group.sum(stride, &run, &mut changes, T::ONE, [dy, adjoint], product);
                for piece in group.pieces(stride, &run) {
                    let sources = [
                        &y[piece.clone()],
                        &dy[piece.clone()],
                        &adjoint[piece.clone()],
                        &sums,
                        &changes,
                    ];
                    Write::Add.each(
                        &mut to[piece],
                        sources,
                        #[inline(always)]
                        |[y, dy, bar, sum, change]| dy * (bar - sum) - y * change,
                    );
                }
            }
        }
    }
}
