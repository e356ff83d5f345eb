//! What a loss over a set of samples must give for its fluctuation to be measured.

use faer::{Mat, MatRef};

use super::{Layer, SampleCurvature};
use crate::curvature::CurvatureError;
use crate::estimate::{Estimate, Status, Uncertainty};

/// L(θ) = (1/N) Σ_b ℓ(f(x_b; θ), y_b), known sample by sample: its value, the residuals r = ∂ℓ/∂f, the output curvature
/// Λ = ∂²ℓ/∂f², the size of each gradient ∇ℓ_b = J_bᵀr_b, and how vectors of the outputs are pulled back through J_b.
///
/// [`Evaluation`](super::Evaluation) is one, for the networks of this library; one's own network, from another library or another language,
/// is another. The output has `outputs` lines, and parameters come in blocks, tensors as a rule, that make up
/// [layers](Layer).
///
/// # Errors
/// Every method may fail with the implementor's own error.
pub trait SampledLoss {
    /// Why something could not be computed.
    type Error: From<CurvatureError>;

    /// N, the number of samples, at least 1.
    fn samples(&self) -> usize;

    /// Lines of the output: what the residual of a sample has entries.
    fn outputs(&self) -> usize;

    /// (classes, positions) where the residuals of a position sum to 0, as those of cross-entropy do for labels of sum 1;
    /// line class · positions + position of the output is a class at a position.
    fn classes(&self) -> Option<(usize, usize)>;

    /// The layers, which divide the parameter vector.
    fn layers(&self) -> Vec<Layer>;

    /// ℓ of each sample at θ: N numbers.
    fn sample_losses(&mut self, parameters: &[f64]) -> Result<Vec<f64>, Self::Error>;

    /// ∇L at θ, the gradient of the mean loss: a number for each parameter, in loss/weight.
    fn gradient(&mut self, parameters: &[f64]) -> Result<Vec<f64>, Self::Error>;

    /// r of each sample at θ, outputs × N.
    fn residuals(&mut self, parameters: &[f64]) -> Result<Mat<f64>, Self::Error>;

    /// (1/N) Σ_b Λ_b at θ, outputs × outputs.
    fn output_curvature(&mut self, parameters: &[f64]) -> Result<Mat<f64>, Self::Error>;

    /// ‖∇ℓ‖² of each sample at θ, by parameter block: blocks × N.
    fn sample_squared_norms(&mut self, parameters: &[f64]) -> Result<Mat<f64>, Self::Error>;

    /// The part of ∇ℓ_b·∇L in each layer, for each sample at θ, ∇L being `gradient`: layers × N.
    fn layer_slopes(
        &mut self,
        parameters: &[f64],
        gradient: &[f64],
    ) -> Result<Mat<f64>, Self::Error>;

    /// tr J_bᵀΛ_bJ_b of each sample at θ, by parameter block and by output.
    fn sample_curvature(&mut self, parameters: &[f64]) -> Result<SampleCurvature, Self::Error>;

    /// (1/N) Σ_b ‖J_bᵀc‖² at θ for each column c of `cotangents` (outputs × k).
    fn mean_pullbacks(
        &mut self,
        parameters: &[f64],
        cotangents: MatRef<'_, f64>,
    ) -> Result<Vec<f64>, Self::Error>;

    /// tr G at θ, exact: tr G = (1/N) Σ_b Σ_k w_k ‖J_bᵀc_k‖² with Λ = Σ_k w_k c_k c_kᵀ, by a backward
    /// pass for each output line and no random probe. Each pass counts as one product.
    ///
    /// # Errors
    /// The loss's own; or when the trace is not finite.
    fn gauss_newton_trace(&mut self, parameters: &[f64]) -> Result<Estimate, Self::Error> {
        let outputs = self.sample_curvature(parameters)?.outputs;
        let (value, matvecs) = (outputs.sum() / self.samples() as f64, outputs.nrows());
        if !value.is_finite() {
            return Err(CurvatureError::NonFinite { matvecs }.into());
        }
        Ok(Estimate {
            value,
            uncertainty: Uncertainty::Rounding,
            matvecs,
            status: Status::Exact,
        })
    }
}

/// A [`SampledLoss`] whose samples can be given other labels.
pub trait RelabelledLoss: SampledLoss + Sized {
    /// The loss over the first `count` samples alone, at most all.
    fn first(&self, count: usize) -> Self;

    /// r of each sample at θ with the labels `targets` (outputs × N) in place of its own: outputs × N.
    ///
    /// # Errors
    /// As those of [`SampledLoss`]; so for the next.
    fn residuals_under(
        &mut self,
        parameters: &[f64],
        targets: MatRef<'_, f64>,
    ) -> Result<Mat<f64>, Self::Error>;

    /// Λ of each sample at θ with the labels `targets` in place of its own, one column of it after another: outputs² × N.
    fn output_curvatures_under(
        &mut self,
        parameters: &[f64],
        targets: MatRef<'_, f64>,
    ) -> Result<Mat<f64>, Self::Error>;
}
