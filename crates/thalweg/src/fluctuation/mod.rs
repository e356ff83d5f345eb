//! How much the gradients of single samples fluctuate, which is what SGD minimises, beside how sharp the loss is.
//!
//! F = E‖∇ℓ‖² and T = tr ∇²L weigh the same directions: F = E[rᵀ J Jᵀ r] with the residuals r = ∂ℓ/∂f, and
//! tr G = E tr(Jᵀ Λ J) with the output curvature Λ = ∂²ℓ/∂f². All that can set them apart is how the
//! residuals' second moment C differs from Λ ([`Residuals::mismatch`]), and how residuals depend on inputs.
//!
//! All is exact for the set of samples at hand, with confidence intervals for the law they were drawn
//! from.
//!
//! ```
//! use std::sync::Arc;
//! use thalweg::data::Samples;
//! use thalweg::evaluation::Evaluation;
//! use thalweg::faer::mat;
//! use thalweg::fluctuation;
//! use thalweg::loss::{Convention, Loss};
//! use thalweg::model::Mlp;
//! use thalweg::tensor::Activation;
//!
//! // f(x) = w x at x = 1 and 2, where y = 0: the gradients at w = 2 are w x² = 2 and 8.
//! let line = Mlp { widths: vec![1, 1], activation: Activation::Identity, biases: false };
//! let samples = Samples { inputs: mat![[1.0, 2.0]], targets: mat![[0.0, 0.0]] };
//! let loss = Loss::SquaredError(Convention::Half);
//! let mut loss = Evaluation::new(Arc::new(line.tape()?), loss, samples, Evaluation::BATCH)?;
//! let found = fluctuation::measure(&mut loss, &[2.0])?;
//! assert_eq!(found.total.fluctuation.value, (4.0 + 64.0) / 2.0);
//! assert_eq!(found.total.covariance_trace.value, 9.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod alignment;
mod bounds;
mod conditional;
mod moments;
mod quantile;
mod residual;
mod statistics;
pub mod student;
mod token_sums;
mod tokens;

pub use alignment::Alignment;
pub use bounds::Bounds;
pub use conditional::{
    Conditional, ConditionalBounds, Quantiles, conditional, conditional_draws, conditional_inputs,
};
pub use moments::{LayerMoments, Moments, covariance_trace};
pub use quantile::Quantile;
pub use residual::Residuals;
pub use statistics::SampleMean;
pub use tokens::{TokenFluctuation, TokenGroup, Tokens, measure_tokens};

use crate::evaluation::SampledLoss;

/// The fluctuation of a network at one point, and what it is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct Fluctuation {
    /// L = E ℓ, the mean loss of a sample.
    pub loss: SampleMean,
    /// In all parameters.
    pub total: Moments,
    /// Layer by layer, in the tape's order.
    pub layers: Vec<LayerMoments>,
    /// For each output line (row · positions + position) its part in tr G: for squared error the sharpness of that
    /// output alone, T = Σ_c T_c; for cross-entropy E p_c ‖Jᵀ(e_c − p)‖².
    pub outputs: Vec<SampleMean>,
    /// The residuals' second moment and its mismatch with the output curvature.
    pub residuals: Residuals,
    /// F between bounds that the sharpness and the residuals' mismatch set (Theorem 2).
    pub bounds: Bounds,
}

/// Measures it: exactly, with no random probe; an [`Evaluation`](crate::evaluation::Evaluation) takes two backward passes
/// over the samples for each output line and a few more.
///
/// # Errors
/// Those of `loss`; or when the residuals are not finite.
pub fn measure<L: SampledLoss>(loss: &mut L, parameters: &[f64]) -> Result<Fluctuation, L::Error> {
    let mean = SampleMean::of(loss.sample_losses(parameters)?);
    let residuals = Residuals::new(
        loss.residuals(parameters)?.as_ref(),
        loss.output_curvature(parameters)?.as_ref(),
        loss.classes(),
    )?;
    let curvature = loss.sample_curvature(parameters)?;
    let (total, layers) = moments::moments(loss, parameters, &curvature)?;
    let bounds = Bounds::measure(loss, parameters, &residuals, &total)?;
    let outputs = curvature.outputs.row_iter();
    Ok(Fluctuation {
        loss: mean,
        total,
        layers,
        outputs: outputs
            .map(|row| SampleMean::of(row.iter().copied()))
            .collect(),
        residuals,
        bounds,
    })
}
