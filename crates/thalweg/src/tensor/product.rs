//! Matrix products: register tiles for small ones, the `gemm` crate for large ones.

use std::any::TypeId;

use gemm::Parallelism;

use super::real::Pack;
use super::{Real, vectorise::vectorise, write::Write};

/// From this many numbers in the small factor on, packing it as `gemm` does pays.
const LARGE: usize = 1024;

/// Rows of a tile.
const ROWS: usize = 4;

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
pub(crate) fn map_lines<T: Real>(
    out: &mut [T],
    step: usize,
    a: Matrix<'_, T>,
    b: Matrix<'_, T>,
    start: Start<'_, T>,
) {
    let ((m, k), n) = (a.shape, b.shape.1);
    assert!(b.shape.0 == k && b.steps.1 == 1 && n.is_multiple_of(PACKS * T::Pack::LANES));
    assert!((m - 1) * step + n <= out.len());
    if m * k >= LARGE {
        let write = match start {
            Start::Zero => Write::Set,
            Start::Present => Write::Add,
            Start::Column(column) => {
                for (i, &x) in column.iter().enumerate() {
                    out[i * step..][..n].fill(x);
                }
                Write::Add
            }
        };
        return large(out, step, a, b, write);
    }
    vectorise(
        #[inline(always)]
        || {
            for c in (0..n).step_by(PACKS * T::Pack::LANES) {
                let mut i = 0;
                while i + ROWS <= m {
                    tile::<T, ROWS>(out, step, a, b, start, i, c);
                    i += ROWS;
                }
                match m - i {
                    1 => tile::<T, 1>(out, step, a, b, start, i, c),
                    2 => tile::<T, 2>(out, step, a, b, start, i, c),
                    3 => tile::<T, 3>(out, step, a, b, start, i, c),
                    _ => {}
                }
            }
        },
    );
}

/// Rows i … i + R − 1 of [`map_lines`], [`PACKS`] packs of columns from c on.
#[inline(always)]
fn tile<T: Real, const R: usize>(
    out: &mut [T],
    step: usize,
    a: Matrix<'_, T>,
    b: Matrix<'_, T>,
    start: Start<'_, T>,
    i: usize,
    c: usize,
) {
    let lanes = T::Pack::LANES;
    let mut sums = [[T::Pack::splat(T::ZERO); PACKS]; R];
    for r in 0..R {
        for p in 0..PACKS {
            match start {
                Start::Zero => {}
                Start::Column(column) => sums[r][p] = T::Pack::splat(column[i + r]),
                Start::Present => {
                    sums[r][p] = T::Pack::load(&out[(i + r) * step + c + p * lanes..])
                }
            }
        }
    }
    for k in 0..a.shape.1 {
        let mut line = [T::Pack::splat(T::ZERO); PACKS];
        for p in 0..PACKS {
            // SAFETY: k and c are within b's shape, and the packs from c on end within its row, since rows
            // are whole tiles; i + r and k are within a's shape. `Matrix::check` holds shapes to their data.
            let from = k * b.steps.0 + c + p * lanes;
            line[p] = T::Pack::load(unsafe { b.data.get_unchecked(from..from + lanes) });
        }
        for r in 0..R {
            let at = (i + r) * a.steps.0 + k * a.steps.1;
            // SAFETY: as above.
            let entry = T::Pack::splat(unsafe { *a.data.get_unchecked(at) });
            for p in 0..PACKS {
                sums[r][p] = line[p].mul_add(entry, sums[r][p]);
            }
        }
    }
    for r in 0..R {
        for p in 0..PACKS {
            sums[r][p].store(&mut out[(i + r) * step + c + p * lanes..]);
        }
    }
}

