//! Matrix products in tiles of registers: small ones in place, large ones panel by panel.
//!
//! Written here and not left to a library, so that each sum is taken in one order whatever the processor, and nothing is
//! allocated.

use std::ops::Range;

use super::pack::{Laned, MOST_SUMS, Packed, Packs, halve, on_packs, sums};
use super::{Number, write::Write};
use crate::lanes::{Pack, Vector};

/// From this many numbers in the small factor on, copying the other, panel by panel, pays.
pub(super) const LARGE: usize = 1024;

/// Rows of a panel: with the columns of a tile they take half of the first cache.
const DEPTH: usize = 256;

/// The most numbers in [`PACKS`] packs.
const WIDTH: usize = PACKS * <f32 as Packs>::PARTIAL_SUMS;

/// Rows of a tile.
const ROWS: usize = 4;

/// Rows of a tile of a large product: as many sums as registers hold.
const LARGE_ROWS: usize = 6;

/// Packs of a tile's row: with [`ROWS`] they make as many sums as hide a multiply–add's latency, and
/// leave registers for what is multiplied.
const PACKS: usize = 2;

/// A matrix in a slice: entry (i, j) is at i · `rows` + j · `columns`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Matrix<'a, T> {
    pub data: &'a [T],
    /// Rows and columns.
    pub shape: (usize, usize),
    /// From one row to the next, and from one column to the next.
    pub steps: (usize, usize),
}

impl<'a, T> Matrix<'a, T> {
    /// Rows one after another, `step` apart.
    #[inline(always)]
    pub fn rows(data: &'a [T], rows: usize, columns: usize, step: usize) -> Self {
        let matrix = Self {
            data,
            shape: (rows, columns),
            steps: (step, 1),
        };
        matrix.check();
        matrix
    }

    #[inline(always)]
    pub fn transpose(self) -> Self {
        Self {
            shape: (self.shape.1, self.shape.0),
            steps: (self.steps.1, self.steps.0),
            ..self
        }
    }

    #[inline(always)]
    fn check(&self) {
        let ((m, n), (rows, columns)) = (self.shape, self.steps);
        assert!(m > 0 && n > 0 && (m - 1) * rows + (n - 1) * columns < self.data.len());
    }
}

/// What a product starts from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Start<'a, T> {
    Zero,
    /// One number for each row.
    Column(&'a [T]),
    /// What is there.
    Present,
}

/// out = start + a · b, where the rows of `out` and of `b` are lines (contiguous, padded) and those of
/// `out` are `step` apart.
#[inline(always)]
pub(crate) fn map_lines<T: Number>(
    out: &mut [T],
    step: usize,
    a: Matrix<'_, T>,
    b: Matrix<'_, T>,
    start: Start<'_, T>,
) {
    let ((m, k), n) = (a.shape, b.shape.1);
    a.check();
    b.check();
    assert!(b.shape.0 == k && b.steps.1 == 1 && n.is_multiple_of(PACKS * T::Pack::LANES));
    assert!((m - 1) * step + n <= out.len());
    let map = Map {
        out,
        step,
        a,
        b,
        start,
    };
    if T::PLAIN && m * k >= LARGE {
        on_packs(Panels(map));
    } else {
        T::on_widest(map);
    }
}

/// The arguments of [`map_lines`].
struct Map<'a, T> {
    out: &'a mut [T],
    step: usize,
    a: Matrix<'a, T>,
    b: Matrix<'a, T>,
    start: Start<'a, T>,
}

impl<T: Number> Laned<T> for Map<'_, T> {
    #[inline(always)]
    fn run<V: Vector<T>>(mut self) {
        let all = Panel {
            depth: 0..self.a.shape.1,
            data: self.b.data,
            step: self.b.steps.0,
        };
        let columns = self.b.shape.1;
        let whole = columns - columns % (PACKS * V::LANES);
        for c in (0..whole).step_by(PACKS * V::LANES) {
            self.rows::<V, ROWS, PACKS>(c, &all.from(c), self.start);
        }
        for c in (whole..columns).step_by(V::LANES) {
            self.rows::<V, LARGE_ROWS, 1>(c, &all.from(c), self.start);
        }
    }
}

