//! One layer to bidiagonal form, its rows in the vector registers.

use crate::lanes::{Lanes, Task};

/// Rows that are summed side by side, whatever the lanes: so the bits are the same in all of them.
const ROWS: usize = 8;

/// Reduces a matrix by Householder's reflections from the left and the right in turn (Golub and Kahan 1965). What comes out are the
/// squares of the numbers on the diagonal, and of those beside it.
///
/// A reflection from the left is held back until the next from the right is known, and the other way round: so two passes over what is
/// left of the matrix do for both.
pub(super) struct Bidiagonal {
    /// Columns of `stride` numbers each, no fewer rows than columns, with zeros below; they are overwritten.
    pub columns: Vec<f64>,
    /// A multiple of [`ROWS`].
    pub stride: usize,
}

impl Bidiagonal {
    /// A layer, or its transpose if it has more columns than rows: entry (i, j) is `at(i, j)`.
    pub fn new(rows: usize, columns: usize, at: impl Fn(usize, usize) -> f64) -> Self {
        let (tall, size) = (rows.max(columns), rows.min(columns));
        let stride = tall.next_multiple_of(ROWS);
        let mut all = vec![0.0; stride * size];
        for (j, column) in all.chunks_exact_mut(stride).enumerate() {
            for (i, x) in column[..tall].iter_mut().enumerate() {
                *x = if rows >= columns { at(i, j) } else { at(j, i) };
            }
        }
        Self {
            columns: all,
            stride,
        }
    }
}

impl Task for Bidiagonal {
    type Output = (Vec<f64>, Vec<f64>);

    #[inline(always)]
    fn run<V: Lanes>(self) -> (Vec<f64>, Vec<f64>) {
        let Self {
            mut columns,
            stride,
        } = self;
        let size = columns.len() / stride;
        let (mut diagonal, mut beside) = (Vec::with_capacity(size), Vec::with_capacity(size));
        // Normals of mirrors on the left (scaled, too) and on the right, and what is to be taken off: A − v wᵀ − z uᵀ.
        let (mut v, mut z) = (vec![0.0_f64; stride], vec![0.0; stride]);
        let (mut w, mut u) = (vec![0.0_f64; size], vec![0.0; size]);
        for k in 0..size {
            let (done, rest) = columns.split_at_mut((k + 1) * stride);
            let first = &mut done[k * stride..];
            // Rows above k in the same block are done with, and may hold anything.
            let block = k / ROWS * ROWS;
            if k > 0 {
                let over: f64 = u[k];
                for (x, z) in first[block..].iter_mut().zip(&z[block..]) {
                    *x = over.mul_add(-z, *x);
                }
            }
            v[block..k].fill(0.0);
            v[k..].copy_from_slice(&first[k..]);
            let length = square::<V>(&v[block..]);
            diagonal.push(length);
            if rest.is_empty() {
                break;
            }
            let scale = reflector(&mut v[k..], length);
            take_and_multiply::<V>(rest, stride, block, &z, &u[k + 1..], &v, &mut w[k + 1..]);
            for w in &mut w[k + 1..] {
                *w *= scale;
            }
            for (j, column) in rest.chunks_exact(stride).enumerate() {
                u[k + 1 + j] = w[k + 1 + j].mul_add(-v[k], column[k]);
            }
            let mut length = 0.0;
            for x in &u[k + 1..] {
                length = x.mul_add(*x, length);
            }
            beside.push(length);
            let scale = reflector(&mut u[k + 1..], length);
            take_and_combine::<V>(rest, stride, block, &v, &w[k + 1..], &u[k + 1..], &mut z);
            for z in &mut z[block..] {
                *z *= scale;
            }
        }
        (diagonal, beside)
    }
}

/// The normal v of the mirror that takes `x`, whose `square` is given, to its first axis: in its place; and 2/‖v‖², 0 where x is.
fn reflector(x: &mut [f64], square: f64) -> f64 {
    if square == 0.0 {
        return 0.0;
    }
    // Away from the axis, so that nothing cancels.
    x[0] += square.sqrt().copysign(x[0]);
    1.0 / (square.sqrt() * x[0].abs())
}

/// a_j −= u_j z, and w_j = ⟨v, a_j⟩, for all columns, from row `from` on.
#[inline(always)]
fn take_and_multiply<V: Lanes>(
    columns: &mut [f64],
    stride: usize,
    from: usize,
    z: &[f64],
    u: &[f64],
    v: &[f64],
    w: &mut [f64],
) {
    let groups = columns
        .chunks_mut(4 * stride)
        .zip(u.chunks(4))
        .zip(w.chunks_mut(4));
    for ((columns, u), w) in groups {
        if u.len() < 4 {
            for ((column, u), w) in columns.chunks_mut(stride).zip(u).zip(w) {
                let sums = taken::<V, 1>([&mut column[from..]], &z[from..], [*u], &v[from..]);
                *w = sum(&sums[0]);
            }
            continue;
        }
        let four = each_from(columns, stride, from);
        let sums = taken::<V, 4>(four, &z[from..], [u[0], u[1], u[2], u[3]], &v[from..]);
        for (w, sums) in w.iter_mut().zip(&sums) {
            *w = sum(sums);
        }
    }
}

/// Four columns from row `from` on.
#[inline(always)]
fn each_from(columns: &mut [f64], stride: usize, from: usize) -> [&mut [f64]; 4] {
    let (a, b) = columns.split_at_mut(2 * stride);
    let ((a, b), (c, d)) = (a.split_at_mut(stride), b.split_at_mut(stride));
    [a, b, c, d].map(|column| &mut column[from..])
}

