//! What the scatter of minibatches about the mean over samples does on the way down to the minima.
//!
//! While R = (W_D…W_1 − V)X is not 0 a minibatch's second moment S of the whitened inputs makes gradient noise of it beside the labels':
//! of Gaussian samples R(S − I) has covariances (1/B)[(RRᵀ)_ik δ_jl + R_il R_kj]. The first part is label noise of covariance RRᵀ, and the second has
//! 1/rank(Σx) of its trace. So the noise of all steps down moves the weights along the minima as label noise of covariance (1 + 1/rank Σx) Σ_t RRᵀ does in
//! one step: as much as if R, and with it the noise, came to rest at the curvature of the minimum, from which it is told.

use faer::Mat;

use crate::flow::{
    FlowError,
    left_out::inputs_that_count,
    manifold::to_manifold,
    pace::velocity_by_generators,
    point::{Model, Point},
};
use crate::problem::{Problem, Weights};
use crate::theory::Curvature;

/// Σ_t RRᵀ over the steps of a descent, and where it was steepest.
pub(in crate::flow) struct Scattered {
    /// The last step that counts.
    until: f64,
    moment: Mat<f64>,
    /// The last step that was looked at, and RRᵀ there.
    last: Option<(f64, Mat<f64>)>,
    /// The largest T, and the weights there.
    sharpest: (f64, Vec<f64>),
}

impl Scattered {
    pub(super) fn new(model: &Model, until: f64) -> Self {
        Self {
            until,
            moment: Mat::zeros(model.outputs(), model.outputs()),
            last: None,
            sharpest: (0.0, Vec::new()),
        }
    }

    /// Counts the way from the last step that was looked at to this one.
    pub(super) fn look(&mut self, step: f64, point: &Point, weights: &[f64], sharpness: f64) {
        let here = &point.residual * point.residual.transpose();
        if let Some((before, there)) = &self.last {
            let steps = (step.min(self.until) - before).max(0.0);
            self.moment += faer::Scale(0.5 * steps) * (there + &here);
        }
        self.last = Some((step, here));
        if self.sharpest.1.is_empty() || sharpness > self.sharpest.0 {
            self.sharpest = (sharpness, weights.to_vec());
        }
    }

    /// Where the scatter takes the weights from `minimum`, for a step of slow time `unit` = η₁²/B in which noise acts `noise` times as strongly as in
    /// plain SGD's.
    pub(in crate::flow) fn moved(
        &self,
        problem: &Problem,
        minimum: &[f64],
        (unit, noise): (f64, f64),
    ) -> Result<Vec<f64>, FlowError> {
        let plain = Model::new(problem);
        let share = 1.0 + 1.0 / plain.rank() as f64;
        let scatter = faer::Scale(0.5 * share) * (&self.moment + self.moment.transpose());
        let noisy = Problem::with_hidden_widths(
            problem.input_covariance().to_owned(),
            problem.teacher().to_owned(),
            scatter,
            problem.depth(),
            &problem.widths()[1..problem.depth()],
        )?;
        let model = Model::new(&noisy);
        let velocity = velocity_by_generators(&model, minimum)?;
        let mut moved: Vec<f64> = minimum
            .iter()
            .zip(velocity)
            .map(|(w, v)| w + unit * noise * v)
            .collect();
        to_manifold(&plain, &mut moved)?;
        Ok(moved)
    }

    /// λ_max where T was largest, and how many inputs count there.
    pub(in crate::flow) fn steepest(&self, problem: &Problem) -> Result<(f64, f64), FlowError> {
        let model = Model::new(problem);
        let point = Point::new(&model, model.layers(&self.sharpest.1));
        let weights = Weights::new(problem, point.layers.clone())?;
        let lambda_max = Curvature::new(problem, &weights)?.lambda_max()?;
        Ok((lambda_max, inputs_that_count(&point, lambda_max)?))
    }
}
