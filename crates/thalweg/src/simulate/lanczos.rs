//! The largest eigenvalue of a symmetric operator in each lane, by Lanczos iteration.

use crate::lanes::Lanes;
use crate::lanes::numbers::{all, dot};
use crate::lanes::tridiagonal::top;

/// Residual ‖K x − λ x‖/λ at which λ counts as converged. λ is off by no more than that, and as a rule by its square
/// over the relative distance to the next eigenvalue.
pub(super) const RESIDUAL: f64 = 1e-3;

/// The largest eigenvalue of `apply`, a positive semi-definite operator, from the vector `start`, with `room` for two more; NaN in the lanes where
/// it overflows. A lane's number depends on its own operator alone, however long the others take.
///
/// Vectors are made orthogonal to the last two only. By Paige's analysis (1980) rounding brings older ones back in just as a
/// Ritz pair converges: the largest ends the iteration, and copies of smaller ones do no harm.
#[inline(always)]
pub(super) fn largest<V: Lanes>(
    start: &mut [V],
    room: [&mut [V]; 2],
    mut apply: impl FnMut(&[V], &mut [V]),
) -> V {
    let zero = V::splat(0.0);
    let [mut before, mut next] = room;
    before.fill(zero);
    let mut vector = start;
    let (size, length) = (vector.len(), dot(vector, vector).sqrt());
    for x in vector.iter_mut() {
        *x = x.div(length);
    }
    let (mut diagonal, mut coupling) = (Vec::with_capacity(32), Vec::with_capacity(32));
    let (mut largest, mut done, mut norm) = (V::splat(f64::NAN), 0, zero);
    // The space is exhausted after as many steps as it has dimensions; rounding may ask for more.
    for _ in 0..2 * size {
        apply(vector, next);
        for (x, u) in next.iter_mut().zip(before.iter()) {
            *x = norm.neg_mul_add(*u, *x);
        }
        let along = dot(next, vector);
        for (x, v) in next.iter_mut().zip(vector.iter()) {
            *x = along.neg_mul_add(*v, *x);
        }
        diagonal.push(along);
        norm = dot(next, next).sqrt();
        let (value, last) = top(&diagonal, &coupling);
        largest = V::choose(done, largest, value);
        let above = value.mul(V::splat(RESIDUAL)).below(norm.mul(last));
        // NaN is above nothing, and stays.
        done |= all::<V>() & !above;
        if done == all::<V>() {
            break;
        }
        coupling.push(norm);
        for x in next.iter_mut() {
            *x = x.div(norm);
        }
        std::mem::swap(&mut before, &mut vector);
        std::mem::swap(&mut vector, &mut next);
    }
    largest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Stream};

    /// Diagonal operators of known spectrum, one with two eigenvalues that lie a thousandth apart.
    #[test]
    fn the_largest_eigenvalue_is_found_to_its_residual() {
        let mut stream = Stream::new(6, Purpose::Problem);
        let start: Vec<f64> = (0..50).map(|_| stream.normal()).collect();
        for second in [0.5, 0.999] {
            let values: Vec<f64> = (0..50)
                .map(|i| {
                    if i == 17 {
                        1.0
                    } else {
                        second * i as f64 / 49.0
                    }
                })
                .collect();
            let (mut first, mut before, mut next) = (start.clone(), [0.0; 50], [0.0; 50]);
            let found = largest::<f64>(&mut first, [&mut before, &mut next], |x, y| {
                for ((y, x), value) in y.iter_mut().zip(x).zip(&values) {
                    *y = x * value;
                }
            });
            let error = RESIDUAL * RESIDUAL / (1.0 - second) + 1e-15;
            assert!((found - 1.0).abs() < error, "{second}: {found}");
        }
    }
}