/// The same for `N` columns; the sums are not added up yet.
#[inline(always)]
fn taken<V: Lanes, const N: usize>(
    columns: [&mut [f64]; N],
    z: &[f64],
    u: [f64; N],
    v: &[f64],
) -> [[f64; ROWS]; N] {
    let mut sums = [[V::splat(0.0); ROWS]; N];
    for at in (0..z.len()).step_by(ROWS) {
        for h in 0..ROWS / V::LANES {
            let at = at + h * V::LANES;
            let (z, v) = (V::load(&z[at..]), V::load(&v[at..]));
            for c in 0..N {
                let column = &mut columns[c][at..];
                let a = V::splat(u[c]).neg_mul_add(z, V::load(column));
                a.store(column);
                sums[c][h] = v.mul_add(a, sums[c][h]);
            }
        }
    }
    stored(&sums)
}

/// ‖v‖².
#[inline(always)]
fn square<V: Lanes>(v: &[f64]) -> f64 {
    let mut sums = [[V::splat(0.0); ROWS]; 1];
    for at in (0..v.len()).step_by(ROWS) {
        for h in 0..ROWS / V::LANES {
            let x = V::load(&v[at + h * V::LANES..]);
            sums[0][h] = x.mul_add(x, sums[0][h]);
        }
    }
    sum(&stored(&sums)[0])
}

/// a_j −= w_j v, and z = Σ_j u_j a_j, for all columns, from row `from` on.
#[inline(always)]
fn take_and_combine<V: Lanes>(
    columns: &mut [f64],
    stride: usize,
    from: usize,
    v: &[f64],
    w: &[f64],
    u: &[f64],
    z: &mut [f64],
) {
    z[from..].fill(0.0);
    for ((columns, w), u) in columns
        .chunks_mut(4 * stride)
        .zip(w.chunks(4))
        .zip(u.chunks(4))
    {
        if u.len() < 4 {
            for ((column, w), u) in columns.chunks_mut(stride).zip(w).zip(u) {
                combined::<V, 1>(
                    [&mut column[from..]],
                    &v[from..],
                    [*w],
                    [*u],
                    &mut z[from..],
                );
            }
            continue;
        }
        let four = each_from(columns, stride, from);
        let (w, u) = ([w[0], w[1], w[2], w[3]], [u[0], u[1], u[2], u[3]]);
        combined::<V, 4>(four, &v[from..], w, u, &mut z[from..]);
    }
}

/// The same for `N` columns, added to `z`.
#[inline(always)]
fn combined<V: Lanes, const N: usize>(
    columns: [&mut [f64]; N],
    v: &[f64],
    w: [f64; N],
    u: [f64; N],
    z: &mut [f64],
) {
    for at in (0..v.len()).step_by(V::LANES) {
        let v = V::load(&v[at..]);
        let mut sum = V::load(&z[at..]);
        for c in 0..N {
            let column = &mut columns[c][at..];
            let a = V::splat(w[c]).neg_mul_add(v, V::load(column));
            a.store(column);
            sum = V::splat(u[c]).mul_add(a, sum);
        }
        sum.store(&mut z[at..]);
    }
}

/// The lanes one by one.
#[inline(always)]
fn stored<V: Lanes, const N: usize>(sums: &[[V; ROWS]; N]) -> [[f64; ROWS]; N] {
    let mut all = [[0.0; ROWS]; N];
    for (all, sums) in all.iter_mut().zip(sums) {
        for h in 0..ROWS / V::LANES {
            sums[h].store(&mut all[h * V::LANES..]);
        }
    }
    all
}

/// Their sum, by halving.
#[inline(always)]
fn sum(s: &[f64; ROWS]) -> f64 {
    ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]))
}

#[cfg(test)]
mod tests {
    use faer::Mat;

    use super::*;
    use crate::lanes::condition::ratio;
    use crate::lanes::{Isa, dispatch_on};
    use crate::random::{Purpose, Stream};

    /// The sum of all squares is kept, and so are the ends of the spectrum, against faer's singular values; to the same bits in every
    /// instruction set.
    #[test]
    fn singular_values_are_kept() {
        let mut stream = Stream::new(8, Purpose::Problem);
        for (rows, columns) in [
            (1, 1),
            (1, 7),
            (2, 2),
            (3, 2),
            (8, 8),
            (9, 13),
            (33, 33),
            (70, 41),
        ] {
            let layer = Mat::from_fn(rows, columns, |_, _| stream.normal());
            let reduced = |isa| {
                let at = |i, j| layer[(i, j)];
                dispatch_on(isa, Bidiagonal::new(rows, columns, at))
            };
            let (diagonal, beside) = reduced(Isa::Scalar);
            let all: f64 = diagonal.iter().chain(&beside).sum();
            let wanted = layer.squared_norm_l2();
            assert!((all - wanted).abs() < 1e-13 * wanted, "{all} {wanted}");
            let values = layer.singular_values().unwrap();
            let wanted = values[0] / values[values.len() - 1];
            let found = ratio(&diagonal, &beside);
            let error = 1e-14 * wanted * wanted;
            assert!(
                (found - wanted).abs() < error,
                "{rows}x{columns}: {found} {wanted}"
            );
            for isa in Isa::available() {
                assert_eq!(reduced(isa), (diagonal.clone(), beside.clone()), "{isa:?}");
            }
        }
    }
}