/// out = or += a · bᵀ, where rows of `a` and `b` are lines and `out` is dense, row after row: a sum
/// over the batch for every pair of lines.
pub(crate) fn pair_lines<T: Real>(out: &mut [T], a: Matrix<'_, T>, b: Matrix<'_, T>, write: Write) {
    let ((m, n), k) = (a.shape, b.shape.0);
    assert!(b.shape.1 == n && a.steps.1 == 1 && b.steps.1 == 1);
    assert!(n.is_multiple_of(T::Pack::LANES) && out.len() == m * k);
    if m * k >= LARGE {
        return large(out, k, a, b.transpose(), write);
    }
    vectorise(
        #[inline(always)]
        || {
            let mut i = 0;
            while i + ROWS <= m {
                pair_rows::<T, ROWS>(out, a, b, write, i);
                i += ROWS;
            }
            match m - i {
                1 => pair_rows::<T, 1>(out, a, b, write, i),
                2 => pair_rows::<T, 2>(out, a, b, write, i),
                3 => pair_rows::<T, 3>(out, a, b, write, i),
                _ => {}
            }
        },
    );
}

/// Rows i … i + R − 1 of [`pair_lines`].
#[inline(always)]
fn pair_rows<T: Real, const R: usize>(
    out: &mut [T],
    a: Matrix<'_, T>,
    b: Matrix<'_, T>,
    write: Write,
    i: usize,
) {
    let (whole, k) = (b.shape.0 / 2 * 2, b.shape.0);
    for j in (0..whole).step_by(2) {
        pair::<T, R, 2>(out, a, b, write, i, j);
    }
    if whole < k {
        pair::<T, R, 1>(out, a, b, write, i, whole);
    }
}

/// Rows i … i + R − 1 of a with rows j … j + S − 1 of b.
#[inline(always)]
fn pair<T: Real, const R: usize, const S: usize>(
    out: &mut [T],
    a: Matrix<'_, T>,
    b: Matrix<'_, T>,
    write: Write,
    i: usize,
    j: usize,
) {
    // Plain loops: what the compiler leaves of `array::from_fn` out of line would spill every sum.
    let zero = T::Pack::splat(T::ZERO);
    let lanes = T::Pack::LANES;
    let mut sums = [[zero; S]; R];
    for c in (0..a.shape.1).step_by(lanes) {
        let mut right = [zero; S];
        for s in 0..S {
            let from = (j + s) * b.steps.0 + c;
            // SAFETY: j + s is within b's shape, and the pack from c on ends within its row, since rows
            // are whole packs. `Matrix::check` holds shapes to their data.
            right[s] = T::Pack::load(unsafe { b.data.get_unchecked(from..from + lanes) });
        }
        for r in 0..R {
            let from = (i + r) * a.steps.0 + c;
            // SAFETY: as above, with i + r in a.
            let left = T::Pack::load(unsafe { a.data.get_unchecked(from..from + lanes) });
            for s in 0..S {
                sums[r][s] = left.mul_add(right[s], sums[r][s]);
            }
        }
    }
    for r in 0..R {
        for s in 0..S {
            write.one(&mut out[(i + r) * b.shape.0 + j + s], sums[r][s].sum());
        }
    }
}

/// out = or += scale Σ a ∘ b over `pairs` of lines, numbered within `left` and `right`, which like `out`
/// have lines of `out`'s length.
#[inline(always)]
pub(crate) fn sum_products<T: Real>(
    out: &mut [T],
    scale: T,
    [left, right]: [&[T]; 2],
    pairs: impl Iterator<Item = [usize; 2]> + Clone,
    write: Write,
) {
    const LONG: usize = 2 * PACKS;
    let n = out.len();
    assert!(n.is_multiple_of(PACKS * T::Pack::LANES));
    let mut c = 0;
    while c + LONG * T::Pack::LANES <= n {
        sum_products_at::<T, LONG>(out, scale, left, right, pairs.clone(), write, c);
        c += LONG * T::Pack::LANES;
    }
    if c < n {
        sum_products_at::<T, PACKS>(out, scale, left, right, pairs, write, c);
    }
}

