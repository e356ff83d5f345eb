//! The noise that dropout adds.

use faer::Mat;

use super::{InTime, Reference, with_noise};
use crate::flow::{FlowError, point::Point, potential::add_dropout, products::trace};
use crate::problem::{Problem, Spectral};

/// What noise does that is not the prediction's.
pub(super) struct Noisier {
    pub(super) change: InTime,
    /// How much larger its trace is, relative to that of the prediction's.
    pub(super) more: f64,
}

impl Noisier {
    /// That of `noise` with the inputs of the prediction.
    fn of(reference: &Reference<'_>, noise: Mat<f64>) -> Result<Self, FlowError> {
        let problem = reference.problem;
        Ok(Self {
            more: trace(noise.as_ref()) / trace(problem.noise_covariance()) - 1.0,
            change: InTime {
                at_once: 0.0,
                along: reference.change(problem.input_covariance().to_owned(), noise)?,
            },
        })
    }
}

/// What the noise of dropped hidden units does, with `strength` p/(1 − p).
pub(super) fn dropped_units(
    reference: &Reference<'_>,
    strength: f64,
) -> Result<Noisier, FlowError> {
    let pull = |point: &Point, gradient: &mut [Mat<f64>]| add_dropout(point, strength, gradient);
    let lower = reference.across(pull)?;
    let Reference { problem, point, .. } = reference;
    let mut noise = problem.noise_covariance().to_owned();
    for (above, below) in point.above.iter().zip(point.below.iter().skip(1)) {
        let felt = Mat::from_fn(above.nrows(), above.ncols(), |i, j| {
            above[(i, j)] * below.row(j).squared_norm_l2()
        });
        noise += faer::Scale(strength) * (felt * above.transpose());
    }
    let mut noisier = Noisier::of(reference, noise)?;
    noisier.change.at_once = lower;
    Ok(noisier)
}

/// `problem`, which is what is in effect learnt under dropout of inputs with probability p = `dropped`, with the noise that an input's own weights feel: an input
/// is dropped, and part of the noise, or seen, so that of the noise that dropout adds its own part is missing. The mean part of one input is taken off.
///
/// Its rates are about those of the exact drift, which is not made of generators.
///
/// `problem` has the Σx′ = Σ + p diag Σx′ of inputs after dropout, Σ before. The best linear prediction of what is lost leaves V′(Σx′Σ⁻¹Σx′ − Σx′)V′ᵀ of noise.
///
/// # Errors
/// When a decomposition fails, or the noise that is left is no covariance.
pub fn with_inputs_seen(problem: &Problem, dropped: f64) -> Result<Problem, FlowError> {
    let after = problem.input_covariance();
    let before = Mat::from_fn(after.nrows(), after.ncols(), |i, j| {
        let kept = if i == j { 1.0 - dropped } else { 1.0 };
        kept * after[(i, j)]
    });
    let inverse = Spectral::of(before.as_ref())
        .ok_or(FlowError::Decomposition {
            what: "eigenvalue iteration of the inputs' covariance",
        })?
        .map(|value| if value > 0.0 { 1.0 / value } else { 0.0 });
    let lost = after * inverse * after - after;
    let part = faer::Scale(1.0 / problem.input_factor().rank() as f64);
    let lost = part * (problem.teacher() * lost * problem.teacher().transpose());
    with_noise(problem, after.to_owned(), problem.noise_covariance() - lost)
}
