//! The ends of tridiagonal and bidiagonal matrices' spectra in each lane, by Laguerre's iteration.

use super::{Lanes, numbers::all};

/// Steps of Laguerre's iteration; five are usual.
const MOST_STEPS: usize = 60;

/// The largest eigenvalue of a symmetric tridiagonal matrix, and the size of the last entry of its unit eigenvector.
///
/// Laguerre's iteration on the characteristic polynomial p comes down to its largest root from any point above
/// all. With d_i the pivots of the matrix less θ, p = Π d_i, so that p′/p = Σ d_i′/d_i and −(p′/p)′ = Σ (d_i′/d_i)² − d_i″/d_i. At
/// the root the last entry's square is p_{n−1}/p_n′.
#[inline(always)]
pub(crate) fn top<V: Lanes>(diagonal: &[V], coupling: &[V]) -> (V, V) {
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

/// The least eigenvalue of BᵀB, B upper bidiagonal with these squares on its diagonal and beside it: each to a few units of its
/// own last place, however small it is, as long as B's entries are exact; 0 where a number on the diagonal is, or
/// where its inverse's square overflows.
///
/// Laguerre's iteration climbs from 0 to the smallest root of the characteristic polynomial. The pivots of BᵀB − θ are p_i = q_i + t_i
/// with t_1 = −θ and t_{i+1} = e_i t_i/p_i − θ (differential quotients and differences, Fernando and Parlett 1994): below the root all
/// terms of t are negative, so that nothing cancels.
#[inline(always)]
pub(crate) fn least<V: Lanes>(squares: &[V], beside: &[V]) -> V {
    let (zero, one) = (V::splat(0.0), V::splat(1.0));
    let degree = V::splat(squares.len() as f64);
    let mut theta = zero;
    let mut climbing = all::<V>();
    for _ in 0..MOST_STEPS {
        let (mut first, mut second) = (zero, zero);
        let (mut shift, mut slope, mut bend) = (zero.sub(theta), zero.sub(one), zero);
        for (i, square) in squares.iter().enumerate() {
            let pivot = square.add(shift);
            // Past the root, which only rounding leads to, and at a root of 0.
            climbing &= zero.below(pivot);
            let inverse = one.div(pivot);
            let ratio = slope.mul(inverse);
            first = first.add(ratio);
            second = ratio.mul_add(ratio, second).sub(bend.mul(inverse));
            let Some(beside) = beside.get(i) else {
                break;
            };
            let weight = beside.mul(inverse);
            shift = weight.mul(shift).sub(theta);
            let gain = weight.mul(*square).mul(inverse);
            bend = gain.mul(slope.mul(ratio).mul_add(V::splat(-2.0), bend));
            slope = gain.mul(slope).sub(one);
        }
        let spread = second.mul(degree).sub(first.mul(first));
        let spread = V::choose(spread.below(zero), zero, spread);
        let root = spread.mul(degree.sub(one)).sqrt();
        let step = degree.div(root.sub(first));
        climbing &= theta.mul(V::splat(f64::EPSILON)).below(step);
        theta = V::choose(climbing, theta.add(step), theta);
        if climbing == 0 {
            break;
        }
    }
    theta
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

    /// Against singular values by faer, whose error is absolute; and graded matrices, of which the least is known.
    #[test]
    fn the_least_of_a_bidiagonal_matrix() {
        let mut stream = Stream::new(7, Purpose::Problem);
        for size in 1..=30 {
            let d: Vec<f64> = (0..size).map(|_| stream.normal()).collect();
            let e: Vec<f64> = (1..size).map(|_| stream.normal()).collect();
            let dense = Mat::from_fn(size, size, |i, j| match j.wrapping_sub(i) {
                0 => d[i],
                1 => e[i],
                _ => 0.0,
            });
            let exact = dense.singular_values().unwrap();
            let squares = |x: &[f64]| x.iter().map(|x| x * x).collect::<Vec<f64>>();
            let found = least::<f64>(&squares(&d), &squares(&e)).sqrt();
            let error = 1e-14 * exact[0];
            assert!((found - exact[size - 1]).abs() < error, "{size}: {found}");
        }
        // B = [1 1; 0 x]: the product of its singular values is x, the sum of their squares 2 + x².
        for x in [1.0, 1e-5, 1e-20, 1e-70] {
            let sum = 2.0 + x * x;
            let largest = (sum + (sum * sum - 4.0 * x * x).sqrt()) / 2.0;
            let found = least::<f64>(&[1.0, x * x], &[1.0]);
            let wanted = x * x / largest;
            assert!(
                (found - wanted).abs() < 1e-14 * wanted,
                "{x}: {found} {wanted}"
            );
        }
        assert!(least::<f64>(&[1.0, 0.0, 2.0], &[3.0, 1.0]) == 0.0);
    }
}
