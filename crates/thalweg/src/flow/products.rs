//! Products of matrices in double or single precision, on one thread where a second would cost more than it saves.

use std::ops::{AddAssign, Mul, MulAssign};

use faer::{Accum, Mat, MatMut, MatRef, Par, linalg::matmul::matmul, traits::RealField};

use crate::lanes::vectorise;

/// f64 or f32.
pub(super) trait Real:
    RealField + Copy + Mul<Output = Self> + AddAssign + MulAssign + Into<f64>
{
    /// The nearest such number.
    fn rounded(x: f64) -> Self;
}

impl Real for f64 {
    #[inline(always)]
    fn rounded(x: f64) -> Self {
        x
    }
}

impl Real for f32 {
    #[inline(always)]
    fn rounded(x: f64) -> Self {
        x as f32
    }
}

/// Up to this many rows and columns.
const SMALL: usize = 192;

/// left · right.
pub(super) fn times<T: Real>(left: MatRef<'_, T>, right: MatRef<'_, T>) -> Mat<T> {
    let mut product = Mat::zeros(left.nrows(), right.ncols());
    let par = threads(&[left, right]);
    matmul(
        product.as_mut(),
        Accum::Replace,
        left,
        right,
        T::rounded(1.0),
        par,
    );
    product
}

/// into ← into + scale · left · right.
pub(super) fn add_times<T: Real>(
    into: &mut Mat<T>,
    scale: T,
    left: MatRef<'_, T>,
    right: MatRef<'_, T>,
) {
    add_times_to(into.as_mut(), scale, left, right);
}

/// The same of a part of something larger.
pub(super) fn add_times_to<T: Real>(
    into: MatMut<'_, T>,
    scale: T,
    left: MatRef<'_, T>,
    right: MatRef<'_, T>,
) {
    let par = threads(&[left, right]);
    matmul(into, Accum::Add, left, right, scale, par);
}

/// A Aᵀ.
pub(super) fn gram<T: Real>(a: MatRef<'_, T>) -> Mat<T> {
    let mut product = Mat::zeros(a.nrows(), a.nrows());
    add_lower(&mut product, T::rounded(1.0), a, a.transpose());
    mirror(Parity::Symmetric, &mut product);
    product
}

/// Whether a matrix is its transpose, or minus that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parity {
    Symmetric,
    Antisymmetric,
}

/// A S Aᵀ for an S of this parity.
pub(super) fn between<T: Real>(parity: Parity, a: MatRef<'_, T>, s: &Mat<T>) -> Mat<T> {
    let mut product = Mat::zeros(a.nrows(), a.nrows());
    add_between(&mut product, T::rounded(1.0), a, s);
    mirror(parity, &mut product);
    product
}

/// The lower triangle of `into` ← that of `into` + scale · A S Aᵀ for a symmetric or antisymmetric S.
pub(super) fn add_between<T: Real>(into: &mut Mat<T>, scale: T, a: MatRef<'_, T>, s: &Mat<T>) {
    let half = times(a, s.as_ref());
    add_lower(into, scale, half.as_ref(), a.transpose());
}

/// Columns of the blocks by which `add_lower` goes: as many as one call of the kernels has rows in single precision, and twice as many as it has in double.
/// (faer's own product for a triangle is a sixth faster at 300 rows, but takes 64 MiB on its own account however small the matrices are.)
const PANEL: usize = 96;

/// The lower triangle of `into` ← that of `into` + scale · left · right; what is above it is then without meaning.
pub(super) fn add_lower<T: Real>(
    into: &mut Mat<T>,
    scale: T,
    left: MatRef<'_, T>,
    right: MatRef<'_, T>,
) {
    let n = into.nrows();
    for start in (0..n).step_by(PANEL) {
        let (height, width) = (n - start, PANEL.min(n - start));
        add_times_to(
            into.as_mut().submatrix_mut(start, start, height, width),
            scale,
            left.subrows(start, height),
            right.subcols(start, width),
        );
    }
}

/// Rows and columns of the squares by which `mirror` goes: two of them fit in the fastest cache.
const TILE: usize = 32;

