//! Condition numbers in each lane, by one-sided Jacobi rotations.

use super::{
    Lanes,
    numbers::{all, dot},
};

/// Sweeps over all pairs; six to nine are usual.
const MOST_SWEEPS: usize = 30;

/// σ_max/σ_min of a matrix of `rows` rows, column by column: infinite where it is singular, NaN where it is 0 or the rotations
/// do not come to an end. A lane's number depends on its own matrix alone.
///
/// The columns, or the rows if they are fewer, are turned in pairs until they are orthogonal; their lengths are the singular values.
#[inline(always)]
pub(crate) fn condition<V: Lanes>(matrix: &[V], rows: usize) -> V {
    let columns = matrix.len() / rows;
    let mut vectors: Vec<Vec<V>> = if columns <= rows {
        matrix.chunks_exact(rows).map(<[V]>::to_vec).collect()
    } else {
        let row = |r| matrix.iter().copied().skip(r).step_by(rows).collect();
        (0..rows).map(row).collect()
    };
    let size = vectors.len();
    let tolerance = V::splat((size as f64 * f64::EPSILON).powi(2));
    let (zero, one) = (V::splat(0.0), V::splat(1.0));
    let mut rested = 0;
    for _ in 0..MOST_SWEEPS {
        rested = all::<V>();
        for (i, j) in (0..size).flat_map(|i| (i + 1..size).map(move |j| (i, j))) {
            let (low, high) = vectors.split_at_mut(j);
            let (x, y) = (&mut low[i], &mut high[0]);
            let (alpha, beta, gamma) = (dot(x, x), dot(y, y), dot(x, y));
            let turns = alpha.mul(beta).mul(tolerance).below(gamma.mul(gamma));
            if turns == 0 {
                continue;
            }
            rested &= !turns;
            // tan φ = 2γ/(δ ± √(δ² + 4γ²)), δ = β − α, with the sign that does not cancel.
            let (delta, twice) = (beta.sub(alpha), gamma.add(gamma));
            let root = delta.mul_add(delta, twice.mul(twice)).sqrt();
            let root = V::choose(delta.below(zero), zero.sub(root), root);
            let tangent = twice.div(delta.add(root));
            let cosine = one.div(tangent.mul_add(tangent, one).sqrt());
            let sine = V::choose(turns, cosine.mul(tangent), zero);
            let cosine = V::choose(turns, cosine, one);
            for (x, y) in x.iter_mut().zip(y.iter_mut()) {
                let turned = sine.neg_mul_add(*y, cosine.mul(*x));
                *y = sine.mul_add(*x, cosine.mul(*y));
                *x = turned;
            }
        }
        if rested == all::<V>() {
            break;
        }
    }
    let (mut most, mut least) = (zero, V::splat(f64::INFINITY));
    for vector in &vectors {
        let square = dot(vector, vector);
        most = V::choose(most.below(square), square, most);
        least = V::choose(square.below(least), square, least);
    }
    V::choose(rested, most.div(least).sqrt(), V::splat(f64::NAN))
}
