//! Gradient flow of the population loss, which takes any start to the manifold of minima.
//!
//! dW_k/dt = −A_kᵀ (W_D…W_1 − V) Σx B_kᵀ. It conserves Q_k = W_kW_kᵀ − W_{k+1}ᵀW_{k+1}, k = 1 … D − 1
//! (the quantities that SGD's noise then moves), so the minimum it reaches remembers the start.

use faer::Mat;

use super::{
    FlowError, FlowSettings, Statistics,
    downhill::{Downhill, Pull, downhill, is_plain},
    manifold::{straight, to_manifold},
    point::{Model, Point},
};
use crate::problem::{Problem, Weights};

/// The minimum that gradient flow reaches.
#[derive(Clone, Debug, PartialEq)]
pub struct Descent {
    /// Weights on the manifold of minima.
    pub weights: Weights,
    /// ‖(W_D…W_1 − V)√Σx‖ / ‖V√Σx‖ there.
    pub distance: f64,
    /// The flow's time t (loss gradient = −dW/dt) from which on the way to the minimum is straight, to the tolerance.
    pub time: f64,
    /// What the integrator did.
    pub statistics: Statistics,
}

/// Follows gradient flow from `start` to the manifold of minima.
///
/// Returns the weights with W_D…W_1 = V on the support of Σx to rounding. Q_k is that of the start to
/// about the tolerance: the last piece, which is straight to the tolerance, is Newton's
/// method along the normal directions, which moves Q_k at second order only.
///
/// # Errors
/// When the weights do not fit the problem, when the flow rests at a saddle (it cannot leave W = 0,
/// for one), or when the integrator gives up.
pub fn descend(
    problem: &Problem,
    start: &Weights,
    settings: &FlowSettings,
) -> Result<Descent, FlowError> {
    settings.check_tolerance()?;
    let model = Model::new(problem);
    start.fits(problem)?;
    let weights = model.flatten(start.layers());
    let run = follow(&model, weights, STRAIGHT, settings, |_| Ok(()))?;
    let mut state = run.weights;
    let distance = to_manifold(&model, &mut state)?;
    Ok(Descent {
        weights: Weights::new(problem, model.layers(&state))?,
        distance,
        time: run.time,
        statistics: run.statistics,
    })
}

/// The straight way to the minima and the flow's own end apart at second order in its length: by less than this times its
/// square, relative to the weights.
const CURVED: f64 = 10.0;

/// Where gradient flow is left to Newton's method.
pub(super) struct Arrived {
    pub(super) weights: Vec<f64>,
    pub(super) time: f64,
    pub(super) statistics: Statistics,
}

/// From `weights` until the residual is at most `near`, relative to ‖V√Σx‖, and Newton's method takes the weights to where
/// the flow would; `each` sees every step on the way.
pub(super) fn follow(
    model: &Model,
    weights: Vec<f64>,
    near: f64,
    settings: &FlowSettings,
    mut each: impl FnMut(&dyn Downhill) -> Result<(), FlowError>,
) -> Result<Arrived, FlowError> {
    let start = Point::new(model, model.layers(&weights));
    if !at_rest(model, Pull::of(&start))?.is_finite() {
        return Err(FlowError::StartTooLarge);
    }
    downhill(model, weights, settings, |run| {
        // The way that is left is measured anew each time the residual has halved; where steps are cheap they go on to rounding.
        let mut measure_from = if is_plain(model) {
            ROUNDING
        } else {
            near.min(STRAIGHT)
        };
        loop {
            let distance = at_rest(model, run.pull())?;
            if distance <= measure_from {
                let way = straight(model, run.weights())?;
                let length = model.relative_size(&way, run.weights());
                if CURVED * length * length <= settings.tolerance {
                    return Ok(Arrived {
                        weights: run.weights().to_vec(),
                        time: run.time(),
                        statistics: run.statistics(),
                    });
                }
                measure_from = 0.5 * distance;
            }
            run.advance()?;
            each(run)?;
        }
    })
}

/// The relative residual below which the way to the minima may be straight.
const STRAIGHT: f64 = 1e-2;

/// The relative residual of `pull`, or an error if the flow has stopped away from the minima.
fn at_rest(model: &Model, pull: Pull) -> Result<f64, FlowError> {
    let Pull {
        residual,
        gradient,
        weights,
    } = pull;
    let distance = residual / model.scale();
    // Away from a saddle the gradient is about the residual times the weights' size.
    if distance > ROUNDING && gradient <= 1e-12 * distance * model.scale() * weights {
        return Err(FlowError::Saddle { gradient, distance });
    }
    Ok(distance)
}

/// A relative residual that says nothing of where the flow rests.
const ROUNDING: f64 = 1e-10;

/// −A_kᵀ ρ (B_kX)ᵀ, gradient flow's motion of each layer for the residual ρ, which is that of `point` or what a minibatch sees of it.
pub(super) fn velocity(point: &Point, residual: &Mat<f64>) -> Vec<Mat<f64>> {
    (0..point.depth())
        .map(|k| -point.pull(residual.as_ref(), k))
        .collect()
}
