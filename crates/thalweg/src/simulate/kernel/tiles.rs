//! Matrix products with a seed in each lane, blocked for registers: the same bits at any number of lanes.
//!
//! Every entry of a product is summed in one fused chain in the order of the inner index. Matrices are column by column.

use std::ops::Range;
use std::slice::ChunksExact;

use crate::lanes::{Call, Lanes, Real, Vector};

/// An operand of a product. Where it lies `ALONG` the inner index, that index runs through neighbouring entries, and the
/// outer one in strides; else the other way round.
#[derive(Clone, Copy)]
pub(in crate::simulate) struct Operand<'a, R, const ALONG: bool> {
    entries: &'a [R],
    stride: usize,
    /// Whether entries above the matrix' diagonal are 0, and left out.
    lower: bool,
}

/// The inner index in neighbouring entries: columns of the right factor, rows of a transposed left one.
pub(in crate::simulate) type Along<'a, R> = Operand<'a, R, true>;
/// The outer index in neighbouring entries.
pub(in crate::simulate) type Across<'a, R> = Operand<'a, R, false>;

/// `N` neighbouring outer indices of an operand, over a range of the inner one.
struct Panel<'a, R, const N: usize, const ALONG: bool> {
    /// One for each outer index where they lie along the inner one; else all entries, in the first.
    lines: [&'a [R]; N],
    first: usize,
    stride: usize,
}

impl<'a, R: Real, const ALONG: bool> Operand<'a, R, ALONG> {
    #[inline(always)]
    pub fn new(entries: &'a [R], stride: usize) -> Self {
        Self {
            entries,
            stride,
            lower: false,
        }
    }

    /// The same for a right factor that is, or whose transpose is, 0 above its diagonal if `lower`: those entries are left out.
    #[inline(always)]
    pub fn trapezoid(self, lower: bool) -> Self {
        Self { lower, ..self }
    }

    /// The inner indices, of 0 … `inner` − 1, at which `count` outer ones from `first` on are not all 0.
    #[inline(always)]
    fn range(self, first: usize, count: usize, inner: usize) -> Range<usize> {
        match (self.lower, ALONG) {
            (false, _) => 0..inner,
            (true, true) => first.min(inner)..inner,
            (true, false) => 0..inner.min(first + count),
        }
    }

    #[inline(always)]
    fn panel<const N: usize>(self, first: usize, range: Range<usize>) -> Panel<'a, R, N, ALONG> {
        let Self {
            entries, stride, ..
        } = self;
        let mut lines = [entries; N];
        if ALONG {
            for (i, line) in lines.iter_mut().enumerate() {
                *line = &entries[(first + i) * stride..][range.clone()];
            }
        } else {
            lines[0] = &entries[range.start * stride..range.end * stride];
        }
        Panel {
            lines,
            first,
            stride,
        }
    }
}

impl<'a, R: Real, const N: usize, const ALONG: bool> Panel<'a, R, N, ALONG> {
    /// Its entries at inner index `k` of the range, where they lie along it.
    #[inline(always)]
    fn along(&self, k: usize) -> [R; N] {
        let mut entries = [R::constant(0.0); N];
        for i in 0..N {
            entries[i] = self.lines[i][k];
        }
        entries
    }

    /// A slice for each inner index, where they lie across it: without a check of bounds for each.
    #[inline(always)]
    fn across(&self) -> ChunksExact<'a, R> {
        self.lines[0].chunks_exact(self.stride)
    }

    /// Its entries in one of these slices.
    #[inline(always)]
    #[expect(
        clippy::manual_memcpy,
        reason = "written out, so that the entries stay in registers"
    )]
    fn within(&self, slice: &[R]) -> [R; N] {
        let line = &slice[self.first..][..N];
        let mut entries = [R::constant(0.0); N];
        for i in 0..N {
            entries[i] = line[i];
        }
        entries
    }
}

/// Where the entries of a product go.
pub(in crate::simulate) trait Sink<R> {
    /// `M` entries of column `column` from row `row` on.
    fn take<const M: usize>(&mut self, row: usize, column: usize, entries: [R; M]);
}

/// A sink into a matrix, column by column.
macro_rules! sink {
    ($(#[$doc:meta])* $name:ident, |$to:ident, $entry:ident| $new:expr) => {
        $(#[$doc])*
        pub(in crate::simulate) struct $name<'a, R> {
            out: &'a mut [R],
            rows: usize,
        }

        impl<'a, R: Real> $name<'a, R> {
            #[inline(always)]
            pub fn new(out: &'a mut [R], rows: usize) -> Self {
                Self { out, rows }
            }
        }

        impl<R: Real> Sink<R> for $name<'_, R> {
            #[inline(always)]
            fn take<const M: usize>(&mut self, row: usize, column: usize, entries: [R; M]) {
                let out = &mut self.out[column * self.rows + row..][..M];
                for i in 0..M {
                    let ($to, $entry) = (out[i], entries[i]);
                    out[i] = $new;
                }
            }
        }
    };
}

