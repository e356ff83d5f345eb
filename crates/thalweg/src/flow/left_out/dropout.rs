//! The noise that dropout adds.

use faer::Mat;

use super::{InTime, Reference};
use crate::flow::{FlowError, point::Point, potential::add_dropout, products::trace};
use crate::problem::Problem;

/// What noise does that is not the prediction's.
pub(super) struct Noisier {
    pub(super) change: InTime,
    /// How much larger its trace is, relative to that of the prediction's.
    pub(super) more: f64,
}

/// What the noise of dropped hidden units does, with `strength` p/(1 − p): unit j of layer k adds −a z h to the residual, a = (A_k)_{·j}, z of variance
/// p/(1 − p) and h = bᵀξ what it sees of the inputs Xξ. That is label noise Σ a aᵀ ‖b‖² p/(1 − p), which is taken as it is where there are several outputs (a unit's own
/// weights do not feel it when it is dropped, so that this is rather too much). A single output has no shape of noise, and how h depends on x is all there is.
pub(super) fn dropped_units(
    reference: &Reference<'_>,
    strength: f64,
) -> Result<Noisier, FlowError> {
    let pull = |point: &Point, gradient: &mut [Mat<f64>]| add_dropout(point, strength, gradient);
    let at_once = reference.across(pull)?;
    let Reference { problem, point, .. } = reference;
    let mut input = problem.input_covariance().to_owned();
    let mut noise = problem.noise_covariance().to_owned();
    let before = trace(noise.as_ref());
    for (above, below) in point.above.iter().zip(point.below.iter().skip(1)) {
        let felt = Mat::from_fn(above.nrows(), above.ncols(), |i, j| {
            above[(i, j)] * below.row(j).squared_norm_l2()
        });
        noise += faer::Scale(strength) * (felt * above.transpose());
    }
    let more = trace(noise.as_ref()) / before - 1.0;
    if problem.output_dim() == 1 {
        (input, noise) = felt_by_the_outer_layers(problem, point, strength);
    }
    Ok(Noisier {
        more,
        change: InTime {
            at_once,
            along: reference.change(input, noise)?,
        },
    })
}

/// E‖r‖²x̃x̃ᵀ and E‖x̃‖²rrᵀ of dropped units, which layers D and 1 feel (but that a unit's own weights do not feel it when it is dropped): in Theorem 1 they stand for
/// Σx and Σε. With two layers nothing else is felt; with more, the layers between are treated as if they felt the same.
fn felt_by_the_outer_layers(
    problem: &Problem,
    point: &Point,
    strength: f64,
) -> (Mat<f64>, Mat<f64>) {
    let (input, noise) = (problem.input_covariance(), problem.noise_covariance());
    let (width, size) = (trace(input), trace(noise));
    let root = problem.input_factor().matrix();
    let mut inputs = faer::Scale(size) * input;
    let mut residuals = faer::Scale(width) * noise;
    for (above, below) in point.above.iter().zip(point.below.iter().skip(1)) {
        for j in 0..below.nrows() {
            let (a, b) = (above.col(j).as_mat(), below.row(j).as_mat());
            let seen = root * b.transpose();
            let activity = b.squared_norm_l2();
            let felt = strength * (activity * width + 2.0 * seen.squared_norm_l2());
            residuals += faer::Scale(felt) * (a * a.transpose());
            let felt = strength * a.squared_norm_l2();
            inputs += faer::Scale(felt * activity) * input;
            inputs += faer::Scale(2.0 * felt) * (&seen * seen.transpose());
        }
    }
    // Both have the trace E‖r‖²‖x̃‖², and one of them is enough.
    let both = trace(residuals.as_ref());
    (inputs, faer::Scale(1.0 / both) * residuals)
}
