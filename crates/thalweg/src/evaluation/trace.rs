//! The trace of the Hessian, exactly where that is cheap.

use super::{CurvedLoss, Evaluation, EvaluationError, SampledLoss};
use crate::curvature::{TraceSettings, trace};
use crate::estimate::Estimate;

impl Evaluation {
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
