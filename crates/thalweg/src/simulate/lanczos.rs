//! The largest eigenvalue of a symmetric operator in each lane, by Lanczos iteration.

use crate::lanes::Lanes;

use crate::lanes::numbers::{all, dot};

/// Residual ‖K x − λ x‖/λ at which λ counts as converged. λ is off by no more than that, and as a rule by its square
/// over the relative distance to the next eigenvalue.
pub(super) const RESIDUAL: f64 = 1e-6;

/// Steps of Laguerre's iteration; five are usual.
const MOST_STEPS: usize = 60;

/// The largest eigenvalue of `apply`, a positive semi-definite operator, from the vector `start`; NaN in the lanes where
/// it overflows. A lane's number depends on its own operator alone, however long the others take.
///
/// Vectors are made orthogonal to the last two only. By Paige's analysis (1980) rounding brings older ones back in just as a
/// Ritz pair converges: the largest ends the iteration, and copies of smaller ones do no harm.
#[inline(always)]
pub(super) fn largest<V: Lanes>(start: &[f64], mut apply: impl FnMut(&[V], &mut [V])) -> V {
    let zero = V::splat(0.0);
    let length = start.iter().map(|x| x * x).sum::<f64>().sqrt();
    let mut vector: Vec<V> = start.iter().map(|x| V::splat(x / length)).collect();
    let (mut before, mut next) = (vec![zero; start.len()], vec![zero; start.len()]);
    let (mut diagonal, mut coupling) = (Vec::new(), Vec::new());
    let (mut largest, mut done, mut norm) = (V::splat(f64::NAN), 0, zero);
    // The space is exhausted after as many steps as it has dimensions; rounding may ask for more.
    for _ in 0..2 * start.len() {
        apply(&vector, &mut next);
        for (x, u) in next.iter_mut().zip(&before) {
            *x = norm.neg_mul_add(*u, *x);
        }
        let along = dot(&next, &vector);
        for (x, v) in next.iter_mut().zip(&vector) {
            *x = along.neg_mul_add(*v, *x);
        }
        diagonal.push(along);
        norm = dot(&next, &next).sqrt();
        let (value, last) = top(&diagonal, &coupling);
        largest = V::choose(done, largest, value);
        let above = value.mul(V::splat(RESIDUAL)).below(norm.mul(last));
        // NaN is above nothing, and stays.
        done |= all::<V>() & !above;
        if done == all::<V>() {
            break;
        }
        coupling.push(norm);
        for x in &mut next {
            *x = x.div(norm);
        }
        std::mem::swap(&mut before, &mut vector);
        std::mem::swap(&mut vector, &mut next);
    }
    largest
}