/// Copies the lower triangle, or minus it, to the upper; the diagonal of an antisymmetric matrix is 0.
pub(super) fn mirror<T: Real>(parity: Parity, matrix: &mut Mat<T>) {
    let n = matrix.nrows();
    let sign = T::rounded(match parity {
        Parity::Symmetric => 1.0,
        Parity::Antisymmetric => -1.0,
    });
    for from in (0..n).step_by(TILE) {
        for to in (from..n).step_by(TILE) {
            for j in to..(to + TILE).min(n) {
                for i in from..(from + TILE).min(j) {
                    matrix[(i, j)] = sign * matrix[(j, i)];
                }
            }
        }
    }
    if parity == Parity::Antisymmetric {
        for i in 0..n {
            matrix[(i, i)] = T::rounded(0.0);
        }
    }
}

/// The matrix and its transpose, added up.
pub(super) fn with_transpose<T: Real>(mut matrix: Mat<T>) -> Mat<T> {
    let n = matrix.nrows();
    for from in (0..n).step_by(TILE) {
        for to in (from..n).step_by(TILE) {
            for j in to..(to + TILE).min(n) {
                for i in from..(from + TILE).min(j + 1) {
                    let mut sum = matrix[(i, j)];
                    sum += matrix[(j, i)];
                    matrix[(i, j)] = sum;
                    matrix[(j, i)] = sum;
                }
            }
        }
    }
    matrix
}

/// into ← into + scale · x.
pub(super) fn add<T: Real>(into: &mut Mat<T>, scale: T, x: &Mat<T>) {
    for j in 0..into.ncols() {
        accumulate(into.col_as_slice_mut(j), scale, x.col_as_slice(j));
    }
}

/// The same, matrix by matrix.
pub(super) fn add_all<T: Real>(into: &mut [Mat<T>], scale: f64, x: &[Mat<T>]) {
    for (into, x) in into.iter_mut().zip(x) {
        add(into, T::rounded(scale), x);
    }
}

/// into ← into + scale · x.
pub(super) fn accumulate<T: Real>(into: &mut [T], scale: T, x: &[T]) {
    vectorise(
        #[inline(always)]
        || {
            for (into, x) in into.iter_mut().zip(x) {
                *into += scale * *x;
            }
        },
    );
}

/// scale · x in another precision.
pub(super) fn converted<T: Real, U: Real>(scale: f64, x: &Mat<T>) -> Mat<U> {
    let mut converted = Mat::zeros(x.nrows(), x.ncols());
    for j in 0..x.ncols() {
        let (into, x) = (converted.col_as_slice_mut(j), x.col_as_slice(j));
        vectorise(
            #[inline(always)]
            || {
                for (into, x) in into.iter_mut().zip(x) {
                    *into = U::rounded(scale * (*x).into());
                }
            },
        );
    }
    converted
}

/// into ← into ∘ x, entry by entry.
pub(super) fn multiply<T: Real>(into: &mut Mat<T>, x: &Mat<T>) {
    for j in 0..into.ncols() {
        let (into, x) = (into.col_as_slice_mut(j), x.col_as_slice(j));
        vectorise(
            #[inline(always)]
            || {
                for (into, x) in into.iter_mut().zip(x) {
                    *into *= *x;
                }
            },
        );
    }
}

fn threads<T: Real>(matrices: &[MatRef<'_, T>]) -> Par {
    if matrices.iter().all(|m| m.nrows().max(m.ncols()) <= SMALL) {
        Par::Seq
    } else {
        faer::get_global_parallelism()
    }
}

/// Sums that are added up beside one another.
const LANES: usize = 16;

/// tr(Aᵀ B).
pub(super) fn dot<T: Real>(a: &Mat<T>, b: &Mat<T>) -> f64 {
    let columns = 0..a.ncols();
    columns
        .map(|j| sum_of_products(a.col_as_slice(j), b.col_as_slice(j)))
        .sum()
}

/// tr A.
pub(super) fn trace(matrix: MatRef<'_, f64>) -> f64 {
    (0..matrix.nrows()).map(|i| matrix[(i, i)]).sum()
}

/// Σ_i a_i b_i.
pub(super) fn sum_of_products<T: Real>(a: &[T], b: &[T]) -> f64 {
    let (a, a_rest) = a.as_chunks::<LANES>();
    let (b, b_rest) = b.as_chunks::<LANES>();
    vectorise(
        #[inline(always)]
        || {
            let mut sums = [T::rounded(0.0); LANES];
            for (a, b) in a.iter().zip(b) {
                for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
                    *sum += *a * *b;
                }
            }
            for (sum, (a, b)) in sums.iter_mut().zip(a_rest.iter().zip(b_rest)) {
                *sum += *a * *b;
            }
            sums.into_iter().map(T::into).sum::<f64>()
        },
    )
}
