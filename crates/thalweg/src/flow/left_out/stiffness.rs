//! Noise that pulls more strongly where the curvature is larger.

use faer::Mat;

use super::Reference;
use crate::flow::{FlowError, products::trace};
use crate::problem::Spectral;

/// More than so many times the noise is as good as infinitely many: its shape no longer changes.
const MOST_MORE: f64 = 1e6;

impl Reference<'_> {
    /// The relative change of T if along an eigenvector of curvature h noise pulls 1 + `more` h/λ_max times as strongly as in the leading term.
    ///
    /// Of the noise I ⊗ Σε that is multiplied by 1 + (`more`/λ_max) K the share of outputs and that of inputs are taken.
    pub(super) fn stronger_where_stiff(&self, more: f64) -> Result<f64, FlowError> {
        let Self {
            model,
            problem,
            point,
            ..
        } = self;
        let more = more.min(MOST_MORE);
        let slope = more / self.lambda_max;
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
        let scale = faer::Scale(1.0 / (1.0 + more));
        let noise = scale * (&root * problem.noise_covariance() * &root);
        let input = scale * (model.root() * inputs * model.root().transpose());
        self.change(input, noise)
    }
}