sink!(
    /// out = a b.
    Store, |_to, entry| entry
);
sink!(
    /// out += a b.
    Sum, |to, entry| to.add(entry)
);
sink!(
    /// out −= a b.
    Subtract, |to, entry| to.sub(entry)
);

/// a b, of shape `[rows, inner, columns]`, into `sink`.
///
/// Rows go outermost, so that the left factor, a layer's weights, is read once.
#[inline(always)]
fn product<R: Real, const A: bool, const B: bool>(
    a: Operand<'_, R, A>,
    b: Operand<'_, R, B>,
    shape: [usize; 3],
    sink: &mut impl Sink<R>,
) {
    let [rows, inner, columns] = shape;
    let mut row = 0;
    while row < rows {
        let count = share(rows - row, 4);
        match count {
            4 => panel::<R, 4, A, B>(a, b, row, [inner, columns], sink),
            3 => panel::<R, 3, A, B>(a, b, row, [inner, columns], sink),
            2 => panel::<R, 2, A, B>(a, b, row, [inner, columns], sink),
            _ => panel::<R, 1, A, B>(a, b, row, [inner, columns], sink),
        }
        row += count;
    }
}

/// How many of `count` are taken at once, at most `most`.
#[inline(always)]
fn share(count: usize, most: usize) -> usize {
    match (count, most) {
        (5 | 6 | 9, 4) => 3,
        _ => count.min(most),
    }
}

/// A product that is compiled once for each kind of operands, and not into every place that asks for it.
struct Multiply<'a, R, S, const A: bool, const B: bool> {
    a: Operand<'a, R, A>,
    b: Operand<'a, R, B>,
    shape: [usize; 3],
    sink: S,
}

impl<R: Real, S: Sink<R>, const A: bool, const B: bool> Call for Multiply<'_, R, S, A, B> {
    type Output = S;

    #[inline(always)]
    fn call(mut self) -> S {
        product(self.a, self.b, self.shape, &mut self.sink);
        self.sink
    }
}

/// a b, of shape `[rows, inner, columns]`, into `sink`.
#[inline(always)]
pub(in crate::simulate) fn multiply<R: Real, S: Sink<R>, const A: bool, const B: bool>(
    a: Operand<'_, R, A>,
    b: Operand<'_, R, B>,
    shape: [usize; 3],
    sink: S,
) -> S {
    R::Wide::within(Multiply { a, b, shape, sink })
}

/// `M` rows of a product.
#[inline(always)]
fn panel<R: Real, const M: usize, const A: bool, const B: bool>(
    a: Operand<'_, R, A>,
    b: Operand<'_, R, B>,
    row: usize,
    [inner, columns]: [usize; 2],
    sink: &mut impl Sink<R>,
) {
    // As many sums as registers hold beside what they are made of.
    let most = if R::Wide::LANES == 8 { 4 } else { 2 };
    let mut column = 0;
    while column < columns {
        let count = share(columns - column, most);
        let at = [row, column];
        match count {
            4 => tile::<R, M, 4, A, B>(a, b, at, inner, sink),
            3 => tile::<R, M, 3, A, B>(a, b, at, inner, sink),
            2 => tile::<R, M, 2, A, B>(a, b, at, inner, sink),
            _ => tile::<R, M, 1, A, B>(a, b, at, inner, sink),
        }
        column += count;
    }
}

/// `M` rows of `N` columns of a product.
#[inline(always)]
fn tile<R: Real, const M: usize, const N: usize, const A: bool, const B: bool>(
    a: Operand<'_, R, A>,
    b: Operand<'_, R, B>,
    [row, column]: [usize; 2],
    inner: usize,
    sink: &mut impl Sink<R>,
) {
    let range = b.range(column, N, inner);
    let (a, b) = (
        a.panel::<M>(row, range.clone()),
        b.panel::<N>(column, range.clone()),
    );
    let mut sums = [[R::constant(0.0); M]; N];
    match (A, B) {
        (false, false) => {
            // Not zipped: that would divide by the strides.
            let mut right = b.across();
            for x in a.across() {
                let Some(y) = right.next() else { break };
                add(&mut sums, a.within(x), b.within(y));
            }
        }
        (false, true) => {
            for (k, x) in a.across().enumerate() {
                add(&mut sums, a.within(x), b.along(k));
            }
        }
        (true, false) => {
            for (k, y) in b.across().enumerate() {
                add(&mut sums, a.along(k), b.within(y));
            }
        }
        (true, true) => {
            for k in 0..range.len() {
                add(&mut sums, a.along(k), b.along(k));
            }
        }
    }
    // Written out, so that the sums stay in registers.
    sink.take(row, column, sums[0]);
    if N > 1 {
        sink.take(row, column + 1, sums[1]);
    }
    if N > 2 {
        sink.take(row, column + 2, sums[2]);
    }
    if N > 3 {
        sink.take(row, column + 3, sums[3]);
    }
}

/// Adds x yᵀ, column by column.
#[inline(always)]
fn add<R: Real, const M: usize, const N: usize>(sums: &mut [[R; M]; N], x: [R; M], y: [R; N]) {
    for j in 0..N {
        for i in 0..M {
            sums[j][i] = x[i].mul_add(y[j], sums[j][i]);
        }
    }
}
