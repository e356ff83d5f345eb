//! y = (x − mean x)/√(var x + ε) over each of several groups of lines.

use super::group::{Group, product};
use super::{Direction, Point, Reads, Rules, Sink};
use crate::tensor::Number;
use crate::tensor::variable::{Use, Variable};
use crate::tensor::write::{RUN, Write, runs, update};

/// Input and output are contiguous, and every line is in one group.
#[derive(Clone, Debug)]
pub(in crate::tensor) struct Normalise {
    pub epsilon: f64,
    pub groups: Vec<Group>,
    pub input: Use<Variable>,
    pub output: Variable,
    /// 1/√(var x + ε) of each group, right after the output.
    pub inverse: Variable,
}

impl Normalise {
    /// y, and the inverse deviations, at the recorded point.
    #[inline(always)]
    fn recorded<'a, T>(&self, at: Point<'a, T>) -> (&'a [T], &'a [T]) {
        let stride = at.columns.stride;
        let from = |variable: Variable| &at.values[variable.first * stride..];
        (from(self.output), from(self.inverse))
    }

    /// to = or += J v with the symmetric J v = r (v − mean v − y mean(y v)), r the inverse deviation.
    #[inline(always)]
    fn jacobian<T: Number>(
        &self,
        stride: usize,
        (y, inverse): (&[T], &[T]),
        v: &[T],
        to: &mut [T],
        write: Write,
    ) {
        let (mut means, mut products) = ([T::ZERO; RUN], [T::ZERO; RUN]);
        for (index, group) in self.groups.iter().enumerate() {
            let share = T::ONE / T::from_f64(group.count as f64);
            for run in runs(stride) {
                let inverse = &inverse[index * stride..][run.clone()];
                group.sum(
                    stride,
                    &run,
                    &mut means,
                    share,
                    [v],
                    #[inline(always)]
                    |[v]| v,
                );
                group.sum(
                    stride,
                    &run,
                    &mut products,
                    share,
                    [y, v],
                    #[inline(always)]
                    |[y, v]| y * v,
                );
                for piece in group.pieces(stride, &run) {
                    let sources = [
                        &y[piece.clone()],
                        &v[piece.clone()],
                        &means,
                        &products,
                        inverse,
                    ];
                    write.each(
                        &mut to[piece],
                        sources,
                        #[inline(always)]
                        |[y, v, mean, product, r]| r * (v - mean - y * product),
                    );
                }
            }
        }
    }
}

impl Rules for Normalise {
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
        let (y, inverse) = out.split_at_mut((self.inverse.first - self.output.first) * stride);
        let epsilon = T::from_f64(self.epsilon);
        let (mut means, mut variances) = ([T::ZERO; RUN], [T::ZERO; RUN]);
        for (index, group) in self.groups.iter().enumerate() {
            let share = T::ONE / T::from_f64(group.count as f64);
            for run in runs(stride) {
                let inverse = &mut inverse[index * stride..][run.clone()];
                group.sum(
                    stride,
                    &run,
                    &mut means,
                    share,
                    [x],
                    #[inline(always)]
                    |[x]| x,
                );
                for piece in group.pieces(stride, &run) {
                    let sources = [&x[piece.clone()], &means];
                    Write::Set.each(
                        &mut y[piece],
                        sources,
                        #[inline(always)]
                        |[x, mean]| x - mean,
                    );
                }
                group.sum(
                    stride,
                    &run,
                    &mut variances,
                    share,
                    [y],
                    #[inline(always)]
                    |[y]| y * y,
                );
                Write::Set.each(
                    inverse,
                    [&variances],
                    #[inline(always)]
                    |[variance]| T::ONE / (variance + epsilon).sqrt(),
                );
                for piece in group.pieces(stride, &run) {
                    update(
                        &mut y[piece],
                        [&*inverse],
                        #[inline(always)]
                        |y, [r]| y * r,
                    );
                }
            }
        }
    }

    #[inline(always)]
    fn tangent<T: Number>(&self, at: Point<'_, T>, along: Direction<'_, T>, out: &mut [T]) {
        let stride = at.columns.stride;
        let dx = &along.values[self.input.what.first * stride..];
        self.jacobian(stride, self.recorded(at), dx, out, Write::Set);
    }

    #[inline(always)]
    fn backward<T: Number>(&self, at: Point<'_, T>, adjoint: &[T], to: Sink<'_, T>) {
        if self.input.what.active {
            let stride = at.columns.stride;
            let to = &mut to.lines[self.input.what.first * stride..];
            self.jacobian(stride, self.recorded(at), adjoint, to, self.input.write);
        }
    }

    /// x̄ += ṙ/r · J ȳ − r (ẏ mean(y ȳ) + y mean(ẏ ȳ)), with ṙ/r = −r mean(y ẋ).
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
        let (y, inverse) = self.recorded(at);
        let dx = &along.values[self.input.what.first * stride..];
        let dy = &along.values[self.output.first * stride..];
        let to = &mut to.lines[self.input.what.first * stride..];
        let [mut means, mut products, mut changes, mut stretches] = [[T::ZERO; RUN]; 4];
        for (index, group) in self.groups.iter().enumerate() {
            let share = T::ONE / T::from_f64(group.count as f64);
            for run in runs(stride) {
                let inverse = &inverse[index * stride..][run.clone()];
                group.sum(
                    stride,
                    &run,
                    &mut means,
                    share,
                    [adjoint],
                    #[inline(always)]
                    |[bar]| bar,
                );
                group.sum(stride, &run, &mut products, share, [y, adjoint], product);
                group.sum(stride, &run, &mut changes, share, [dy, adjoint], product);
                group.sum(stride, &run, &mut stretches, share, [y, dx], product);
                for piece in group.pieces(stride, &run) {
                    let sources = [
                        &y[piece.clone()],
                        &dy[piece.clone()],
                        &adjoint[piece.clone()],
                        &means,
                        &products,
                        &changes,
                        &stretches,
                        inverse,
                    ];
                    Write::Add.each(
                        &mut to[piece],
                        sources,
                        #[inline(always)]
                        |[y, dy, bar, mean, product, change, stretch, r]| {
                            let pulled = r * (bar - mean - y * product);
                            -(r * stretch * pulled) - r * (dy * product + y * change)
                        },
                    );
                }
            }
        }
    }
}
