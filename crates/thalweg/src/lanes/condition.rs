//! Condition numbers in each lane, by way of a bidiagonal matrix.

use super::{
    Lanes,
    numbers::dot,
    tridiagonal::{least, top},
};

/// σ_max/σ_min of a matrix of `rows` rows, column by column: infinite where it is singular, or its entries so small (10⁻⁷⁵) that products of
/// their squares vanish, NaN where it is 0. A lane's number
/// depends on its own matrix alone. Its relative error is of the order of rounding times the number itself.
///
/// Householder's reflections from the left and the right in turn make the matrix, or its transpose if that is taller, bidiagonal (Golub
/// and Kahan 1965).
#[inline(always)]
pub(crate) fn condition<V: Lanes>(matrix: &[V], rows: usize) -> V {
    let columns = matrix.len() / rows;
    let (size, height) = (columns.min(rows), columns.max(rows));
    let mut tall = matrix.to_vec();
    if columns > rows {
        for (r, column) in tall.chunks_exact_mut(height).enumerate() {
            for (to, row) in column.iter_mut().zip(matrix.chunks_exact(rows)) {
                *to = row[r];
            }
        }
    }
    let (mut diagonal, mut beside) = (Vec::with_capacity(size), Vec::with_capacity(size));
    let mut across = vec![V::splat(0.0); size];
    let mut sums = vec![V::splat(0.0); height];
    for k in 0..size {
        let (done, rest) = tall.split_at_mut((k + 1) * height);
        let mirror = &mut done[k * height + k..];
        let square = dot(mirror, mirror);
        diagonal.push(square);
        if rest.is_empty() {
            break;
        }
        let scale = reflector(mirror, square);
        for column in rest.chunks_exact_mut(height) {
            let column = &mut column[k..];
            let sum = dot(mirror, column).mul(scale);
            for (x, v) in column.iter_mut().zip(mirror.iter()) {
                *x = sum.neg_mul_add(*v, *x);
            }
        }
        let left = size - k - 1;
        let mirror = &mut across[..left];
        for (v, column) in mirror.iter_mut().zip(rest.chunks_exact(height)) {
            *v = column[k];
        }
        let square = dot(mirror, mirror);
        beside.push(square);
        if left == 1 {
            continue;
        }
        let scale = reflector(mirror, square);
        let sums = &mut sums[k + 1..];
        sums.fill(V::splat(0.0));
        for (v, column) in mirror.iter().zip(rest.chunks_exact(height)) {
            for (sum, x) in sums.iter_mut().zip(&column[k + 1..]) {
                *sum = v.mul_add(*x, *sum);
            }
        }
        for (v, column) in mirror.iter().zip(rest.chunks_exact_mut(height)) {
            let v = v.mul(scale);
            for (sum, x) in sums.iter().zip(&mut column[k + 1..]) {
                *x = v.neg_mul_add(*sum, *x);
            }
        }
    }
    ratio(&diagonal, &beside)
}

/// The normal v of the mirror that takes `x`, whose `square` is given, to its first axis: in its place; and 2/‖v‖², 0 where x is.
#[inline(always)]
fn reflector<V: Lanes>(x: &mut [V], square: V) -> V {
    let zero = V::splat(0.0);
    let length = square.sqrt();
    let negative = x[0].below(zero);
    // Away from the axis, so that nothing cancels.
    x[0] = x[0].add(V::choose(negative, zero.sub(length), length));
    let size = V::choose(negative, zero.sub(x[0]), x[0]);
    let scale = V::splat(1.0).div(length.mul(size));
    V::choose(zero.below(square), scale, zero)
}

/// σ_max/σ_min of the upper bidiagonal matrix with these squares on its diagonal and beside it; infinite where it is singular, NaN
/// where it is 0.
#[inline(always)]
pub(crate) fn ratio<V: Lanes>(squares: &[V], beside: &[V]) -> V {
    let (mut diagonal, mut coupling) = (Vec::new(), Vec::new());
    for (i, square) in squares.iter().enumerate() {
        let above = i.checked_sub(1).map(|i| beside[i]);
        diagonal.push(above.map_or(*square, |above| square.add(above)));
        if let Some(beside) = beside.get(i) {
            coupling.push(square.mul(*beside).sqrt());
        }
    }
    let (most, _) = top(&diagonal, &coupling);
    most.div(least(squares, beside)).sqrt()
}