/// Some rows of a matrix b, and of them the columns of a tile, those first.
struct Panel<'a, T> {
    /// Which rows.
    depth: Range<usize>,
    data: &'a [T],
    /// From one row to the next.
    step: usize,
}

impl<T: Number> Panel<'_, T> {
    #[inline(always)]
    fn from(&self, column: usize) -> Panel<'_, T> {
        Panel {
            depth: self.depth.clone(),
            data: &self.data[column..],
            step: self.step,
        }
    }
}

/// The same panel after panel of b, copied to where its rows are neighbours: else they fall on the same few places
/// of the first cache. Each sum goes on where the panel before left it.
struct Panels<'a, T>(Map<'a, T>);

impl<T: Number> Packed<T> for Panels<'_, T> {
    #[inline(always)]
    fn run<P: Pack<T>>(self) {
        let mut map = self.0;
        let width = PACKS * P::LANES;
        let mut panel = [T::ZERO; DEPTH * WIDTH];
        for c in (0..map.b.shape.1).step_by(width) {
            for first in (0..map.b.shape.0).step_by(DEPTH) {
                let depth = first..map.b.shape.0.min(first + DEPTH);
                for (k, row) in depth.clone().zip(panel.chunks_exact_mut(width)) {
                    let from = k * map.b.steps.0 + c;
                    row.copy_from_slice(&map.b.data[from..from + width]);
                }
                let start = if first == 0 {
                    map.start
                } else {
                    Start::Present
                };
                let panel = Panel {
                    depth,
                    data: &panel,
                    step: width,
                };
                map.rows::<P, LARGE_ROWS, PACKS>(c, &panel, start);
            }
        }
    }
}

impl<T: Number> Map<'_, T> {
    /// All rows of the tiles whose columns begin at c, R at a time.
    #[inline(always)]
    fn rows<P: Vector<T>, const R: usize, const C: usize>(
        &mut self,
        c: usize,
        b: &Panel<'_, T>,
        start: Start<'_, T>,
    ) {
        let m = self.a.shape.0;
        // What every tile relies on.
        assert!(b.depth.end <= self.a.shape.1);
        assert!(b.depth.is_empty() || (b.depth.len() - 1) * b.step + C * P::LANES <= b.data.len());
        let mut i = 0;
        while i + R <= m {
            self.tile::<P, R, C>(i, c, b, start);
            i += R;
        }
        match m - i {
            1 => self.tile::<P, 1, C>(i, c, b, start),
            2 => self.tile::<P, 2, C>(i, c, b, start),
            3 => self.tile::<P, 3, C>(i, c, b, start),
            4 => self.tile::<P, 4, C>(i, c, b, start),
            5 => self.tile::<P, 5, C>(i, c, b, start),
            _ => {}
        }
    }

    /// Rows i … i + R − 1, C packs of columns from c on.
    #[inline(always)]
    fn tile<P: Vector<T>, const R: usize, const C: usize>(
        &mut self,
        i: usize,
        c: usize,
        b: &Panel<'_, T>,
        start: Start<'_, T>,
    ) {
        let (a, step) = (self.a, self.step);
        let mut sums = [[P::splat(T::ZERO); C]; R];
        for r in 0..R {
            for p in 0..C {
                let at = (i + r) * step + c + p * P::LANES;
                match start {
                    Start::Zero => {}
                    Start::Column(column) => sums[r][p] = P::splat(column[i + r]),
                    // SAFETY: as below.
                    Start::Present => {
                        sums[r][p] = P::load(unsafe { self.out.get_unchecked(at..at + P::LANES) });
                    }
                }
            }
        }
        for (row, k) in b.depth.clone().enumerate() {
            let mut line = [P::splat(T::ZERO); C];
            for p in 0..C {
                let from = row * b.step + p * P::LANES;
                // SAFETY: `rows` has asserted that the panel has these rows, of a tile's width.
                line[p] = P::load(unsafe { b.data.get_unchecked(from..from + P::LANES) });
            }
            for r in 0..R {
                let at = (i + r) * a.steps.0 + k * a.steps.1;
                // SAFETY: i + r and, by `rows`, k are within a's shape, which `Matrix::check` holds to its data.
                let entry = P::splat(unsafe { *a.data.get_unchecked(at) });
                for p in 0..C {
                    sums[r][p] = line[p].mul_add(entry, sums[r][p]);
                }
            }
        }
        for r in 0..R {
            for p in 0..C {
                let at = (i + r) * step + c + p * P::LANES;
                // SAFETY: `map_lines` has asserted that `out` has room for a's rows and b's columns.
                sums[r][p].store(unsafe { self.out.get_unchecked_mut(at..at + P::LANES) });
            }
        }
    }
}

