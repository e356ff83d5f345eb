//! An eigenvector at the top of a symmetric operator, by Lanczos iteration.

use crate::lanes::{numbers::dot, tridiagonal::top};

/// Steps of the iteration, and so vectors that are kept.
pub(super) const MOST_STEPS: usize = 60;

/// The unit vector to which Lanczos' iteration from `start` leads: of the largest Ritz value, when its residual is below `tolerance`
/// times that. It is orthogonalised against the last two alone, as in [`largest`](super::lanczos::largest).
#[inline(always)]
pub(super) fn pair(
    start: Vec<f64>,
    tolerance: f64,
    mut apply: impl FnMut(&[f64], &mut [f64]),
) -> Vec<f64> {
    let length = dot(&start, &start).sqrt();
    let mut vectors = vec![start];
    for x in &mut vectors[0] {
        *x /= length;
    }
    let (mut diagonal, mut coupling) = (Vec::new(), Vec::new());
    let value = loop {
        let step = diagonal.len();
        let mut next = vec![0.0; vectors[0].len()];
        apply(&vectors[step], &mut next);
        if let Some((before, norm)) = step.checked_sub(1).map(|i| (&vectors[i], coupling[i])) {
            for (x, u) in next.iter_mut().zip(before) {
                *x -= norm * u;
            }
        }
        let along = dot(&next, &vectors[step]);
        for (x, v) in next.iter_mut().zip(&vectors[step]) {
            *x -= along * v;
        }
        diagonal.push(along);
        let norm = dot(&next, &next).sqrt();
        let (value, last) = top(&diagonal, &coupling);
        // Not a number is above nothing.
        let above = norm * last > tolerance * value;
        if !above || step + 1 == MOST_STEPS {
            break value;
        }
        coupling.push(norm);
        for x in &mut next {
            *x /= norm;
        }
        vectors.push(next);
    };
    let mut sum = vec![0.0; vectors[0].len()];
    for (weight, vector) in first(&diagonal, &coupling, value).iter().zip(&vectors) {
        for (x, v) in sum.iter_mut().zip(vector) {
            *x += weight * v;
        }
    }
    let length = dot(&sum, &sum).sqrt();
    for x in &mut sum {
        *x /= length;
    }
    sum
}

/// The direction of the eigenvector of a tridiagonal matrix T that belongs to its largest eigenvalue `top`, by inverse iteration with
/// L D Lᵀ = (1 + ε) top − T.
fn first(diagonal: &[f64], coupling: &[f64], top: f64) -> Vec<f64> {
    let floor = f64::EPSILON * top;
    let mut pivots = vec![0.0; diagonal.len()];
    for (i, a) in diagonal.iter().enumerate() {
        let taken = i
            .checked_sub(1)
            .map_or(0.0, |i| coupling[i] * coupling[i] / pivots[i]);
        pivots[i] = (top + floor - a - taken).max(floor);
    }
    let mut x = vec![1.0; diagonal.len()];
    for _ in 0..2 {
        for i in 1..x.len() {
            x[i] += coupling[i - 1] / pivots[i - 1] * x[i - 1];
        }
        for (x, pivot) in x.iter_mut().zip(&pivots) {
            *x /= pivot;
        }
        for i in (1..x.len()).rev() {
            x[i - 1] += coupling[i - 1] / pivots[i - 1] * x[i];
        }
        let most = x.iter().fold(0.0_f64, |most, x| most.max(x.abs()));
        for x in &mut x {
            *x /= most;
        }
    }
    x
}
