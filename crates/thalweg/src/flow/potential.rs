//! The gradients of the forces that act along the minima beside the noise.

use faer::{Mat, Side};

use super::point::{Model, Point};
use crate::random::{Purpose, Stream};

/// Adds the gradient of `decay` ½ Σ‖W_k‖².
pub(super) fn add_decay(point: &Point, decay: f64, gradient: &mut [Mat<f64>]) {
    if decay == 0.0 {
        return;
    }
    for (gradient, layer) in gradient.iter_mut().zip(&point.layers) {
        *gradient += faer::Scale(decay) * layer;
    }
}

/// Adds the gradient of `dropout` ½ Σ_k Σ_j α_{kj} β_{kj} over hidden layers k, α_{kj} = ‖(A_k)_{·j}‖² and β_{kj} = E h²_{kj},
/// h_k = W_k…W_1x: what the loss gains, in the mean, if unit j is sometimes missing.
pub(super) fn add_dropout(point: &Point, dropout: f64, gradient: &mut [Mat<f64>]) {
    if dropout == 0.0 {
        return;
    }
    for k in 1..point.depth() {
        let (above, below) = (&point.above[k - 1], &point.below[k]);
        let sensitivity = |j: usize| above.col(j).squared_norm_l2();
        let activity = |j: usize| below.row(j).squared_norm_l2();
        let mut back = Mat::from_fn(below.nrows(), below.ncols(), |j, c| {
            dropout * sensitivity(j) * below[(j, c)]
        });
        for m in (0..k).rev() {
            gradient[m] += &back * point.below[m].transpose();
            back = point.layers[m].transpose() * back;
        }
        let mut on = Mat::from_fn(above.nrows(), above.ncols(), |i, j| {
            dropout * above[(i, j)] * activity(j)
        });
        for m in k..point.depth() {
            gradient[m] += point.above[m].transpose() * &on;
            on = on * point.layers[m].transpose();
        }
    }
}

/// So many minibatches stand for the law of their gradient. Their second moment is made exact, and with it E‖g‖²: what is left of the
/// error of E‖g‖ takes T of the end 0.2 % up or down (D = d = 2, B = 10), as that of sixteen times as many would without.
const MINIBATCHES: usize = 1 << 12;

/// From so many samples on the inputs' own second moment is taken for that of the minibatch.
const MANY: usize = 128;

/// The law of a minibatch's S = (1/B) Σ ε_i z_iᵀ, x = X z, of which its gradient at a minimum is made: g_k = −A_kᵀ S (B_kX)ᵀ.
pub(super) struct Ascent {
    /// vec S of each minibatch, stacked column by column, as a column; none where nothing ascends.
    minibatches: Mat<f64>,
}

impl Ascent {
    /// Draws the minibatches, which are the same at every point, so that E‖g‖ is a smooth function of the weights.
    pub(super) fn new(model: &Model) -> Self {
        let forces = &model.forces;
        if forces.ascent == 0.0 {
            return Self {
                minibatches: Mat::new(),
            };
        }
        let (root, inputs) = (model.noise_root(), model.rank());
        let sources = root.ncols();
        let draw = |index: usize| {
            let mut stream = Stream::new(index as u64, Purpose::Ascent);
            let mut normal =
                |rows: usize, columns: usize| Mat::from_fn(rows, columns, |_, _| stream.normal());
            if forces.batch < MANY {
                let (noise, input) = (normal(sources, forces.batch), normal(inputs, forces.batch));
                noise * input.transpose()
            } else {
                normal(sources, inputs)
            }
        };
        let drawn: Vec<Mat<f64>> = (0..MINIBATCHES).map(draw).collect();
        let whitened = with_identity_moment(Mat::from_fn(sources * inputs, MINIBATCHES, |i, m| {
            drawn[m][(i % sources, i / sources)]
        }));
        let scale = 1.0 / (forces.batch as f64).sqrt();
        let of_source = |r: usize, column: &[f64]| -> f64 {
            (0..sources).map(|s| root[(r, s)] * column[s]).sum()
        };
        let outputs = root.nrows();
        Self {
            minibatches: Mat::from_fn(outputs * inputs, MINIBATCHES, |i, m| {
                let column = &whitened.col_as_slice(m)[(i / outputs) * sources..];
                scale * of_source(i % outputs, column)
            }),
        }
    }

    /// Z with grad E‖g‖ = the gradient of tr(Mᵀ J_p) at fixed M = Z J_p: E (vec S)(vec S)ᵀ/‖g‖, ‖g‖² = (vec S)ᵀ K vec S.
    pub(super) fn pull(&self, curvature: &Mat<f64>) -> Mat<f64> {
        let all = &self.minibatches;
        let turned = curvature * all;
        let mut scaled = all.clone();
        for m in 0..all.ncols() {
            let pairs = all.col_as_slice(m).iter().zip(turned.col_as_slice(m));
            let square: f64 = pairs.map(|(a, b)| a * b).sum();
            let share = 1.0 / (all.ncols() as f64 * square.sqrt());
            scaled
                .col_as_slice_mut(m)
                .iter_mut()
                .for_each(|x| *x *= share);
        }
        scaled * all.transpose()
    }
}

/// L⁻¹ times the columns, L Lᵀ their second moment, so that it becomes I; the columns as they are where it is singular.
fn with_identity_moment(mut columns: Mat<f64>) -> Mat<f64> {
    let share = faer::Scale(1.0 / columns.ncols() as f64);
    let moment = share * (&columns * columns.transpose());
    if let Ok(cholesky) = moment.llt(Side::Lower) {
        cholesky
            .L()
            .solve_lower_triangular_in_place(columns.as_mut());
    }
    columns
}
