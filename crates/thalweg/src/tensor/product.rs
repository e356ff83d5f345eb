//! Matrix products: register tiles for small ones, the `gemm` crate for large ones.

use std::any::TypeId;

use gemm::Parallelism;

use super::real::Pack;
use super::{Real, write::Write};

/// From this many numbers in the small factor on, packing it as `gemm` does pays.
const LARGE: usize = 1024;

/// Rows of a tile.
const ROWS: usize = 4;

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
    assert!(b.shape.0 == k && b.steps.1 == 1 && n.is_multiple_of(T::Pack::LANES));
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
    for c in (0..n).step_by(T::Pack::LANES) {
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
}

/// Rows i … i + R − 1 of [`map_lines`], one pack of columns from c on.
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
    let mut sums = [T::Pack::splat(T::ZERO); R];
    for r in 0..R {
        match start {
            Start::Zero => {}
            Start::Column(column) => sums[r] = T::Pack::splat(column[i + r]),
            Start::Present => sums[r] = T::Pack::load(&out[(i + r) * step + c..]),
        }
    }
    for k in 0..a.shape.1 {
        // SAFETY: k and c are within b's shape, and the pack from c on ends within its row, since rows
        // are whole packs; i + r and k are within a's shape. `Matrix::check` holds shapes to their data.
        let from = k * b.steps.0 + c;
        let line = T::Pack::load(unsafe { b.data.get_unchecked(from..from + T::Pack::LANES) });
        for r in 0..R {
            let at = (i + r) * a.steps.0 + k * a.steps.1;
            // SAFETY: as above.
            let entry = unsafe { *a.data.get_unchecked(at) };
            sums[r] = line.mul_add(T::Pack::splat(entry), sums[r]);
        }
    }
    for (r, sum) in sums.into_iter().enumerate() {
        sum.store(&mut out[(i + r) * step + c..]);
    }
}

/// out = or += a · bᵀ, where rows of `a` and `b` are lines and `out` is dense, row after row: a sum
/// over the batch for every pair of lines.
#[inline(always)]
pub(crate) fn pair_lines<T: Real>(out: &mut [T], a: Matrix<'_, T>, b: Matrix<'_, T>, write: Write) {
    let ((m, n), k) = (a.shape, b.shape.0);
    assert!(b.shape.1 == n && a.steps.1 == 1 && b.steps.1 == 1);
    assert!(n.is_multiple_of(T::Pack::LANES) && out.len() == m * k);
    if m * k >= LARGE {
        return large(out, k, a, b.transpose(), write);
    }
    for i in (0..m).step_by(2) {
        for j in (0..k).step_by(2) {
            match (m - i, k - j) {
                (1, 1) => pair::<T, 1, 1>(out, a, b, write, i, j),
                (1, _) => pair::<T, 1, 2>(out, a, b, write, i, j),
                (_, 1) => pair::<T, 2, 1>(out, a, b, write, i, j),
                _ => pair::<T, 2, 2>(out, a, b, write, i, j),
            }
        }
    }
}

/// Rows i … of a with rows j … of b.
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
    let mut sums = [[zero; S]; R];
    for c in (0..a.shape.1).step_by(T::Pack::LANES) {
        let (mut left, mut right) = ([zero; R], [zero; S]);
        for r in 0..R {
            let from = (i + r) * a.steps.0 + c;
            // SAFETY: i + r is within a's shape, and the pack from c on ends within its row, since rows
            // are whole packs. `Matrix::check` holds shapes to their data.
            left[r] = T::Pack::load(unsafe { a.data.get_unchecked(from..from + T::Pack::LANES) });
        }
        for s in 0..S {
            let from = (j + s) * b.steps.0 + c;
            // SAFETY: as above, with j + s in b.
            right[s] = T::Pack::load(unsafe { b.data.get_unchecked(from..from + T::Pack::LANES) });
        }
        for r in 0..R {
            for s in 0..S {
                sums[r][s] = left[r].mul_add(right[s], sums[r][s]);
            }
        }
    }
    for r in 0..R {
        for s in 0..S {
            write.one(&mut out[(i + r) * b.shape.0 + j + s], sums[r][s].sum());
        }
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
    use crate::tensor::vectorise::vectorise;

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
                        vectorise(|| map_lines(&mut out, n + 16, a, b, start));
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
                    vectorise(|| pair_lines(&mut out, a, b, write));
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
