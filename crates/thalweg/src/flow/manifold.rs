//! The way back to the manifold of minima, for weights that are already close to it.

use super::{
    FlowError,
    point::{Model, Point},
};

/// Newton's method in the normal directions, W_k ← W_k − A_kᵀ Λ (B_kX)ᵀ with K Λ = (W_D…W_1 − V)X, to
/// rounding; gives back the relative distance that is left. It moves Q_k only at second order in the distance.
pub(super) fn to_manifold(model: &Model, state: &mut [f64]) -> Result<f64, FlowError> {
    let mut distance = f64::INFINITY;
    for _ in 0..8 {
        let point = Point::new(model, model.layers(state));
        let now = point.residual.norm_l2() / model.scale();
        // Quadratic convergence: once below 1e-14, or no longer halving, it is at rounding.
        if now < 1e-14 || now > 0.5 * distance || !now.is_finite() {
            return Ok(now);
        }
        distance = now;
        let multiplier = point.curvature()?.solve_matrix(&point.residual);
        for k in 0..point.depth() {
            let correction = point.pull(multiplier.as_ref(), k);
            let into = &mut state[model.range(k)];
            let rows = correction.nrows();
            for (i, w) in into.iter_mut().enumerate() {
                *w -= correction[(i % rows, i / rows)];
            }
        }
    }
    Ok(distance)
}
