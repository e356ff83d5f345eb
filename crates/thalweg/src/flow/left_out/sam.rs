//! SAM beyond the first order in its radius.

use faer::Mat;

use super::Reference;
use crate::flow::{
    FlowError,
    point::{Model, Point},
    products::trace,
};
use crate::problem::{Problem, Spectral, Weights};
use crate::recipe::Sam;
use crate::theory::Curvature;

/// ρ along the gradient itself with which SAM acts at `weights`: normalised, ρ/‖g‖ with ‖g‖² = F/B.
pub(super) fn radius_at(problem: &Problem, weights: &Weights, sam: Sam, batch: usize) -> f64 {
    if !sam.normalised {
        return sam.radius;
    }
    let model = Model::new(problem);
    let point = Point::new(&model, weights.layers().to_vec());
    sam.radius * (batch as f64 / model.fluctuation(&point)).sqrt()
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
