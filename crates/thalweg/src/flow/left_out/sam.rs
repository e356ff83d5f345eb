//! SAM beyond the first order in its radius.

use faer::Mat;

use super::Reference;
use crate::flow::{
    FlowError,
    exact::through_layers,
    gradient::Force,
    point::{Model, Point},
    products::dot,
};
use crate::recipe::Sam;

/// ρ along the gradient itself with which SAM acts at `point`: normalised, ρ/‖g‖ with ‖g‖² = F/B.
pub(super) fn radius_at(model: &Model, point: &Point, sam: Sam, batch: usize) -> f64 {
    if sam.normalised {
        sam.radius * (batch as f64 / model.fluctuation(point)).sqrt()
    } else {
        sam.radius
    }
}

/// The relative change of T because SAM takes the product of the weights away from V.
///
/// The step's gradient is that of the loss and of (ρ/2) E‖g‖², ‖g‖² = F/B where the weights are at a minimum, if the ascent is by the step's own
/// minibatch. If it is by another, with the gradient g′ at the minimum, it is that of (ρ²/2) E g′ᵀ∇²L g′ at fixed g′, with ∇²L = JᵀJ + Σ r ∂²f: it
/// also takes the mean of f by (ρ²/2) E ∂²f[g′, g′] from the residual r, and the mean gradient's own ascent makes what pulls back 1 + ρK times as strong.
pub(super) fn away_from_teacher(
    reference: &Reference<'_>,
    sam: Sam,
    batch: usize,
) -> Result<f64, FlowError> {
    let model = &reference.model;
    let samples = batch as f64;
    reference.across(|point: &Point, gradient: &mut [Mat<f64>]| {
        let radius = radius_at(model, point, sam, batch);
        let parts = if sam.independent {
            let share = 0.5 * radius * radius / samples;
            let mut parts = curvature_met(model, point, share);
            let bent = faer::Scale(share) * bent(model, point)
                + faer::Scale(radius) * felt(point, &point.residual);
            for (k, part) in parts.iter_mut().enumerate() {
                *part += point.pull(bent.as_ref(), k);
            }
            parts
        } else {
            // (ρ/2B) ∇F, of which the force of plain noise is −¼∇F.
            let share = -2.0 * radius / samples;
            let force = Force::new(model, point.layers.clone());
            force
                .layers
                .iter()
                .map(|part| faer::Scale(share) * part)
                .collect()
        };
        for (gradient, part) in gradient.iter_mut().zip(parts) {
            *gradient += part;
        }
    })
}

/// K U, for U like the product of the weights.
fn felt(point: &Point, u: &Mat<f64>) -> Mat<f64> {
    let mut image = Mat::zeros(u.nrows(), u.ncols());
    for (above, below) in point.above.iter().zip(&point.below) {
        image += above * (above.transpose() * u * below.transpose()) * below;
    }
    image
}

/// The gradient of `share` Σ_kl tr(P_kᵀP_lΣε) tr(Q_lQ_kᵀ) at fixed A⁰ = A and B⁰ = B, P_k = A_kA⁰_kᵀ and Q_k = (B⁰_kX)ᵀB_kX: of the curvature along
/// the gradients of minibatches.
fn curvature_met(model: &Model, point: &Point, share: f64) -> Vec<Mat<f64>> {
    let outputs: Vec<_> = point.above.iter().map(|a| a * a.transpose()).collect();
    let inputs: Vec<_> = point.below.iter().map(|b| b.transpose() * b).collect();
    let noisy: Vec<_> = outputs
        .iter()
        .map(|output| output * model.noise())
        .collect();
    let sums = |k: usize| {
        let mut output = Mat::<f64>::zeros(outputs[k].nrows(), outputs[k].ncols());
        let mut input = Mat::<f64>::zeros(inputs[k].nrows(), inputs[k].ncols());
        for l in 0..point.depth() {
            output += faer::Scale(2.0 * share * dot(&inputs[k], &inputs[l])) * &noisy[l];
            input += faer::Scale(2.0 * share * dot(&outputs[k], &noisy[l])) * &inputs[l];
        }
        (output * &point.above[k], &point.below[k] * input)
    };
    let (on_above, on_below): (Vec<_>, Vec<_>) = (0..point.depth()).map(sums).unzip();
    through_layers(point, &on_above, &on_below)
}

/// B E ∂²f[g′, g′] = 2 Σ_{k<l} A_lA_lᵀ Σε A_k N_lkᵀ (B_lX)(B_kX)ᵀ(B_kX), N_lk = W_{l−1}…W_{k+1}, of gradients g′_k = −A_kᵀ S (B_kX)ᵀ.
fn bent(model: &Model, point: &Point) -> Mat<f64> {
    let mut bent = Mat::zeros(point.residual.nrows(), point.residual.ncols());
    for k in 0..point.depth() {
        let below = &point.below[k];
        let mut from = point.above[k].clone();
        for l in k + 1..point.depth() {
            let output = &point.above[l] * (point.above[l].transpose() * model.noise());
            let input = (&from * &point.below[l]) * (below.transpose() * below);
            bent += faer::Scale(2.0) * (output * input);
            from = from * point.layers[l].transpose();
        }
    }
    bent
}

/// How much more than to first order in ρ the noise pulls along the steepest direction of `point`, c the `excess` of minibatches' scatter there.
pub(in crate::flow) fn stronger_than_first_order(
    model: &Model,
    (point, lambda_max): (&Point, f64),
    sam: Sam,
    (learning_rate, batch): (f64, usize),
    excess: f64,
) -> f64 {
    let radius = radius_at(model, point, sam, batch);
    let steep = (1.0 + excess) * radius * lambda_max;
    strength(sam.independent, learning_rate, radius, steep) - 1.0
}

/// The relative change of T by what is of higher order in SAM's `radius`.
pub(super) fn beyond_first_order(
    reference: &Reference<'_>,
    independent: bool,
    radius: f64,
    learning_rate: f64,
) -> Result<f64, FlowError> {
    let steep = (1.0 + reference.scatter) * radius * reference.lambda_max;
    reference.stronger_where_stiff(strength(independent, learning_rate, radius, steep) - 1.0)
}

/// How much stronger than to first order in ρ the noise pulls where the curvature is h, `steep` = ρh.
fn strength(independent: bool, learning_rate: f64, radius: f64, steep: f64) -> f64 {
    let plain = 0.5 * learning_rate;
    if independent {
        return (1.0 + steep) * (1.0 + steep * steep) + radius * steep / plain;
    }
    (plain * (1.0 + steep).powi(3) + radius + radius * steep) / (plain + radius)
}
