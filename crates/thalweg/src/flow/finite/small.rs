//! Products of small matrices, one in each lane.

use crate::lanes::{Call, Lanes};

/// A matrix in each lane: entry (i, j) at `entries[i·down + j·across]`.
#[derive(Clone, Copy)]
pub(super) struct View<'a, V> {
    entries: &'a [V],
    rows: usize,
    columns: usize,
    down: usize,
    across: usize,
}

impl<'a, V: Lanes> View<'a, V> {
    /// `entries` as `rows` × `columns`, column by column.
    #[inline(always)]
    pub(super) fn new(entries: &'a [V], rows: usize, columns: usize) -> Self {
        Self {
            entries,
            rows,
            columns,
            down: 1,
            across: rows,
        }
    }

    /// The transpose.
    #[inline(always)]
    pub(super) fn t(self) -> Self {
        Self {
            entries: self.entries,
            rows: self.columns,
            columns: self.rows,
            down: self.across,
            across: self.down,
        }
    }
}

/// out ← a b, column by column.
#[inline(always)]
pub(super) fn multiply<V: Lanes>(a: View<'_, V>, b: View<'_, V>, out: &mut [V]) {
    V::within(Product {
        a,
        b,
        out,
        add: false,
    });
}

/// out ← out + a b, column by column.
#[inline(always)]
pub(super) fn add_product<V: Lanes>(a: View<'_, V>, b: View<'_, V>, out: &mut [V]) {
    V::within(Product {
        a,
        b,
        out,
        add: true,
    });
}

struct Product<'a, V> {
    a: View<'a, V>,
    b: View<'a, V>,
    out: &'a mut [V],
    add: bool,
}

impl<V: Lanes> Call for Product<'_, V> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { a, b, out, add } = self;
        for (j, column) in out.chunks_exact_mut(a.rows).take(b.columns).enumerate() {
            for (i, entry) in column.iter_mut().enumerate() {
                let mut sum = if add { *entry } else { V::splat(0.0) };
                for l in 0..a.columns {
                    let (x, y) = (i * a.down + l * a.across, l * b.down + j * b.across);
                    sum = a.entries[x].mul_add(b.entries[y], sum);
                }
                *entry = sum;
            }
        }
    }
}

/// Σ x_i y_i.
#[inline(always)]
pub(super) fn dot<V: Lanes>(x: &[V], y: &[V]) -> V {
    let mut sum = V::splat(0.0);
    for (x, y) in x.iter().zip(y) {
        sum = x.mul_add(*y, sum);
    }
    sum
}

/// x ← K⁻¹ x for a positive definite K of size n, column by column, which its Cholesky factor overwrites.
#[inline(always)]
pub(super) fn solve_positive<V: Lanes>(k: &mut [V], x: &mut [V]) {
    V::within(Solve { k, x });
}

struct Solve<'a, V> {
    k: &'a mut [V],
    x: &'a mut [V],
}

impl<V: Lanes> Call for Solve<'_, V> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { k, x } = self;
        let n = x.len();
        for j in 0..n {
            let scale = V::splat(1.0).div(k[j * n + j].sqrt());
            for i in j..n {
                k[j * n + i] = k[j * n + i].mul(scale);
            }
            for c in j + 1..n {
                let factor = k[j * n + c];
                for i in c..n {
                    k[c * n + i] = k[j * n + i].neg_mul_add(factor, k[c * n + i]);
                }
            }
            // The diagonal holds 1/L_jj from here on.
            k[j * n + j] = scale;
        }
        for j in 0..n {
            x[j] = x[j].mul(k[j * n + j]);
            for i in j + 1..n {
                x[i] = k[j * n + i].neg_mul_add(x[j], x[i]);
            }
        }
        for j in (0..n).rev() {
            let mut sum = x[j];
            for i in j + 1..n {
                sum = k[j * n + i].neg_mul_add(x[i], sum);
            }
            x[j] = sum.mul(k[j * n + j]);
        }
    }
}

/// The largest eigenvalue of a positive definite K of size n, which is overwritten; `spare` is as long.
///
/// Of K^(2^m) only the largest eigenvalues are left: the Rayleigh quotient of its column sums is right to
/// about n 2^−m/e relative, at worst, and far better where the largest eigenvalue stands alone.
#[inline(always)]
pub(super) fn largest_eigenvalue<V: Lanes>(k: &mut [V], n: usize, spare: &mut Vec<V>) -> V {
    const SQUARINGS: usize = 13;
    let trace = |k: &[V]| (0..n).fold(V::splat(0.0), |sum, i| sum.add(k[i * n + i]));
    let original = k.to_vec();
    for _ in 0..SQUARINGS {
        let scale = V::splat(1.0).div(trace(k));
        for entry in k.iter_mut() {
            *entry = entry.mul(scale);
        }
        spare.clear();
        spare.extend_from_slice(k);
        multiply(View::new(spare, n, n), View::new(spare, n, n), k);
    }
    // tr(K^{N+1}) / tr(K^N): both are positive.
    dot(k, &original).div(trace(k))
}
