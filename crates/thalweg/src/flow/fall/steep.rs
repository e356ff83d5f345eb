//! What is stiff in gradient flow, solved for: σ + K.

use faer::{
    Mat, MatMut, Side,
    linalg::solvers::{Llt, Solve},
};

use super::{
    columns, flat,
    here::{Here, pulled},
};
use crate::flow::{
    FlowError,
    kronecker_sum::KroneckerSum,
    point::{MOST_DENSE, Model, Point},
    products::times,
};

/// σ + K, ready to be solved with: for the σ of a dense factor, or for any.
pub(super) struct Steep {
    pub(super) shift: Option<f64>,
    solver: Solver,
}

impl Steep {
    pub(super) fn new(point: &Point, shift: f64) -> Result<Self, FlowError> {
        let size = point.residual.nrows() * point.residual.ncols();
        if size > MOST_DENSE {
            return Ok(Self {
                shift: None,
                solver: Solver::Sum(KroneckerSum::new(point, None)?),
            });
        }
        let mut matrix = point.curvature_matrix();
        for i in 0..size {
            matrix[(i, i)] += shift;
        }
        let cholesky = matrix
            .llt(Side::Lower)
            .map_err(|_| FlowError::Decomposition {
                what: "Cholesky factorisation of σ + K",
            })?;
        Ok(Self {
            shift: Some(shift),
            solver: Solver::Dense(cholesky),
        })
    }

    pub(super) fn fits(&self, shift: f64) -> bool {
        self.shift.is_none_or(|own| own == shift)
    }

    /// (σ + K)⁻¹ ρ of so many rows.
    pub(super) fn solve(&self, shift: f64, rho: &[f64], rows: usize) -> Mat<f64> {
        match &self.solver {
            Solver::Dense(cholesky) => {
                let mut rho = rho.to_vec();
                let size = rho.len();
                cholesky.solve_in_place(MatMut::from_column_major_slice_mut(&mut rho, size, 1));
                columns(&rho, rows)
            }
            Solver::Sum(sum) => sum.solve(shift, &columns(rho, rows), 1e-2),
        }
    }

    /// (σ − J)⁻¹ b with all of J left out that is not stiff.
    pub(super) fn nearly(&self, model: &Model, here: &Here, shift: f64, b: &[f64]) -> Vec<f64> {
        let rho = self.solve(shift, &b[model.dim()..], model.outputs());
        let pulled = pulled(model, &here.layers, &rho);
        let pulls = here.above.iter().zip(&pulled);
        let pulls: Vec<Mat<f64>> = pulls
            .map(|(above, pulled)| times(above.transpose(), pulled.as_ref()))
            .collect();
        let mut z = model.flatten(&pulls);
        for (z, b) in z.iter_mut().zip(b) {
            *z = (b - *z) / shift;
        }
        z.extend(flat(&rho));
        z
    }
}

enum Solver {
    Dense(Llt<f64>),
    Sum(KroneckerSum),
}
