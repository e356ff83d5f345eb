//! The singular value decomposition by one-sided Jacobi rotations: small singular values to as many digits
//! as large ones.
//!
//! Bidiagonalisation leaves every singular value wrong by some ε σ_max. A graded matrix, D_1 B D_2 with B
//! well conditioned as √Σε V √Σx is for strongly anisotropic noise, determines even its least ones to
//! some ε σ. After a QR decomposition with pivots, rotations of columns find them so (Drmač and Veselić 2008).

use faer::{Mat, MatRef};

use super::dense::ThinSvd;

/// Sweeps over all pairs of columns; some ten are usual.
const MOST_SWEEPS: usize = 60;

/// The thin SVD of `matrix`; nothing where rotations do not come to an end.
pub(super) fn graded_svd(matrix: MatRef<'_, f64>) -> Option<ThinSvd> {
    if matrix.nrows() < matrix.ncols() {
        let svd = graded_svd(matrix.transpose())?;
        return Some(ThinSvd {
            left: svd.right,
            singular_values: svd.singular_values,
            right: svd.left,
        });
    }
    let (rows, size) = (matrix.nrows(), matrix.ncols());
    // Householder's reflections respect the scale of each row only if large rows come first.
    let mut order: Vec<usize> = (0..rows).collect();
    let norms: Vec<f64> = (0..rows).map(|i| matrix.row(i).norm_max()).collect();
    order.sort_by(|&i, &j| norms[j].total_cmp(&norms[i]));
    let sorted = Mat::from_fn(rows, size, |i, j| matrix[(order[i], j)]);
    // A P = Q R, and Rᵀ = U S Jᵀ: A = (Q J) S (P U)ᵀ.
    let qr = sorted.col_piv_qr();
    let (q, r) = (qr.compute_thin_Q(), qr.thin_R());
    let mut columns = Mat::from_fn(size, size, |i, j| r[(j, i)]);
    let mut turned = Mat::<f64>::identity(size, size);
    rotate(&mut columns, &mut turned)?;
    let left = q * turned;
    let lengths: Vec<f64> = (0..size).map(|j| columns.col(j).norm_l2()).collect();
    let mut descending: Vec<usize> = (0..size).collect();
    descending.sort_by(|&i, &j| lengths[j].total_cmp(&lengths[i]));
    let forward = qr.P().arrays().0;
    let mut svd = ThinSvd {
        left: Mat::zeros(rows, size),
        singular_values: descending.iter().map(|&j| lengths[j]).collect(),
        right: Mat::zeros(size, size),
    };
    for (to, &from) in descending.iter().enumerate() {
        for (i, &row) in order.iter().enumerate() {
            svd.left[(row, to)] = left[(i, from)];
        }
        for (i, &row) in forward.iter().enumerate() {
            // A column of zeros has no direction, and nothing is multiplied by it.
            svd.right[(row, to)] = columns[(i, from)] / lengths[from].max(f64::MIN_POSITIVE);
        }
    }
    Some(svd)
}

/// Turns the columns of `matrix` in their planes until they are orthogonal, and those of `turned` with them.
fn rotate(matrix: &mut Mat<f64>, turned: &mut Mat<f64>) -> Option<()> {
    let size = matrix.ncols();
    let tolerance = size as f64 * f64::EPSILON;
    for _ in 0..MOST_SWEEPS {
        let mut rested = true;
        for i in 0..size {
            for j in i + 1..size {
                let (a, b) = (matrix.col(i), matrix.col(j));
                let (alpha, beta) = (a.norm_l2(), b.norm_l2());
                let cosine = a.transpose() * b / alpha / beta;
                // NaN where one of them is 0.
                if cosine.is_nan() || cosine.abs() <= tolerance {
                    continue;
                }
                rested = false;
                let zeta = (beta / alpha - alpha / beta) / (2.0 * cosine);
                let tangent = zeta.signum() / (zeta.abs() + zeta.hypot(1.0));
                let cos = tangent.hypot(1.0).recip();
                turn(matrix, i, j, cos, cos * tangent);
                turn(turned, i, j, cos, cos * tangent);
            }
        }
        if rested {
            return Some(());
        }
    }
    None
}

/// Columns i and j become c a − s b and s a + c b.
fn turn(matrix: &mut Mat<f64>, i: usize, j: usize, cos: f64, sin: f64) {
    for row in 0..matrix.nrows() {
        let (a, b) = (matrix[(row, i)], matrix[(row, j)]);
        matrix[(row, i)] = cos * a - sin * b;
        matrix[(row, j)] = sin * a + cos * b;
    }
}
