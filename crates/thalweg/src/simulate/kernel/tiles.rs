//! Matrix products with a seed in each lane, blocked for registers: the same bits at any number of lanes.
//!
//! Every entry of a product is summed in one fused chain in the order of the inner index. Matrices are column by column.

use crate::lanes::{Call, Lanes, Real, Vector};

/// An operand of a product. Where it lies `ALONG` the inner index, that index runs through neighbouring entries, and the
/// outer one in strides; else the other way round.
#[derive(Clone, Copy)]
pub(in crate::simulate) struct Operand<'a, R, const ALONG: bool> {
    entries: &'a [R],
    stride: usize,
}

/// The inner index in neighbouring entries: columns of the right factor, rows of a transposed left one.
pub(in crate::simulate) type Along<'a, R> = Operand<'a, R, true>;
/// The outer index in neighbouring entries.
pub(in crate::simulate) type Across<'a, R> = Operand<'a, R, false>;

/// `N` neighbouring outer indices of an operand.
#[derive(Clone, Copy)]
struct Panel<'a, R, const N: usize, const ALONG: bool> {
    lines: [&'a [R]; N],
    stride: usize,
}

impl<'a, R: Real, const ALONG: bool> Operand<'a, R, ALONG> {
    #[inline(always)]
    pub fn new(entries: &'a [R], stride: usize) -> Self {
        Self { entries, stride }
    }

    #[inline(always)]
    fn panel<const N: usize>(self, first: usize, inner: usize) -> Panel<'a, R, N, ALONG> {
        let mut lines = [self.entries; N];
        for (i, line) in lines.iter_mut().enumerate() {
            *line = if ALONG {
                &self.entries[(first + i) * self.stride..][..inner]
            } else {
                &self.entries[first..]
            };
        }
        Panel {
            lines,
            stride: self.stride,
        }
    }
}

impl<R: Real, const N: usize, const ALONG: bool> Panel<'_, R, N, ALONG> {
    /// Its entries at inner index `k`.
    #[inline(always)]
    #[expect(
        clippy::manual_memcpy,
        reason = "written out, so that the entries stay in registers"
    )]
    fn at(&self, k: usize) -> [R; N] {
        let mut entries = [R::constant(0.0); N];
        if ALONG {
            for i in 0..N {
                entries[i] = self.lines[i][k];
            }
        } else {
            let line = &self.lines[0][k * self.stride..][..N];
            for i in 0..N {
                entries[i] = line[i];
            }
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
#[inline(always)]
pub(super) fn product<R: Real, const A: bool, const B: bool>(
    a: Operand<'_, R, A>,
    b: Operand<'_, R, B>,
    shape: [usize; 3],
    sink: &mut impl Sink<R>,
) {
    // As many sums as registers hold beside what they are made of.
    let most = if R::Wide::LANES == 8 { 4 } else { 2 };
    let [rows, inner, columns] = shape;
    let mut column = 0;
    while column < columns {
        let left = (columns - column).min(most);
        match left {
            4 => strip::<R, 4, A, B>(a, b, column, [rows, inner], sink),
            2 | 3 => strip::<R, 2, A, B>(a, b, column, [rows, inner], sink),
            _ => strip::<R, 1, A, B>(a, b, column, [rows, inner], sink),
        }
        column += if left == 3 { 2 } else { left };
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
    type Output = ();

    #[inline(always)]
    fn call(mut self) {
        product(self.a, self.b, self.shape, &mut self.sink);
    }
}

/// a b, of shape `[rows, inner, columns]`, into `sink`.
#[inline(always)]
pub(in crate::simulate) fn multiply<R: Real, S: Sink<R>, const A: bool, const B: bool>(
    a: Operand<'_, R, A>,
    b: Operand<'_, R, B>,
    shape: [usize; 3],
    sink: S,
) {
    R::Wide::within(Multiply { a, b, shape, sink });
}

/// `N` columns of a product.
#[inline(always)]
fn strip<R: Real, const N: usize, const A: bool, const B: bool>(
    a: Operand<'_, R, A>,
    b: Operand<'_, R, B>,
    column: usize,
    [rows, inner]: [usize; 2],
    sink: &mut impl Sink<R>,
) {
    let b = b.panel::<N>(column, inner);
    let mut row = 0;
    while row < rows {
        let at = [row, column];
        let left = (rows - row).min(4);
        match left {
            4 => tile::<R, 4, N, A, B>(a, b, at, inner, sink),
            3 => tile::<R, 3, N, A, B>(a, b, at, inner, sink),
            2 => tile::<R, 2, N, A, B>(a, b, at, inner, sink),
            _ => tile::<R, 1, N, A, B>(a, b, at, inner, sink),
        }
        row += left;
    }
}

/// `M` rows of `N` columns of a product.
#[inline(always)]
fn tile<R: Real, const M: usize, const N: usize, const A: bool, const B: bool>(
    a: Operand<'_, R, A>,
    b: Panel<'_, R, N, B>,
    [row, column]: [usize; 2],
    inner: usize,
    sink: &mut impl Sink<R>,
) {
    let a = a.panel::<M>(row, inner);
    let mut sums = [[R::constant(0.0); M]; N];
    for k in 0..inner {
        let (x, y) = (a.at(k), b.at(k));
        for j in 0..N {
            for i in 0..M {
                sums[j][i] = x[i].mul_add(y[j], sums[j][i]);
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
        sink.take(row, column + 3, sums[3]);
    }
}