/// out = or += a · bᵀ, where rows of `a` and `b` are lines and `out` is dense, row after row: a sum
/// over the batch for every pair of lines. Rows may be several lines of `stride` each; in each of them the count
/// of partial sums starts anew, so that their order does not depend on the padding.
pub(crate) fn pair_lines<T: Number>(
    out: &mut [T],
    a: Matrix<'_, T>,
    b: Matrix<'_, T>,
    stride: usize,
    write: Write,
) {
    let ((m, n), k) = (a.shape, b.shape.0);
    a.check();
    b.check();
    assert!(b.shape.1 == n && a.steps.1 == 1 && b.steps.1 == 1);
    assert!(n.is_multiple_of(stride) && stride.is_multiple_of(T::Pack::LANES));
    assert!(out.len() == m * k);
    on_packs(Pairs {
        out,
        a,
        b,
        stride,
        write,
    });
}

/// The arguments of [`pair_lines`].
struct Pairs<'a, T> {
    out: &'a mut [T],
    a: Matrix<'a, T>,
    b: Matrix<'a, T>,
    stride: usize,
    write: Write,
}

impl<T: Number> Packed<T> for Pairs<'_, T> {
    #[inline(always)]
    fn run<P: Pack<T>>(mut self) {
        let (m, n) = self.a.shape;
        let k = self.b.shape.0;
        if sums::<T, P>() > 1 {
            return self.one_by_one();
        }
        // As many rows of b as stay in the first cache.
        let block = (DEPTH * WIDTH / n).next_multiple_of(3).max(3);
        for first in (0..k).step_by(block) {
            let block = first..k.min(first + block);
            let mut i = 0;
            while i + ROWS <= m {
                self.rows::<P, ROWS>(i, block.clone());
                i += ROWS;
            }
            match m - i {
                1 => self.rows::<P, 1>(i, block),
                2 => self.rows::<P, 2>(i, block),
                3 => self.rows::<P, 3>(i, block),
                _ => {}
            }
        }
    }
}

impl<T: Number> Pairs<'_, T> {
    /// Where a pair's partial sums keep as many registers busy as a tile of pairs does else.
    #[inline(always)]
    fn one_by_one(&mut self) {
        let (a, b) = (self.a, self.b);
        for i in 0..a.shape.0 {
            for j in 0..b.shape.0 {
                let row = |x: Matrix<'_, T>, i: usize| i * x.steps.0..i * x.steps.0 + x.shape.1;
                let sum = dot_line(&a.data[row(a, i)], &b.data[row(b, j)], self.stride);
                self.write.one(&mut self.out[i * b.shape.0 + j], sum);
            }
        }
    }

    /// Rows i … i + R − 1 of a with rows `block` of b.
    #[inline(always)]
    fn rows<P: Pack<T>, const R: usize>(&mut self, i: usize, block: Range<usize>) {
        let whole = block.start + block.len() / 3 * 3;
        for j in (block.start..whole).step_by(3) {
            self.tile::<P, R, 3>(i, j);
        }
        for j in whole..block.end {
            self.tile::<P, R, 1>(i, j);
        }
    }

    /// Rows i … i + R − 1 of a with rows j … j + S − 1 of b.
    #[inline(always)]
    fn tile<P: Pack<T>, const R: usize, const S: usize>(&mut self, i: usize, j: usize) {
        let (a, b) = (self.a, self.b);
        let mut sums = [[P::splat(T::ZERO); S]; R];
        for c in (0..a.shape.1).step_by(P::LANES) {
            let mut right = [P::splat(T::ZERO); S];
            for s in 0..S {
                let from = (j + s) * b.steps.0 + c;
                // SAFETY: j + s is within b's shape, and the pack from c on ends within its row, since rows
                // are whole packs. `Matrix::check` holds shapes to their data.
                right[s] = P::load(unsafe { b.data.get_unchecked(from..from + P::LANES) });
            }
            for r in 0..R {
                let from = (i + r) * a.steps.0 + c;
                // SAFETY: as above, with i + r in a.
                let left = P::load(unsafe { a.data.get_unchecked(from..from + P::LANES) });
                for s in 0..S {
                    sums[r][s] = left.mul_add(right[s], sums[r][s]);
                }
            }
        }
        let mut totals = [[T::ZERO; S]; R];
        P::sum_each(sums.as_flattened(), totals.as_flattened_mut());
        for r in 0..R {
            for s in 0..S {
                let to = &mut self.out[(i + r) * b.shape.0 + j + s];
                self.write.one(to, totals[r][s]);
            }
        }
    }
}

