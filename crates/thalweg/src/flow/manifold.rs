//! The way back to the manifold of minima, for weights that are already close to it.

use super::{
    FlowError,
    point::{Model, Point},
};

/// Newton's method in the normal directions, W_k ← W_k − A_kᵀ Λ (B_kX)ᵀ with K Λ = (W_D…W_1 − V)X, to
/// rounding; gives back the relative distance that is left. It moves Q_k only at second order in the distance.
pub(super) fn to_manifold(model: &Model, state: &mut [f64]) -> Result<f64, FlowError> {
    let mut distance = f64::INFINITY;
    let widest = model.widths().iter().copied().max().unwrap_or(1);
    let rounding = (f64::EPSILON * widest as f64).max(1e-14);
    for _ in 0..8 {
        let point = Point::new(model, model.layers(state));
        let now = point.residual.norm_l2() / model.scale();
        // Quadratic convergence: once at rounding, or no longer halving, it is done.
        if now < rounding || now > 0.5 * distance || !now.is_finite() {
            return Ok(now);
        }
        distance = now;
        let way = way_along(model, &point)?;
        for (w, way) in state.iter_mut().zip(way) {
            *w -= way;
        }
    }
    Ok(distance)
}

/// The first step of that method, to be taken off the weights.
pub(super) fn straight(model: &Model, state: &[f64]) -> Result<Vec<f64>, FlowError> {
    way_along(model, &Point::new(model, model.layers(state)))
}

/// A_kᵀ K⁻¹ρ (B_kX)ᵀ for the residual ρ of `point`.
pub(super) fn way_along(model: &Model, point: &Point) -> Result<Vec<f64>, FlowError> {
    let multiplier = point.unbending()?.solve(&point.residual);
    let each = (0..point.depth()).map(|k| point.pull(multiplier.as_ref(), k));
    Ok(model.flatten(&each.collect::<Vec<_>>()))
}
