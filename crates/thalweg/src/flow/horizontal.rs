//! The exact drift without the part of it that turns the hidden bases.
//!
//! W_k → R_k W_k R_{k−1}ᵀ with orthogonal R_k, R_0 = R_D = 1, changes neither the network nor any number that is read from a minimum: T, F, the
//! spectrum, the layers' singular values. Where noise and signal are turned against each other SGD's own drift ends in a steady
//! rotation of this kind, which an integrator would have to follow for ever. So it follows v − Σ (Ω_k W_k − W_k Ω_{k−1}) in its place,
//! with the antisymmetric Ω_k for which this is least: the same path up to such R_k, which comes to rest. (Hidden dropout sees single
//! units, and with it the turns are a part of the path.)

use faer::{Mat, MatMut, MatRef, Side, prelude::Solve};

use super::{FlowError, exact::ExactFlow, manifold::to_manifold, point::Model, rosenbrock::System};

/// The flow of one problem.
pub(super) struct HorizontalFlow<'a> {
    model: &'a Model,
    exact: ExactFlow<'a>,
}

/// What is added to the Gram matrix's diagonal, relative to its largest entry: unused hidden units have no rotation of their own.
const RIDGE: f64 = 1e-14;

impl<'a> HorizontalFlow<'a> {
    /// That of `model`, under its forces.
    pub(super) fn new(model: &'a Model) -> Self {
        Self {
            model,
            exact: ExactFlow::new(model),
        }
    }

    /// dW/du.
    pub(super) fn velocity(&self, state: &[f64]) -> Result<Vec<f64>, FlowError> {
        self.without_turns(state, self.exact.velocity(state)?)
    }

    /// dW/du of noise alone whose second moment is `noise`, n × n.
    pub(super) fn velocity_by(
        &self,
        state: &[f64],
        noise: &Mat<f64>,
    ) -> Result<Vec<f64>, FlowError> {
        self.without_turns(state, self.exact.velocity_by(state, noise)?)
    }

    fn without_turns(&self, state: &[f64], mut velocity: Vec<f64>) -> Result<Vec<f64>, FlowError> {
        if self.model.forces.see_hidden_units() {
            return Ok(velocity);
        }
        let turns = turns(self.model, &self.model.layers(state));
        if turns.ncols() > 0 {
            let mut gram = turns.transpose() * &turns;
            let largest = (0..gram.nrows()).fold(0.0f64, |most, i| most.max(gram[(i, i)]));
            for i in 0..gram.nrows() {
                gram[(i, i)] += RIDGE * largest;
            }
            let gram = gram
                .llt(Side::Lower)
                .map_err(|_| FlowError::Decomposition {
                    what: "Cholesky factorisation of the hidden bases' rotations",
                })?;
            let n = velocity.len();
            let part = turns.transpose() * MatRef::from_column_major_slice(&velocity, n, 1);
            let turning = &turns * gram.solve(&part);
            let mut velocity = MatMut::from_column_major_slice_mut(&mut velocity, n, 1);
            velocity -= turning;
        }
        Ok(velocity)
    }
}

/// How the weights move where two hidden units of one layer turn into each other, column by column.
pub(super) fn turns(model: &Model, layers: &[Mat<f64>]) -> Mat<f64> {
    let hidden = &model.widths()[1..layers.len()];
    let count = hidden.iter().map(|units| units * (units - 1) / 2).sum();
    let mut turns = Mat::zeros(model.dim(), count);
    let mut column = 0;
    for (k, &units) in hidden.iter().enumerate() {
        let (below, above) = (&layers[k], &layers[k + 1]);
        let (to_below, to_above) = (model.range(k).start, model.range(k + 1).start);
        for i in 0..units {
            for j in 0..i {
                let turn = turns.col_as_slice_mut(column);
                for c in 0..below.ncols() {
                    turn[to_below + c * units + i] = below[(j, c)];
                    turn[to_below + c * units + j] = -below[(i, c)];
                }
                let rows = above.nrows();
                for r in 0..rows {
                    turn[to_above + i * rows + r] = above[(r, j)];
                    turn[to_above + j * rows + r] = -above[(r, i)];
                }
                column += 1;
            }
        }
    }
    turns
}

impl System for HorizontalFlow<'_> {
    type Linear<'a>
        = Mat<f64>
    where
        Self: 'a;

    fn rhs(&self, state: &[f64], out: &mut [f64]) -> Result<(), FlowError> {
        out.copy_from_slice(&self.velocity(state)?);
        Ok(())
    }

    /// By central differences, which cost 2n evaluations a step: the derivative of K's eigenvectors is
    /// longer than the drift's own file, and only small networks are followed this way.
    fn linearise(&self, state: &[f64]) -> Result<Mat<f64>, FlowError> {
        let n = state.len();
        let size = (state.iter().map(|w| w * w).sum::<f64>() / n as f64).sqrt();
        // The cube root of the rounding error balances it against the truncation.
        let step = 6e-6 * size;
        let mut jacobian = Mat::zeros(n, n);
        let mut moved = state.to_vec();
        for j in 0..n {
            let mut differences = vec![0.0; n];
            for sign in [1.0, -1.0] {
                moved[j] = state[j] + sign * step;
                for (difference, v) in differences.iter_mut().zip(self.velocity(&moved)?) {
                    *difference += sign * v;
                }
            }
            moved[j] = state[j];
            let column =
                MatRef::from_column_major_slice(&differences, n, 1) * faer::Scale(0.5 / step);
            jacobian.subcols_mut(j, 1).copy_from(&column);
        }
        Ok(jacobian)
    }

    fn relative_error(&self, error: &[f64], state: &[f64]) -> f64 {
        self.model.relative_size(error, state)
    }

    fn settle(&self, state: &mut [f64]) -> Result<(), FlowError> {
        to_manifold(self.model, state).map(|_| ())
    }
}
