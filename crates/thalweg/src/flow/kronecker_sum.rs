//! K = Σ_k L_k ⊗ R_k on matrices Λ, solved with by its structure where it is too large to be formed.
//!
//! K Λ = Σ_k L_k Λ R_k with L_k = A_kA_kᵀ and R_k = (B_kX)ᵀ(B_kX), both positive semidefinite. In the bases in which the weighted sums of the L_k and of the
//! R_k are diagonal, the diagonal of K says most of it, and conjugate gradients need few iterations.

use faer::{Mat, Side};

use super::{
    FlowError,
    conjugate::conjugate_gradients,
    point::Point,
    products::{add_times, dot, times, trace},
};

/// The terms of K, in those bases.
pub(super) struct KroneckerSum {
    left: Vec<Mat<f64>>,
    right: Vec<Mat<f64>>,
    /// The bases.
    rows: Mat<f64>,
    columns: Mat<f64>,
    /// K's diagonal.
    diagonal: Mat<f64>,
}

/// The most iterations of conjugate gradients.
const MOST_ITERATIONS: usize = 1000;

impl KroneckerSum {
    /// K at `point`, with one `more` of its terms.
    pub(super) fn new(
        point: &Point,
        more: Option<(Mat<f64>, Mat<f64>)>,
    ) -> Result<Self, FlowError> {
        let left = point.above.iter().map(|a| times(a.as_ref(), a.transpose()));
        let right = point.below.iter().map(|b| times(b.transpose(), b.as_ref()));
        let (mut left, mut right): (Vec<_>, Vec<_>) = (left.collect(), right.collect());
        if let Some(more) = more {
            left.push(more.0);
            right.push(more.1);
        }
        let weights = |others: &[Mat<f64>]| -> Vec<f64> {
            others.iter().map(|m| trace(m.as_ref())).collect()
        };
        let (rows, columns) = (
            basis(&left, &weights(&right))?,
            basis(&right, &weights(&left))?,
        );
        let (count, size) = (rows.nrows(), columns.nrows());
        let mut diagonal = Mat::zeros(count, size);
        for (left, right) in left.iter_mut().zip(&mut right) {
            *left = within(left, &rows);
            *right = within(right, &columns);
            for j in 0..size {
                for i in 0..count {
                    diagonal[(i, j)] += left[(i, i)] * right[(j, j)];
                }
            }
        }
        Ok(Self {
            left,
            right,
            rows,
            columns,
            diagonal,
        })
    }

    /// (σ + K)⁻¹ M, until what is left of M has shrunk to `enough` of it in the norm of the inverse diagonal.
    pub(super) fn solve(&self, shift: f64, matrix: &Mat<f64>, enough: f64) -> Mat<f64> {
        let half = times(self.rows.transpose(), matrix.as_ref());
        let right = times(half.as_ref(), self.columns.as_ref());
        let floor = 1e-14 * largest(&self.diagonal);
        let condition = |rest: &Mat<f64>| {
            Mat::from_fn(rest.nrows(), rest.ncols(), |i, j| {
                rest[(i, j)] / (self.diagonal[(i, j)] + shift).max(floor)
            })
        };
        let first = dot(&right, &condition(&right));
        let (x, _) = conjugate_gradients(
            &mut [right],
            |x| vec![self.apply(shift, &x[0])],
            |rest| vec![condition(&rest[0])],
            MOST_ITERATIONS,
            |size, _| size <= enough * enough * first,
        );
        let half = times(self.rows.as_ref(), x[0].as_ref());
        times(half.as_ref(), self.columns.transpose())
    }

    /// (σ + K) Λ, in the bases.
    fn apply(&self, shift: f64, matrix: &Mat<f64>) -> Mat<f64> {
        let mut image = matrix * faer::Scale(shift);
        for (left, right) in self.left.iter().zip(&self.right) {
            let half = times(left.as_ref(), matrix.as_ref());
            add_times(&mut image, 1.0, half.as_ref(), right.as_ref());
        }
        image
    }
}

/// The eigenvectors of Σ_k weight_k · M_k.
fn basis(matrices: &[Mat<f64>], weights: &[f64]) -> Result<Mat<f64>, FlowError> {
    let mut sum = Mat::<f64>::zeros(matrices[0].nrows(), matrices[0].nrows());
    for (matrix, weight) in matrices.iter().zip(weights) {
        sum += faer::Scale(*weight) * matrix;
    }
    let eigen = sum
        .self_adjoint_eigen(Side::Lower)
        .map_err(|_| FlowError::Decomposition {
            what: "eigenvalue iteration of the factors of K",
        })?;
    Ok(eigen.U().to_owned())
}

/// Uᵀ M U.
fn within(matrix: &Mat<f64>, basis: &Mat<f64>) -> Mat<f64> {
    let half = times(basis.transpose(), matrix.as_ref());
    times(half.as_ref(), basis.as_ref())
}

fn largest(matrix: &Mat<f64>) -> f64 {
    let columns = (0..matrix.ncols()).flat_map(|j| matrix.col_as_slice(j));
    columns.fold(f64::MIN_POSITIVE, |a, b| a.max(*b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{
        point::Model,
        tests::{minimum, problem, problems},
    };

    /// Against K as a dense matrix.
    #[test]
    fn solves_what_the_matrix_says() {
        for problem in problems().iter().chain([&problem(5, 4, 3)]) {
            let model = Model::new(problem);
            let point = Point::new(&model, minimum(problem).layers().to_vec());
            let (rows, columns) = (point.residual.nrows(), point.residual.ncols());
            let solution = Mat::from_fn(rows, columns, |i, j| ((3 * i + 7 * j) as f64).sin());
            for shift in [0.0, 0.3] {
                let stacked =
                    Mat::from_fn(rows * columns, 1, |i, _| solution[(i % rows, i / rows)]);
                let image = point.curvature_matrix() * &stacked + faer::Scale(shift) * &stacked;
                let image = Mat::from_fn(rows, columns, |i, j| image[(j * rows + i, 0)]);
                let found = KroneckerSum::new(&point, None)
                    .unwrap()
                    .solve(shift, &image, 1e-13);
                let off = (found - &solution).norm_l2() / solution.norm_l2();
                assert!(off < 1e-9, "{off}");
            }
        }
    }
}