/// Lines of `out`, each = or += scale Σ a ∘ b over pairs of lines, numbered within `left` and `right`. All are lines of
/// `stride`.
pub(crate) struct SumProducts<'a, T, I> {
    pub out: &'a mut [T],
    pub stride: usize,
    pub scale: T,
    pub left: &'a [T],
    pub right: &'a [T],
    /// For each line of `out` that is written its number, how it is written, and its pairs.
    pub sums: I,
}

impl<T, I, P> Laned<T> for SumProducts<'_, T, I>
where
    T: Number,
    I: Iterator<Item = (usize, Write, P)> + Clone,
    P: Iterator<Item = [usize; 2]>,
{
    /// All sums of some columns after those of others, so that lines which many sums read stay in the first cache.
    #[inline(always)]
    fn run<V: Vector<T>>(mut self) {
        let n = self.stride;
        let mut c = 0;
        while c + 8 * V::LANES <= n {
            self.tiles::<V, 8>(c);
            c += 8 * V::LANES;
        }
        while c + 2 * V::LANES <= n {
            self.tiles::<V, 2>(c);
            c += 2 * V::LANES;
        }
        while c < n {
            self.tiles::<V, 1>(c);
            c += V::LANES;
        }
    }
}

impl<T, I, P> SumProducts<'_, T, I>
where
    T: Number,
    I: Iterator<Item = (usize, Write, P)> + Clone,
    P: Iterator<Item = [usize; 2]>,
{
    /// N vectors from column c on, of every sum.
    #[inline(always)]
    fn tiles<V: Vector<T>, const N: usize>(&mut self, c: usize) {
        let n = self.stride;
        let scale = V::splat(self.scale);
        for (line, write, pairs) in self.sums.clone() {
            let mut sums = [V::splat(T::ZERO); N];
            for [a, b] in pairs {
                let a = &self.left[a * n + c..][..N * V::LANES];
                let b = &self.right[b * n + c..][..N * V::LANES];
                for p in 0..N {
                    let from = p * V::LANES;
                    sums[p] = V::load(&a[from..]).mul_add(V::load(&b[from..]), sums[p]);
                }
            }
            let out = &mut self.out[line * n + c..][..N * V::LANES];
            for (sum, out) in sums.into_iter().zip(out.chunks_exact_mut(V::LANES)) {
                let old = match write {
                    Write::Set => V::splat(T::ZERO),
                    Write::Add => V::load(out),
                };
                scale.mul_add(sum, old).store(out);
            }
        }
    }
}

/// Calls `add` with the first column and the partial sum of every pack of a row of `count` numbers, which is lines of
/// `stride`.
#[inline(always)]
fn each_pack<T: Packs, P: Pack<T>>(count: usize, stride: usize, mut add: impl FnMut(usize, usize)) {
    if sums::<T, P>() == 1 {
        // A pack is all partial sums, and lines are whole packs.
        for c in (0..count).step_by(P::LANES) {
            add(c, 0);
        }
        return;
    }
    let whole = stride - stride % T::PARTIAL_SUMS;
    for line in (0..count).step_by(stride) {
        for from in (line..line + whole).step_by(T::PARTIAL_SUMS) {
            for q in 0..sums::<T, P>() {
                add(from + q * P::LANES, q);
            }
        }
        for q in 0..sums::<T, P>() {
            let c = whole + q * P::LANES;
            if c >= stride {
                break;
            }
            add(line + c, q);
        }
    }
}

