//! The gradients of the forces that act along the minima beside the noise.

use faer::Mat;

use super::point::Point;

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
        let back = Mat::from_fn(below.nrows(), below.ncols(), |j, c| {
            dropout * sensitivity(j) * below[(j, c)]
        });
        let on = Mat::from_fn(above.nrows(), above.ncols(), |i, j| {
            dropout * above[(i, j)] * activity(j)
        });
        add_through_units(point, k, (back, on), gradient);
    }
}

/// Adds what the layers below hidden layer k feel by `back`, of the form of B_kX, and those above it by `on`, of the form of A_k.
pub(super) fn add_through_units(
    point: &Point,
    k: usize,
    (mut back, mut on): (Mat<f64>, Mat<f64>),
    gradient: &mut [Mat<f64>],
) {
    for m in (0..k).rev() {
        gradient[m] += &back * point.below[m].transpose();
        back = point.layers[m].transpose() * back;
    }
    for m in k..point.depth() {
        gradient[m] += point.above[m].transpose() * &on;
        on = on * point.layers[m].transpose();
    }
}
