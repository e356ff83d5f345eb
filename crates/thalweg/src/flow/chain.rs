//! The Hessian of the loss, solved with by passing along the chain of layers.
//!
//! With β_k the change of B_kX that the motions w_1 … w_{k−1} make, and Δ_k = A_kᵀ (W_D…W_1 − V)X,
//!
//! β_1 = 0,  β_{k+1} = W_k β_k + w_k B_kX,  ½ ⟨w, H w⟩ = ½ ‖β_{D+1}‖² + Σ_k ⟨Δ_k, w_k β_k⟩.
//!
//! (σ + H) w = b is therefore the stationarity of a linear-quadratic control problem: the layers are
//! its stages, β its state, w its control (J. Pantoja, *Differential dynamic programming and Newton's
//! method*, Int. J. Control 47, 1988). Riccati's recursion solves it. The least cost from stage k on is
//! ½ ⟨β, P_k β⟩ plus a linear term, P_{D+1} = I, and with the maps
//!
//! M_k w = σ w + P_{k+1}(w B_kX)(B_kX)ᵀ,  N_k β = Δ_k βᵀ + P_{k+1}(W_k β)(B_kX)ᵀ,
//!
//! P_k β = W_kᵀ P_{k+1}(W_k β) − N_kᵀ M_k⁻¹ N_k β.
//!
//! That takes Σ_k (h_k h_{k−1})³ operations, where a dense factorisation takes (Σ_k h_k h_{k−1})³: D²
//! times fewer, and no n × n matrix. The M_k are positive definite exactly where σ + H is.

use faer::{Accum, Mat, MatMut, MatRef, Par, Side, linalg::matmul::matmul};

use super::{
    FlowError,
    point::{Model, Point},
    rosenbrock::{Linear, Shifted},
};

/// −H at one point, the Jacobian of gradient flow.
pub(super) struct Chain<'a> {
    model: &'a Model,
    point: Point,
    /// Δ_{k+1}, h_{k+1} × rank Σx.
    forces: Vec<Mat<f64>>,
}

impl<'a> Chain<'a> {
    /// −H at `point`.
    pub(super) fn new(model: &'a Model, point: Point) -> Self {
        let above = point.above.iter();
        let forces = above.map(|a| a.transpose() * &point.residual).collect();
        Self {
            model,
            point,
            forces,
        }
    }

    /// L⁻¹ and L⁻¹N_k for one layer, where M_k = L Lᵀ, and P_k in the place of P_{k+1}.
    fn stage(&self, k: usize, shift: f64, value: &mut Vec<f64>) -> Result<Stage, FlowError> {
        let (layer, input) = (&self.point.layers[k], &self.point.below[k]);
        let (high, low, rank) = (layer.nrows(), layer.ncols(), input.ncols());
        let (states, controls, earlier) = (high * rank, high * low, low * rank);
        // P (B ⊗ I), B standing for (B_kX)ᵀ: one product for all of P's rows, since its columns
        // (a, c) are numbered with c slowest.
        let mut reach = vec![0.0; states * controls];
        let tall = MatRef::from_column_major_slice(value, states * high, rank);
        let into = MatMut::from_column_major_slice_mut(&mut reach, states * high, low);
        multiply(into, Accum::Replace, tall, input.transpose(), 1.0);
        let reach = transposed(&reach, states, controls);
        let mut control = vec![0.0; controls * controls];
        let tall = MatRef::from_column_major_slice(&reach, controls * high, rank);
        let into = MatMut::from_column_major_slice_mut(&mut control, controls * high, low);
        multiply(into, Accum::Replace, tall, input.transpose(), 1.0);
        for i in 0..controls {
            control[i * (controls + 1)] += shift;
        }
        let cholesky = MatRef::from_column_major_slice(&control, controls, controls)
            .llt(Side::Lower)
            .map_err(|_| FlowError::Decomposition {
                what: "Cholesky factorisation of gradient flow's linear system",
            })?;

        // Eight solves follow, for which the inverse is quicker than substitution.
        let mut inverse = Mat::<f64>::identity(controls, controls);
        cholesky
            .L()
            .solve_lower_triangular_in_place(inverse.as_mut());

        let mut coupling = Mat::zeros(controls, earlier);
        let reach = MatRef::from_column_major_slice(&reach, controls, states);
        times_layer(coupling.as_mut(), reach, layer);
        let force = &self.forces[k];
        for c in 0..rank {
            for j in 0..low {
                for a in 0..high {
                    coupling[(j * high + a, c * low + j)] += force[(a, c)];
                }
            }
        }
        let mut response = Mat::zeros(controls, earlier);
        let (left, right) = (inverse.as_ref(), coupling.as_ref());
        multiply(response.as_mut(), Accum::Replace, left, right, 1.0);

        let mut moved = vec![0.0; earlier * states];
        let wide = MatRef::from_column_major_slice(value, high, rank * states);
        let into = MatMut::from_column_major_slice_mut(&mut moved, low, rank * states);
        multiply(into, Accum::Replace, layer.transpose(), wide, 1.0);
        let moved = MatRef::from_column_major_slice(&moved, earlier, states);
        let mut next = vec![0.0; earlier * earlier];
        let mut into = MatMut::from_column_major_slice_mut(&mut next, earlier, earlier);
        times_layer(into.as_mut(), moved, layer);
        let (left, right) = (response.transpose(), response.as_ref());
        multiply(into, Accum::Add, left, right, -1.0);
        *value = next;
        Ok(Stage { inverse, response })
    }
}

