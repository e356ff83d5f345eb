//! The traces of the Hessian and of the Gauss–Newton matrix, exactly where that is cheap.

use super::{Evaluation, EvaluationError, SampledLoss};
use crate::curvature::{CurvatureError, TraceSettings, trace};
use crate::estimate::{Estimate, Status, Uncertainty};

impl Evaluation {
    /// tr G at θ, exact: tr G = (1/N) Σ_b Σ_k w_k ‖J_bᵀc_k‖² with Λ = Σ_k w_k c_k c_kᵀ, by a backward
    /// pass for each output line and no random probe. Each pass counts as one product.
    ///
    /// # Errors
    /// As [`Evaluation::loss`]; or when the trace is not finite.
    pub fn gauss_newton_trace(&mut self, parameters: &[f64]) -> Result<Estimate, EvaluationError> {
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

    /// tr ∇²L at θ, the sharpness. Exact where the tape is
    /// [linear in each parameter](crate::tensor::Tape::linear_in_each_parameter), since then it is tr G, or where the parameters are
    /// no more than `settings.matvecs`; else by `settings`.
    ///
    /// # Errors
    /// As [`Evaluation::loss`], and as [`trace`].
    pub fn hessian_trace(
        &mut self,
        parameters: &[f64],
        settings: &TraceSettings,
    ) -> Result<Estimate, EvaluationError> {
        if self.tape.linear_in_each_parameter() {
            return self.gauss_newton_trace(parameters);
        }
        Ok(trace(&mut self.hessian(parameters)?, settings)?)
    }
}
