//! Where the flow along the minima ends under forces beside the noise.

use faer::Mat;

use super::{
    Drift, FlowError, FlowSettings, Waypoint,
    point::{Model, Point},
    trajectory::waypoint,
    walk::{Walk, walk},
};
use crate::problem::{Basis, Problem};
use crate::theory::Minimum;

/// The flow has come to rest when in so many steps in a row T and F change by less than [`STILL`], at a rate that is kept up for all
/// the time so far. (The weights themselves may go on turning in the hidden bases, which changes nothing.)
const AT_REST: usize = 3;

/// A relative change of T or F that counts as none.
const STILL: f64 = 1e-8;

/// The same by the exact drift, whose Jacobian is made of differences: in very long steps their rounding moves the weights.
const STILL_BY_DIFFERENCES: f64 = 1e-6;

/// The most steps of the integrator; a flow that rests takes some dozens.
const MOST_STEPS: usize = 2000;

/// The minimum at which the noise's drift and the [`Forces`](crate::recipe::Forces) of `settings` balance: where the flow from Theorem 1's
/// minimum ends. (Beyond the paper.)
///
/// By symmetric generators this is the minimum of `noise` F/4 + `decay` ½ Σ‖W_k‖² over all minima.
///
/// ```
/// use thalweg::faer::Mat;
/// use thalweg::flow::{FlowSettings, rest};
/// use thalweg::problem::{Problem, covariance};
/// use thalweg::recipe::Recipe;
///
/// let noise = covariance::from_deviations(&[1.0, 0.2]);
/// let problem = Problem::new(Mat::identity(2, 2), Mat::identity(2, 2), noise, 2)?;
/// let recipe = Recipe { weight_decay: 1e-4, ..Recipe::default() };
/// let settings = FlowSettings { forces: recipe.forces(0.005, 10), ..FlowSettings::default() };
/// // Without decay T = 11.98 (eq. 18); a little of it already counts for more than the noise.
/// assert!((rest(&problem, &settings)?.sharpness - 8.75).abs() < 1e-3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// When the problem has no minimum of Theorem 1 to start from, the network is too large, or the flow does not come to rest.
pub fn rest(problem: &Problem, settings: &FlowSettings) -> Result<Waypoint, FlowError> {
    settings.check()?;
    let model = Model::new(problem).under(settings.forces);
    let minimum = Minimum::of_sgd(problem)?.weights()?;
    let start = if settings.forces.see_hidden_units() {
        model.flatten(&turned(minimum.layers()))
    } else {
        model.flatten(minimum.layers())
    };
    // One layer has no freedom: nothing moves.
    if problem.depth() == 1 {
        return waypoint(problem, &model, f64::INFINITY, &start);
    }
    let point = Point::new(&model, model.layers(&start));
    // Where the start is the end already, the first step would be as long as rounding is small.
    let natural = start.iter().map(|w| w * w).sum::<f64>() / model.fluctuation(&point);
    let limit = match settings.drift {
        Drift::Symmetric => STILL,
        Drift::Exact => STILL_BY_DIFFERENCES,
    };
    let settings = FlowSettings {
        max_steps: MOST_STEPS,
        ..*settings
    };
    walk(&model, start, &settings, natural, |run| {
        settle(run, limit)?;
        let end = run.waypoint(problem, run.time())?;
        Ok(Waypoint {
            slow_time: f64::INFINITY,
            ..end
        })
    })
}

/// The same minimum with all hidden bases turned at random: as Theorem 1 writes it, it is symmetric between units, and what sees them may
/// hold it at a saddle, which SGD leaves.
fn turned(layers: &[Mat<f64>]) -> Vec<Mat<f64>> {
    let mut layers = layers.to_vec();
    for k in 0..layers.len() - 1 {
        let turn = Basis::Random { seed: k as u64 }.matrix(layers[k].nrows());
        layers[k] = &turn * &layers[k];
        layers[k + 1] = &layers[k + 1] * turn.transpose();
    }
    layers
}

/// Follows the flow until T and F rest to `limit`.
fn settle(run: &mut dyn Walk, limit: f64) -> Result<(), FlowError> {
    let mut size = run.size()?;
    let mut still = 0;
    while still < AT_REST {
        let (from, time) = (size, run.time());
        run.advance(f64::INFINITY).map_err(|error| match error {
            FlowError::TooManySteps { steps, .. } => FlowError::Restless { steps },
            error => error,
        })?;
        size = run.size()?;
        let times = run.time() / (run.time() - time);
        let mut changes = size.into_iter().zip(from);
        let is_still = changes.all(|(to, from)| (to / from - 1.0).abs() * times < limit);
        still = if is_still { still + 1 } else { 0 };
    }
    Ok(())
}
