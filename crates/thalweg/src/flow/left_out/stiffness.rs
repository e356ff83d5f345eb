//! Noise that pulls more strongly where the curvature is larger.

use faer::Mat;

use super::Reference;
use crate::flow::{
    FlowError,
    products::{dot, trace},
};
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
        let noise = &root * problem.noise_covariance() * &root;
        // Both shares together would count what is more twice: F here is that of the noise itself, which is what other forces are set against.
        let layers = point.above.iter().zip(&point.below);
        let grams: Vec<_> = layers
            .map(|(above, below)| (above * above.transpose(), below.transpose() * below))
            .collect();
        let (mut wanted, mut found) = (0.0, 0.0);
        for (output, input) in &grams {
            found += dot(output, &noise) * dot(input, &inputs);
            let felt = output * model.noise();
            wanted += trace(felt.as_ref()) * trace(input.as_ref());
            let more = grams.iter().map(|(a, b)| dot(a, &felt) * dot(b, input));
            wanted += slope * more.sum::<f64>();
        }
        let noise = faer::Scale(wanted / found) * noise;
        self.change(model.root() * inputs * model.root().transpose(), noise)
    }
}
