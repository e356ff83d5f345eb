//! SAM beyond the first order in its radius.

use faer::Mat;

use super::{Reference, across::across};
use crate::flow::{
    FlowError,
    exact::through_layers,
    point::{Model, Point},
    products::{dot, trace},
};
use crate::problem::{Problem, Spectral, Weights};
use crate::recipe::Sam;
use crate::theory::Curvature;

/// ρ along the gradient itself with which SAM acts at `weights`: normalised, ρ/‖g‖ with ‖g‖² = F/B.
pub(super) fn radius_at(problem: &Problem, weights: &Weights, sam: Sam, batch: usize) -> f64 {
    let model = Model::new(problem);
    let point = Point::new(&model, weights.layers().to_vec());
    radius_of(&model, &point, sam, batch)
}

/// The same at `point`.
fn radius_of(model: &Model, point: &Point, sam: Sam, batch: usize) -> f64 {
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
    problem: &Problem,
    weights: &Weights,
    sam: Sam,
    batch: usize,
) -> Result<f64, FlowError> {
    let model = Model::new(problem);
    let samples = batch as f64;
    let pull = |point: &Point, gradient: &mut [Mat<f64>]| {
        let radius = radius_of(&model, point, sam, batch);
        let parts = if sam.independent {
            let share = 0.5 * radius * radius / samples;
            let mut parts = curvature_met(&model, point, share);
            let bent = faer::Scale(share) * bent(&model, point)
                + faer::Scale(radius) * felt(point, &point.residual);
            for (k, part) in parts.iter_mut().enumerate() {
                *part += point.pull(bent.as_ref(), k);
            }
            parts
        } else {
            fluctuation_met(&model, point, radius / samples)
        };
        for (gradient, part) in gradient.iter_mut().zip(parts) {
            *gradient += part;
        }
    };
    Ok(across(&model, weights, pull)?.unwrap_or(f64::INFINITY))
}

/// Σ_k A_kA_kᵀ U (B_kX)ᵀ(B_kX), for U like the product of the weights.
fn felt(point: &Point, u: &Mat<f64>) -> Mat<f64> {
    let mut image = Mat::zeros(u.nrows(), u.ncols());
    for (above, below) in point.above.iter().zip(&point.below) {
        image += above * (above.transpose() * u * below.transpose()) * below;
    }
    image
}

/// The gradient of (`share`/2) F = (`share`/2) Σ_k tr(A_kᵀΣεA_k) ‖B_kX‖².
fn fluctuation_met(model: &Model, point: &Point, share: f64) -> Vec<Mat<f64>> {
    let pairs = || point.above.iter().zip(&point.below);
    let on_above = pairs().map(|(above, below)| {
        faer::Scale(share * below.squared_norm_l2()) * (model.noise() * above)
    });
    let on_below = pairs().map(|(above, below)| {
        faer::Scale(share * trace(model.noise_within(above).as_ref())) * below
    });
    through_layers(
        point,
        &on_above.collect::<Vec<_>>(),
        &on_below.collect::<Vec<_>>(),
    )
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

/// The relative change of T by what is of higher order in SAM's `radius`. Beyond the edge of stability there is nothing to linearise about, and the
/// change is infinite: not known.
pub(super) fn beyond_first_order(
    reference: &Reference<'_>,
    weights: &Weights,
    (radius, independent): (f64, bool),
    (learning_rate, batch): (f64, usize),
) -> Result<f64, FlowError> {
    let problem = reference.problem;
    let model = Model::new(problem);
    let point = Point::new(&model, weights.layers().to_vec());
    let lambda_max = Curvature::new(problem, weights)?.lambda_max()?;
    if learning_rate * lambda_max * (1.0 + radius * lambda_max) >= 2.0 {
        return Ok(f64::INFINITY);
    }
    // E S_xx² = (1 + (r + 1)/B) Σx² of B Gaussian samples.
    let scattered = 1.0 + (model.rank() as f64 + 1.0) / batch as f64;
    let more = strength(
        independent,
        learning_rate,
        radius,
        scattered * radius * lambda_max,
    ) - 1.0;
    let slope = more.min(MOST_MORE) / lambda_max;
    let noise_trace = trace(problem.noise_covariance());
    let mut outputs = Mat::<f64>::identity(model.outputs(), model.outputs());
    let mut inputs = Mat::<f64>::identity(model.rank(), model.rank());
    for (above, below) in point.above.iter().zip(&point.below) {
        let share = slope * below.squared_norm_l2() / model.rank() as f64;
        outputs += faer::Scale(share) * (above * above.transpose());
        let felt = trace(model.noise_within(above).as_ref()) / noise_trace;
        inputs += faer::Scale(slope * felt) * (below.transpose() * below);
    }
    let root = Spectral::of(outputs.as_ref())
        .ok_or(FlowError::Decomposition {
            what: "eigenvalue iteration of the curvature's share of outputs",
        })?
        .map(f64::sqrt);
    // Only its shape counts.
    let scale = faer::Scale(1.0 / (1.0 + more.min(MOST_MORE)));
    let noise = scale * (&root * problem.noise_covariance() * &root);
    let input = scale * (model.root() * inputs * model.root().transpose());
    reference.change(input, noise)
}

/// More than so many times the noise is as good as infinitely many: its shape no longer changes.
const MOST_MORE: f64 = 1e6;

/// How much stronger than to first order in ρ the noise pulls where the curvature is h, `steep` = ρh.
fn strength(independent: bool, learning_rate: f64, radius: f64, steep: f64) -> f64 {
    let plain = 0.5 * learning_rate;
    if independent {
        return (1.0 + steep) * (1.0 + steep * steep) + radius * steep / plain;
    }
    (plain * (1.0 + steep).powi(3) + radius + radius * steep) / (plain + radius)
}
