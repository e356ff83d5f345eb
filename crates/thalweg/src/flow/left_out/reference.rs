//! Where a prediction is, and where it would be with other noise.

use std::cell::OnceCell;

use faer::Mat;

use super::Scatter;
use crate::Stop;
use crate::flow::{
    FlowError, FlowSettings,
    point::{Model, Point},
    rest::rest,
};
use crate::problem::Problem;
use crate::recipe::Forces;
use crate::theory::{Minimum, functionals};

/// Where a prediction is, and what moves SGD there, with which other noise is compared.
pub(super) struct Reference<'a> {
    pub(super) problem: &'a Problem,
    pub(super) model: Model,
    /// The predicted minimum.
    pub(super) point: Point,
    /// Of the Hessian there.
    pub(super) lambda_max: f64,
    /// c of E S² = 1 + c, for the second moment S of a minibatch in the steepest direction.
    pub(super) scatter: f64,
    pub(super) forces: Forces,
    /// T where the flow of `problem` ends under `forces`.
    sharpness: OnceCell<f64>,
}

impl<'a> Reference<'a> {
    /// One at `point`, where the Hessian has the eigenvalue `lambda_max` and minibatches scatter so.
    pub(super) fn new(
        problem: &'a Problem,
        model: Model,
        point: Point,
        (lambda_max, scatter): (f64, Scatter),
        forces: Forces,
    ) -> Self {
        Self {
            problem,
            model,
            point,
            lambda_max,
            scatter: scatter.excess(),
            forces,
            sharpness: OnceCell::new(),
        }
    }

    /// T where the flow ends, found when it is first asked for.
    fn sharpness(&self) -> Result<f64, FlowError> {
        if let Some(&known) = self.sharpness.get() {
            return Ok(known);
        }
        let found = end(self.problem, self.problem, self.forces)?;
        Ok(*self.sharpness.get_or_init(|| found))
    }

    /// The relative change of T if the noise is that of inputs and labels of these covariances.
    pub(super) fn change(&self, input: Mat<f64>, noise: Mat<f64>) -> Result<f64, FlowError> {
        let problem = self.problem;
        let noisy = with_noise(problem, input, noise)?;
        Ok(end(problem, &noisy, self.forces)? / self.sharpness()? - 1.0)
    }
}

/// `problem` with these covariances of inputs and labels, of which rounding may have made other than symmetric ones.
fn with_noise(problem: &Problem, input: Mat<f64>, noise: Mat<f64>) -> Result<Problem, FlowError> {
    let half = |matrix: &Mat<f64>| faer::Scale(0.5) * (matrix + matrix.transpose());
    Ok(Problem::with_hidden_widths(
        half(&input),
        problem.teacher().to_owned(),
        half(&noise),
        problem.depth(),
        &problem.widths()[1..problem.depth()],
    )?)
}

/// T of `problem` where the flow of `noisy` ends.
fn end(problem: &Problem, noisy: &Problem, forces: Forces) -> Result<f64, FlowError> {
    // In wide networks each of these takes a while.
    let stop = Stop::here();
    stop.asked()?;
    let weights = if forces.are_noise_alone() {
        let minimum = Minimum::of_sgd(noisy)?;
        stop.asked()?;
        minimum.weights()?
    } else {
        let settings = FlowSettings {
            forces,
            ..FlowSettings::default()
        };
        rest(noisy, &settings)?.weights
    };
    stop.asked()?;
    Ok(functionals(problem, &weights)?.sharpness)
}
