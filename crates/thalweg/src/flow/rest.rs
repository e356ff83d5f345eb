//! Where the flow along the minima ends under forces beside the noise.

use faer::Mat;

use super::{
    Drift, FlowError, FlowSettings, Waypoint,
    point::{Model, Point},
    products::sum_of_products,
    trajectory::waypoint,
    walk::{Walk, walk},
};
use crate::problem::{Basis, Problem};
use crate::theory::Minimum;

/// The flow has come to rest when in so many steps in a row T and F change by less than [`STILL`], and the weights by less than its root,
/// at a rate that is kept up for all the time so far, and that is at least what the noise takes to move the weights by their own size. (The
/// weights count since T and F may not know of a motion to first order: at Theorem 1's minimum, where the flow begins, F does not.)
const AT_REST: usize = 3;

/// A relative change of T or F that counts as none.
const STILL: f64 = 1e-8;

/// The same by the exact drift, whose Jacobian is made of differences: in very long steps their rounding moves the weights.
const STILL_BY_DIFFERENCES: f64 = 1e-6;

/// T counts as one number where it goes up and down by less than this part for half of the steps.
const SAME: f64 = 1e-3;

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
    settings.check(problem)?;
    let model = Model::new(problem).under(settings.forces);
    let minimum = Minimum::of_sgd(problem)?.weights()?;
    let start = if settings.forces.see_hidden_units() {
        model.flatten(&turned(minimum.layers()))
    } else {
        model.flatten(minimum.layers())
    };
    // One layer has no freedom: nothing moves. And where nothing is to be learnt, Theorem 1's minimum is the network at 0, where every force
    // has its least potential as the noise has.
    if problem.depth() == 1 || model.signal() == 0.0 {
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
        settle(run, natural, limit)?;
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

/// Follows the flow until T and F rest to `limit`, and at least for the time `least`.
fn settle(run: &mut dyn Walk, least: f64, limit: f64) -> Result<(), FlowError> {
    let (mut size, mut place) = (run.size()?, run.place());
    let mut still = 0;
    let mut sharpness = Vec::new();
    while still < AT_REST {
        let (from, left, time) = (size, place, run.time());
        match run.advance(f64::INFINITY) {
            // Where what sees hidden units is weak, they go on to turn, and T hardly knows of it.
            Err(FlowError::TooManySteps { steps, .. }) => match restless(steps, &sharpness) {
                FlowError::Restless {
                    sharpness: [low, high],
                    ..
                } if high - low < SAME * high => return Ok(()),
                error => return Err(error),
            },
            done => done?,
        };
        (size, place) = (run.size()?, run.place());
        sharpness.push(size[0]);
        let times = run.time() / (run.time() - time);
        let mut changes = size.into_iter().zip(from);
        let motion = place.iter().zip(&left).map(|(to, from)| to - from);
        let moved = motion.map(|x| x * x).sum::<f64>() / sum_of_products(&place, &place);
        let is_still = run.time() >= least
            && moved * times * times < limit
            && changes.all(|(to, from)| (to / from - 1.0).abs() * times < limit);
        still = if is_still { still + 1 } else { 0 };
    }
    Ok(())
}

/// A path that passes the middle of its range so often goes up and down, and does not creep to an end.
const TURNS: usize = 3;

/// What T did in the second half of the `steps` of a flow that does not come to rest.
fn restless(steps: usize, sharpness: &[f64]) -> FlowError {
    let late = &sharpness[sharpness.len() / 2..];
    let lowest = late.iter().copied().fold(f64::INFINITY, f64::min);
    let highest = late.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let middle = 0.5 * (lowest + highest);
    let crossings = late
        .windows(2)
        .filter(|pair| (pair[0] < middle) != (pair[1] < middle));
    FlowError::Restless {
        steps,
        sharpness: [lowest, highest],
        turns: crossings.count() >= TURNS,
    }
}

#[cfg(test)]
mod tests {
    use super::restless;
    use crate::flow::FlowError;

    #[test]
    fn a_path_that_goes_round_is_told_from_one_that_creeps() {
        let told = |path: &dyn Fn(f64) -> f64| {
            let seen: Vec<f64> = (0..2000).map(|i| path(f64::from(i))).collect();
            match restless(2000, &seen) {
                FlowError::Restless {
                    sharpness, turns, ..
                } => (sharpness, turns),
                other => panic!("{other}"),
            }
        };
        // What was before the second half does not count.
        let (range, turns) = told(&|i| {
            if i < 900.0 {
                9.0
            } else {
                3.0 + (i / 50.0).sin()
            }
        });
        assert!(turns && (range[0] - 2.0).abs() < 1e-3 && (range[1] - 4.0).abs() < 1e-3);
        let (range, turns) = told(&|i| i);
        assert!(!turns && range == [1000.0, 1999.0]);
    }
}
