//! How much the gradients of single samples fluctuate, which is what SGD minimises, beside how sharp the loss is.
//!
//! F = E‖∇ℓ‖² and T = tr ∇²L weigh the same directions: F = E[rᵀ J Jᵀ r] with the residuals r = ∂ℓ/∂f, and
//! tr G = E tr(Jᵀ Λ J) with the output curvature Λ = ∂²ℓ/∂f². All that can set them apart is how the
//! residuals' second moment C differs from Λ ([`Residuals::mismatch`]), and how residuals depend on inputs.
//!
//! All is exact for the set of samples at hand, with confidence intervals for the law they were drawn
//! from.

mod alignment;
mod bounds;
mod conditional;
mod moments;
mod quantile;
mod residual;
mod statistics;

pub use alignment::{Alignment, align};
pub use bounds::Bounds;
pub use conditional::{Conditional, ConditionalBounds, Quantiles, conditional, conditional_draws};
pub use moments::{LayerMoments, Moments};
pub use quantile::Quantile;
pub use residual::Residuals;
pub use statistics::SampleMean;

use crate::evaluation::{Evaluation, EvaluationError, layers};
use crate::loss::Loss;

/// The fluctuation of a network at one point, and what it is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Fluctuation {
    /// L.
    pub loss: SampleMean,
    /// In all parameters.
    pub total: Moments,
    /// Layer by layer, in the tape's order.
    pub layers: Vec<LayerMoments>,
    /// For each output line (row · positions + position) its part in tr G: for squared error the sharpness of that
    /// output alone, T = Σ_c T_c; for cross-entropy E p_c ‖Jᵀ(e_c − p)‖².
    pub outputs: Vec<SampleMean>,
    /// The residuals' covariance and its mismatch with the output curvature.
    pub residuals: Residuals,
    /// Theorem 2.
    pub bounds: Bounds,
}

/// Measures it: exactly, with no random probe, by two backward passes over the samples for each
/// output line and a few more.
///
/// # Errors
/// As [`Evaluation::loss`]; or when the residuals are not finite.
pub fn measure(
    evaluation: &mut Evaluation,
    parameters: &[f64],
) -> Result<Fluctuation, EvaluationError> {
    let loss = SampleMean::of(evaluation.sample_losses(parameters)?);
    let residuals = Residuals::new(
        evaluation.residuals(parameters)?.as_ref(),
        evaluation.output_curvature(parameters)?.as_ref(),
        classes(evaluation),
    )?;
    let curvature = evaluation.sample_curvature(parameters)?;
    let layers = layers(evaluation.tape());
    let (total, layers) = moments::moments(evaluation, parameters, layers, &curvature)?;
    let bounds = Bounds::measure(evaluation, parameters, &residuals, &total)?;
    let outputs = curvature.outputs.row_iter();
    Ok(Fluctuation {
        loss,
        total,
        layers,
        outputs: outputs
            .map(|row| SampleMean::of(row.iter().copied()))
            .collect(),
        residuals,
        bounds,
    })
}

/// (classes, positions) where the residuals of a position sum to 0.
fn classes(evaluation: &Evaluation) -> Option<(usize, usize)> {
    let output = evaluation.tape().output();
    match evaluation.loss_function() {
        Loss::CrossEntropy => Some((output.rows(), output.positions())),
        Loss::SquaredError(_) => None,
    }
}
