//! Lines of one variable that are normalised together, sample by sample.

use std::ops::Range;

use crate::tensor::Number;
use crate::tensor::write::{RUN, Write};

/// Lines `first`, `first + step`, … of a contiguous variable, counted from its first line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    /// The first line's number, from 0.
    pub first: usize,
    /// From one to the next.
    pub step: usize,
    /// How many lines there are.
    pub count: usize,
}

impl Group {
    /// Its lines.
    pub(crate) fn lines(self) -> impl Iterator<Item = usize> {
        (0..self.count).map(move |i| self.first + i * self.step)
    }

    /// Where the group's lines have their columns `run`, in a slice that begins with the variable.
    #[inline(always)]
    pub(crate) fn pieces(
        self,
        stride: usize,
        run: &Range<usize>,
    ) -> impl Iterator<Item = Range<usize>> + use<> {
        let Range { start, end } = *run;
        (0..self.count).map(move |i| {
            let line = (self.first + i * self.step) * stride;
            line + start..line + end
        })
    }

    /// Into `sums`, for each column of `run`: scale Σ f(sources…) over the group's lines.
    #[inline(always)]
    pub(crate) fn sum<T: Number, const N: usize>(
        self,
        stride: usize,
        run: &Range<usize>,
        sums: &mut [T; RUN],
        scale: T,
        sources: [&[T]; N],
        f: impl Fn([T; N]) -> T,
    ) {
        let sums = &mut sums[..run.len()];
        sums.fill(T::ZERO);
        for piece in self.pieces(stride, run) {
            let sources = sources.map(|source| &source[piece.clone()]);
            Write::Add.each(
                sums,
                sources,
                #[inline(always)]
                |values| scale * f(values),
            );
        }
    }
}

/// a b.
#[inline(always)]
pub(super) fn product<T: Number>([a, b]: [T; 2]) -> T {
    a * b
}