/// into ← into + scale · left · right, or without the first term. On this thread: the matrices are small.
fn multiply(
    into: MatMut<'_, f64>,
    accumulate: Accum,
    left: MatRef<'_, f64>,
    right: MatRef<'_, f64>,
    scale: f64,
) {
    matmul(into, accumulate, left, right, scale, Par::Seq);
}

/// into ← left (I ⊗ W).
fn times_layer(mut into: MatMut<'_, f64>, left: MatRef<'_, f64>, layer: &Mat<f64>) {
    let (high, low) = (layer.nrows(), layer.ncols());
    for c in 0..left.ncols() / high {
        let into = into.as_mut().subcols_mut(c * low, low);
        let left = left.subcols(c * high, high);
        multiply(into, Accum::Replace, left, layer.as_ref(), 1.0);
    }
}

/// The transpose of a matrix stored column by column without gaps, in the same form.
fn transposed(matrix: &[f64], rows: usize, columns: usize) -> Vec<f64> {
    let mut transposed = vec![0.0; matrix.len()];
    MatMut::from_column_major_slice_mut(&mut transposed, columns, rows)
        .copy_from(MatRef::from_column_major_slice(matrix, rows, columns).transpose());
    transposed
}

/// σ + H, factored.
pub(super) struct ShiftedChain<'a> {
    chain: &'a Chain<'a>,
    stages: Vec<Stage>,
}

struct Stage {
    /// L⁻¹, with M_k = L Lᵀ.
    inverse: Mat<f64>,
    /// L⁻¹ N_k.
    response: Mat<f64>,
}

impl Linear for Chain<'_> {
    type Shifted<'a>
        = ShiftedChain<'a>
    where
        Self: 'a;

    fn shifted(&self, shift: f64) -> Result<ShiftedChain<'_>, FlowError> {
        let states = self.point.residual.nrows() * self.point.residual.ncols();
        let mut value = vec![0.0; states * states];
        for i in 0..states {
            value[i * (states + 1)] = 1.0;
        }
        let mut stages = Vec::with_capacity(self.point.depth());
        for k in (0..self.point.depth()).rev() {
            stages.push(self.stage(k, shift, &mut value)?);
        }
        stages.reverse();
        Ok(ShiftedChain {
            chain: self,
            stages,
        })
    }
}

impl Shifted for ShiftedChain<'_> {
    fn solve_in_place(&self, b: &mut [f64]) {
        let Chain { model, point, .. } = self.chain;
        // The linear term of the least cost, from the last layer down.
        let mut slope = Mat::zeros(point.residual.nrows(), point.residual.ncols());
        for (k, stage) in self.stages.iter().enumerate().rev() {
            let (layer, input) = (&point.layers[k], &point.below[k]);
            let control = &mut b[model.range(k)];
            let into = MatMut::from_column_major_slice_mut(control, layer.nrows(), layer.ncols());
            multiply(into, Accum::Add, slope.as_ref(), input.transpose(), -1.0);
            let size = control.len();
            let before = control.to_vec();
            let before = MatRef::from_column_major_slice(&before, size, 1);
            let mut control = MatMut::from_column_major_slice_mut(control, size, 1);
            let left = stage.inverse.as_ref();
            multiply(control.as_mut(), Accum::Replace, left, before, 1.0);
            let mut next = vec![0.0; stage.response.ncols()];
            let into = MatMut::from_column_major_slice_mut(&mut next, stage.response.ncols(), 1);
            let (left, right) = (stage.response.transpose(), control.as_ref());
            multiply(into, Accum::Replace, left, right, 1.0);
            let next =
                MatRef::from_column_major_slice(&next, layer.ncols(), input.ncols()).to_owned();
            slope = layer.transpose() * &slope + next;
        }
        // β, from the first layer up.
        let mut change = vec![0.0; self.stages[0].response.ncols()];
        for (k, stage) in self.stages.iter().enumerate() {
            let (layer, input) = (&point.layers[k], &point.below[k]);
            let control = &mut b[model.range(k)];
            let size = control.len();
            let mut before = control.to_vec();
            let mut before = MatMut::from_column_major_slice_mut(&mut before, size, 1);
            let state = MatRef::from_column_major_slice(&change, change.len(), 1);
            let left = stage.response.as_ref();
            multiply(before.as_mut(), Accum::Add, left, state, -1.0);
            let column = MatMut::from_column_major_slice_mut(control, size, 1);
            let left = stage.inverse.transpose();
            multiply(column, Accum::Replace, left, before.as_ref(), 1.0);
            let motion = MatRef::from_column_major_slice(control, layer.nrows(), layer.ncols());
            let state = MatRef::from_column_major_slice(&change, layer.ncols(), input.ncols());
            change = flat(&(layer * state + motion * input));
        }
    }
}

/// A matrix column by column.
fn flat(matrix: &Mat<f64>) -> Vec<f64> {
    (0..matrix.ncols())
        .flat_map(|j| matrix.col_as_slice(j))
        .copied()
        .collect()
}