/// P packs of [`sum_products`] from column c on.
#[inline(always)]
fn sum_products_at<T: Real, const P: usize>(
    out: &mut [T],
    scale: T,
    left: &[T],
    right: &[T],
    pairs: impl Iterator<Item = [usize; 2]>,
    write: Write,
    c: usize,
) {
    let (n, lanes) = (out.len(), T::Pack::LANES);
    let mut sums = [T::Pack::splat(T::ZERO); P];
    for [a, b] in pairs {
        let a = &left[a * n + c..][..P * lanes];
        let b = &right[b * n + c..][..P * lanes];
        for p in 0..P {
            sums[p] =
                T::Pack::load(&a[p * lanes..]).mul_add(T::Pack::load(&b[p * lanes..]), sums[p]);
        }
    }
    let scale = T::Pack::splat(scale);
    let zero = T::Pack::splat(T::ZERO);
    for p in 0..P {
        let to = &mut out[c + p * lanes..][..lanes];
        let old = if write == Write::Add {
            T::Pack::load(to)
        } else {
            zero
        };
        scale.mul_add(sums[p], old).store(to);
    }
}

/// Σ over a line.
#[inline(always)]
pub(crate) fn sum_line<T: Real>(line: &[T]) -> T {
    let mut sum = T::Pack::splat(T::ZERO);
    for c in (0..line.len()).step_by(T::Pack::LANES) {
        sum = sum.add(T::Pack::load(&line[c..]));
    }
    sum.sum()
}

/// Σ over the products of two lines of equal length.
#[inline(always)]
pub(crate) fn dot_line<T: Real>(a: &[T], b: &[T]) -> T {
    let mut sum = T::Pack::splat(T::ZERO);
    for c in (0..a.len()).step_by(T::Pack::LANES) {
        sum = T::Pack::load(&a[c..]).mul_add(T::Pack::load(&b[c..]), sum);
    }
    sum.sum()
}

/// out = or += a · b for any strides; rows of `out` are contiguous and `step` apart.
fn large<T: Real>(out: &mut [T], step: usize, a: Matrix<'_, T>, b: Matrix<'_, T>, write: Write) {
    let ((m, k), n) = (a.shape, b.shape.1);
    a.check();
    b.check();
    assert!(b.shape.0 == k && (m - 1) * step + n <= out.len());
    assert!(TypeId::of::<T>() == TypeId::of::<f32>() || TypeId::of::<T>() == TypeId::of::<f64>());
    // SAFETY: `gemm` knows both types, and all three matrices lie within their slices.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            step as isize,
            write == Write::Add,
            a.data.as_ptr(),
            a.steps.1 as isize,
            a.steps.0 as isize,
            b.data.as_ptr(),
            b.steps.1 as isize,
            b.steps.0 as isize,
            T::ONE,
            T::ONE,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
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
        for (m, k) in [(1, 1), (2, 3), (3, 2), (5, 5), (40, 30)] {
            for n in [16, 112] {
                let (a, b) = (whole(m * n, 5), whole(k * n, 6));
                let (a, b) = (Matrix::rows(&a, m, n, n), Matrix::rows(&b, k, n, n));
                let exact = |i: usize, j: usize| -> f32 {
                    (0..n).map(|c| a.data[i * n + c] * b.data[j * n + c]).sum()
                };
                for (write, old) in [(Write::Set, 0.0), (Write::Add, 2.0)] {
                    let mut out = vec![2.0; m * k];
                    pair_lines(&mut out, a, b, write);
                    for i in 0..m {
                        for j in 0..k {
                            assert_eq!(out[i * k + j], old + exact(i, j));
                        }
                    }
                }
                let row = &a.data[..n];
                assert_eq!(sum_line(row), row.iter().sum::<f32>());
                assert_eq!(dot_line(row, &b.data[..n]), exact(0, 0));
            }
        }
    }
}