/// The largest eigenvalue of a symmetric tridiagonal matrix, and the size of the last entry of its unit eigenvector.
///
/// Laguerre's iteration on the characteristic polynomial p comes down to its largest root from any point above
/// all. With d_i the pivots of the matrix less θ, p = Π d_i, so that p′/p = Σ d_i′/d_i and −(p′/p)′ = Σ (d_i′/d_i)² − d_i″/d_i. At
/// the root the last entry's square is p_{n−1}/p_n′.
#[inline(always)]
fn top<V: Lanes>(diagonal: &[V], coupling: &[V]) -> (V, V) {
    let (zero, one) = (V::splat(0.0), V::splat(1.0));
    let degree = diagonal.len() as f64;
    // Gershgorin's discs end here.
    let mut theta = diagonal[0];
    for (i, a) in diagonal.iter().enumerate() {
        let mut end = *a;
        for b in i
            .checked_sub(1)
            .into_iter()
            .chain([i])
            .filter_map(|i| coupling.get(i))
        {
            end = end.add(*b);
        }
        theta = V::choose(theta.below(end), end, theta);
    }
    theta = theta.mul(V::splat(1.0 + 1e-12));
    let (mut last, mut done) = (one, 0);
    for _ in 0..MOST_STEPS {
        let (mut first, mut second) = (zero, zero);
        let mut pivot = diagonal[0].sub(theta);
        let (mut slope, mut bend) = (V::splat(-1.0), zero);
        let mut right = pivot.below(zero);
        for i in 1..diagonal.len() {
            let (ratio, curve) = (slope.div(pivot), bend.div(pivot));
            first = first.add(ratio);
            second = ratio.mul_add(ratio, second).sub(curve);
            let weight = coupling[i - 1].mul(coupling[i - 1]).div(pivot);
            pivot = diagonal[i].sub(theta).sub(weight);
            right &= pivot.below(zero);
            slope = weight.mul(ratio).sub(one);
            bend = weight.mul(ratio.mul(ratio).mul_add(V::splat(-2.0), curve));
        }
        // −p_n′/p_{n−1} = −(d_n′ + d_n p_{n−1}′/p_{n−1}); not positive where the entry is lost in rounding.
        let growth = zero.sub(pivot.mul_add(first, slope));
        let entry = one.div(growth).sqrt();
        last = V::choose(done, last, V::choose(zero.below(growth), entry, zero));
        let ratio = slope.div(pivot);
        first = first.add(ratio);
        second = ratio.mul_add(ratio, second).sub(bend.div(pivot));
        let spread = second.mul(V::splat(degree)).sub(first.mul(first));
        let spread = V::choose(spread.below(zero), zero, spread);
        let root = spread.mul(V::splat(degree - 1.0)).sqrt();
        let step = V::splat(degree).div(first.add(root));
        // Right of the root every pivot is negative; left of it, rounding is all there was to go.
        let moves = right & theta.mul(V::splat(f64::EPSILON)).below(step);
        done |= all::<V>() & !moves;
        theta = V::choose(done, theta, theta.sub(step));
        if done == all::<V>() {
            break;
        }
    }
    (theta, last)
}

#[cfg(test)]
mod tests {
    use faer::{Mat, Side};

    use super::*;
    use crate::random::{Purpose, Stream};

    /// Against dense decompositions, for matrices of 1 to 30 rows, among them some whose last vector hardly couples. The root is known
    /// to ε, and so the square of the last entry to ε over the distance to the next root.
    #[test]
    fn the_top_of_a_tridiagonal_matrix() {
        let mut stream = Stream::new(5, Purpose::Problem);
        for size in 1..=30 {
            for coupling in [1.0, 1e-3, 1e-6] {
                let a: Vec<f64> = (0..size).map(|_| 3.0 + stream.normal()).collect();
                let b: Vec<f64> = (1..size).map(|_| coupling * stream.uniform()).collect();
                let dense = Mat::from_fn(size, size, |i, j| match i.abs_diff(j) {
                    0 => a[i],
                    1 => b[i.min(j)],
                    _ => 0.0,
                });
                let eigen = dense.self_adjoint_eigen(Side::Lower).unwrap();
                let (value, last) = top::<f64>(&a, &b);
                let (exact, entry) = (eigen.S()[size - 1], eigen.U()[(size - 1, size - 1)].abs());
                let gap = exact - if size > 1 { eigen.S()[size - 2] } else { 0.0 };
                let lost = (4.0 * f64::EPSILON * exact / gap).sqrt();
                assert!(
                    (value - exact).abs() < 1e-13 * exact,
                    "{size}: {value} {exact}"
                );
                assert!(
                    (last - entry).abs() < 1e-6 * entry + lost,
                    "{size}: {last} {entry}"
                );
            }
        }
    }

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
            let found = largest::<f64>(&start, |x, y| {
                for ((y, x), value) in y.iter_mut().zip(x).zip(&values) {
                    *y = x * value;
                }
            });
            let error = RESIDUAL * RESIDUAL / (1.0 - second) + 1e-15;
            assert!((found - 1.0).abs() < error, "{second}: {found}");
        }
    }
}