/// Σ over a row of lines of `stride`.
#[inline(always)]
pub(crate) fn sum_line<T: Number>(line: &[T], stride: usize) -> T {
    let mut parts = [T::Pack::splat(T::ZERO); MOST_SUMS];
    each_pack::<T, T::Pack>(
        line.len(),
        stride,
        #[inline(always)]
        |c, q| parts[q] = parts[q].add(T::Pack::load(&line[c..])),
    );
    halve(parts)
}

/// Σ over the products of two rows of lines of `stride`, equally many.
#[inline(always)]
pub(crate) fn dot_line<T: Number>(a: &[T], b: &[T], stride: usize) -> T {
    let mut parts = [T::Pack::splat(T::ZERO); MOST_SUMS];
    each_pack::<T, T::Pack>(
        a.len(),
        stride,
        #[inline(always)]
        |c, q| parts[q] = T::Pack::load(&a[c..]).mul_add(T::Pack::load(&b[c..]), parts[q]),
    );
    halve(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Small whole numbers, so that every order of summation gives the same.
    fn whole(count: usize, seed: usize) -> Vec<f32> {
        (0..count)
            .map(|i| ((i * 7919 + seed * 104_729) % 13) as f32 - 6.0)
            .collect()
    }

    #[test]
    fn small_and_large_products_are_exact() {
        for (m, k) in [
            (1, 1),
            (2, 4),
            (5, 3),
            (7, 9),
            (40, 30),
            (1, 1100),
            (1100, 1),
            (9, 600),
        ] {
            for n in [16, 48] {
                // Rows of b and of the result lie apart.
                let (a, b) = (whole(m * k, 1), whole(k * 2 * n, 2));
                let (column, present) = (whole(m, 3), whole(m * (n + 16), 4));
                let a = Matrix::rows(&a, m, k, k);
                let b = Matrix::rows(&b, k, n, 2 * n);
                let product = |i: usize, c: usize| -> f32 {
                    (0..k)
                        .map(|j| a.data[i * k + j] * b.data[j * 2 * n + c])
                        .sum()
                };
                let mut transposed = vec![0.0; m * k];
                for i in 0..m {
                    for j in 0..k {
                        transposed[j * m + i] = a.data[i * k + j];
                    }
                }
                let transposed = Matrix::rows(&transposed, k, m, m).transpose();
                for a in [a, transposed] {
                    for start in [Start::Zero, Start::Column(&column), Start::Present] {
                        let mut out = present.clone();
                        map_lines(&mut out, n + 16, a, b, start);
                        for (i, row) in out.chunks_exact(n + 16).enumerate() {
                            for c in 0..n + 16 {
                                let old = present[i * (n + 16) + c];
                                let from = match start {
                                    Start::Zero => 0.0,
                                    Start::Column(column) => column[i],
                                    Start::Present => old,
                                };
                                let exact = if c < n { from + product(i, c) } else { old };
                                assert_eq!(row[c], exact, "{m} × {k} × {n}, {start:?}");
                            }
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn sums_over_the_batch_are_exact() {
        for (m, k) in [(1, 1), (2, 3), (3, 2), (5, 5), (5, 7), (40, 30), (3, 70)] {
            for n in [16, 112, 1024] {
                let (a, b) = (whole(m * n, 5), whole(k * n, 6));
                let (a, b) = (Matrix::rows(&a, m, n, n), Matrix::rows(&b, k, n, n));
                let exact = |i: usize, j: usize| -> f32 {
                    (0..n).map(|c| a.data[i * n + c] * b.data[j * n + c]).sum()
                };
                for (write, old) in [(Write::Set, 0.0), (Write::Add, 2.0)] {
                    let mut out = vec![2.0; m * k];
                    pair_lines(&mut out, a, b, 16, write);
                    for i in 0..m {
                        for j in 0..k {
                            assert_eq!(out[i * k + j], old + exact(i, j));
                        }
                    }
                }
                let row = &a.data[..n];
                assert_eq!(sum_line(row, 16), row.iter().sum::<f32>());
                assert_eq!(dot_line(row, &b.data[..n], 16), exact(0, 0));
            }
        }
    }
}
