//! Generalised minimal residuals: a linear system solved by applying its matrix and something like its inverse.

use super::products::accumulate;

/// z with A z ≈ b: `nearly` takes b to about A⁻¹ b, and z is the best of what it and A span, in the norm of `inner`, once ‖`nearly`(b − A z)‖ is
/// below `enough` of ‖`nearly`(b)‖ or after `most` applications of A (Y. Saad, M. Schultz, *GMRES*, SIAM J. Sci. Stat. Comput. 7, 1986).
pub(super) fn gmres(
    b: &[f64],
    apply: impl Fn(&[f64]) -> Vec<f64>,
    mut nearly: impl FnMut(&[f64]) -> Vec<f64>,
    inner: impl Fn(&[f64], &[f64]) -> f64,
    enough: f64,
    most: usize,
) -> Vec<f64> {
    let mut first = nearly(b);
    let size = inner(&first, &first).sqrt();
    if !(size > 0.0 && size.is_finite()) {
        return first;
    }
    first.iter_mut().for_each(|x| *x /= size);
    let mut basis = vec![first];
    // The columns of Hessenberg's matrix, rotated to triangular form, and the rotations.
    let (mut columns, mut turns): (Vec<Vec<f64>>, Vec<(f64, f64)>) = (Vec::new(), Vec::new());
    let mut rest = vec![size];
    for step in 0..most {
        let mut next = nearly(&apply(&basis[step]));
        let mut column = Vec::with_capacity(step + 2);
        for v in &basis {
            let along = inner(&next, v);
            accumulate(&mut next, -along, v);
            column.push(along);
        }
        let left = inner(&next, &next).sqrt();
        for (i, (cosine, sine)) in turns.iter().enumerate() {
            let (a, b) = (column[i], column[i + 1]);
            column[i] = cosine * a + sine * b;
            column[i + 1] = cosine * b - sine * a;
        }
        let last = column[step];
        let length = last.hypot(left);
        if !(length > 0.0 && length.is_finite()) {
            break;
        }
        let (cosine, sine) = (last / length, left / length);
        column[step] = length;
        columns.push(column);
        turns.push((cosine, sine));
        let before = rest[step];
        rest[step] = cosine * before;
        rest.push(-sine * before);
        if rest[step + 1].abs() <= enough * size || left == 0.0 {
            break;
        }
        next.iter_mut().for_each(|x| *x /= left);
        basis.push(next);
    }
    let mut weights = rest;
    let mut z = vec![0.0; b.len()];
    for i in (0..columns.len()).rev() {
        let known: f64 = (i + 1..columns.len())
            .map(|j| columns[j][i] * weights[j])
            .sum();
        weights[i] = (weights[i] - known) / columns[i][i];
        accumulate(&mut z, weights[i], &basis[i]);
    }
    z
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As many applications as unknowns give the solution, whatever approximation of the inverse and whatever norm.
    #[test]
    fn solves_exactly_in_as_many_steps_as_unknowns() {
        let matrix = [[4.0, 1.0, -2.0], [0.5, 3.0, 1.0], [1.0, -1.0, 2.0]];
        let apply = |x: &[f64]| -> Vec<f64> {
            let row = |row: &[f64; 3]| row.iter().zip(x).map(|(a, x)| a * x).sum();
            matrix.iter().map(row).collect()
        };
        let nearly = |b: &[f64]| -> Vec<f64> { vec![b[0] / 4.0, b[1] / 3.0, b[2] / 2.0] };
        let inner = |a: &[f64], b: &[f64]| a[0] * b[0] + 5.0 * a[1] * b[1] + 0.1 * a[2] * b[2];
        let z = [1.0, -2.0, 3.0];
        let found = gmres(&apply(&z), apply, nearly, inner, 0.0, 3);
        for (found, z) in found.iter().zip(z) {
            assert!((found - z).abs() < 1e-12, "{found} {z}");
        }
        // The first application leaves less of the residual than the approximation alone.
        let left = |z: &[f64]| {
            let b: Vec<f64> = apply(&[1.0, -2.0, 3.0]);
            let rest: Vec<f64> = apply(z).iter().zip(b).map(|(a, b)| b - a).collect();
            let rest = nearly(&rest);
            inner(&rest, &rest)
        };
        let b = apply(&z);
        let one = gmres(&b, apply, nearly, inner, 0.0, 1);
        assert!(left(&one) < left(&nearly(&b)));
    }
}
