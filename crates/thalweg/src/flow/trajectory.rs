//! The slow flow as its users see it: T, λ_max, F and the layers' conditioning at chosen times.

use super::{
    Drift, FlowError, FlowSettings, Place, Statistics, Times, Validity, Way,
    left_out::{Scatter, inputs_that_count, stronger_than_first_order},
    manifold::to_manifold,
    own_drift::own_drift,
    path::settled,
    point::{Model, Point},
    rest::rest,
    validity::{Size, most_misalignment},
    walk::{Walk, walk},
};
use crate::{
    problem::{Problem, Weights},
    recipe::Recipe,
    theory::{Curvature, Prediction, TheoryError, functionals, noise_misalignment, predict},
};

/// The slow flow at one time.
#[derive(Clone, Debug, PartialEq)]
pub struct Waypoint {
    /// u = η² t/B, the slow time: noise moves the weights along the minima in proportion to it.
    pub slow_time: f64,
    /// t, where the times were given in steps.
    pub step: Option<u64>,
    /// T, the trace of the Hessian.
    pub sharpness: f64,
    /// λ_max, the largest eigenvalue of the Gauss–Newton matrix, which at the minima is the Hessian.
    pub lambda_max: f64,
    /// F, the label noise's part of E‖∇ℓ‖² of one sample; at the minima all of it.
    pub fluctuation: f64,
    /// Largest over smallest singular value of W_1 … W_D; infinite where the smallest is 0 to rounding. In networks whose linear systems are solved by
    /// iterations one above 10⁶ is at least that large.
    pub layer_conditions: Vec<f64>,
    /// ‖(W_D…W_1 − V)√Σx‖ / ‖V√Σx‖, without the denominator where that is 0: the integrator's drift from the manifold.
    pub distance: f64,
    /// W_1 … W_D then, W_k of shape h_k × h_{k−1}; by the exact drift up to a rotation of the hidden bases.
    pub weights: Weights,
}

/// The slow flow from one start.
#[derive(Clone, Debug, PartialEq)]
pub struct Trajectory {
    /// One snapshot for each time asked for.
    pub snapshots: Vec<Waypoint>,
    /// Where the flow tends as u → ∞, which is known by symmetric generators: SGD's minimum (Theorem 1), or where the forces beside the noise balance it.
    pub limit: Result<Limit, NoLimit>,
    /// The report on η and B, where the times were given in steps.
    pub validity: Option<Validity>,
    /// What the integrator did.
    pub statistics: Statistics,
}

impl Trajectory {
    /// The same with what it leaves out at its last point ([`Validity::under`]), at the effective rate η₁ and B of `step`: of `recipe`'s additions, and
    /// of the step's size, on the way as at an end.
    ///
    /// # Errors
    /// See [`left_out`](super::left_out).
    pub fn under(
        mut self,
        problem: &Problem,
        recipe: &Recipe,
        step: (f64, usize),
    ) -> Result<Self, FlowError> {
        if let (Some(validity), Some(last)) = (self.validity.take(), self.snapshots.last()) {
            let steepest = 2.0 * validity.largest_stability().0 / step.0;
            // Noise does not lead the descent.
            let (along, leads) = match &validity.approach {
                Some(approach) => (
                    settled(&self.snapshots, approach.arrival),
                    approach.has_arrived(),
                ),
                None => (&self.snapshots[..], true),
            };
            let model = Model::new(problem);
            let mut mean_square = 0.0f64;
            let mut more = Vec::with_capacity(along.len());
            for at in along {
                let point = Point::new(&model, at.weights.layers().to_vec());
                let scatter = Scatter::of(inputs_that_count(&point, at.lambda_max)?, step.1);
                let number = scatter.stability(recipe, step.0, at.lambda_max);
                let stronger = recipe.sam.map_or(0.0, |sam| {
                    let place = (&point, at.lambda_max);
                    stronger_than_first_order(&model, place, sam, step, scatter.excess())
                });
                mean_square = mean_square.max(number);
                more.push(match number {
                    number if number < 1.0 => (1.0 + stronger) / (1.0 - number) - 1.0,
                    _ => f64::INFINITY,
                });
            }
            // Where gradient descent itself is within its edge on the way down, minibatches may yet not be.
            let descending = validity.approach.and_then(|approach| {
                let lambda_max = approach.lambda_max;
                let scatter = Scatter::of(approach.inputs, step.1);
                let own_rate = step.0 * (1.0 - recipe.momentum);
                (recipe.stability_number(own_rate, lambda_max) < 1.0)
                    .then(|| scatter.stability(recipe, step.0, lambda_max))
            });
            let way = Way {
                steepest,
                mean_square,
                descending: descending.unwrap_or(0.0),
                ahead: leads.then(|| ahead(along, &more)),
                slow_time: last.slow_time,
            };
            let place = || {
                Ok(Place {
                    weights: last.weights.clone(),
                    lambda_max: last.lambda_max,
                    way: Some(way),
                })
            };
            self.validity = Some(validity.under_at(problem, recipe, step, place)?);
        }
        Ok(self)
    }
}

/// The integral of `more` over slow time up to the last of these points; before the first it is taken for that there.
fn ahead(along: &[Waypoint], more: &[f64]) -> f64 {
    let (mut ahead, mut before) = (0.0, None);
    for (at, more) in along.iter().zip(more) {
        let (time, here) = (at.slow_time, *more);
        let (from, there) = before.unwrap_or((0.0, here));
        if time > from {
            ahead += 0.5 * (there + here) * (time - from);
        }
        before = Some((time, here));
    }
    ahead
}

/// Why the limit of a trajectory is not known.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum NoLimit {
    /// The problem has no minimum of Theorem 1.
    #[error(transparent)]
    Theory(#[from] TheoryError),
    /// The path follows [`Drift::Exact`].
    #[error(
        "that of the exact drift has no closed form; of plain SGD it is Theorem 1's minimum only where noise and signal share their axes"
    )]
    ExactDrift,
    /// The flow under the forces beside the noise was not followed to its end.
    #[error(transparent)]
    Forces(Box<FlowError>),
}

/// What holds at the minimum to which a trajectory tends.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    /// T, the trace of the Hessian (eq. 14), in loss/weight².
    pub sharpness: f64,
    /// λ_max, the Hessian's largest eigenvalue, in loss/weight².
    pub lambda_max: f64,
    /// F = E‖∇ℓ‖² of one sample, the least of any minimum (Theorem 1), in loss²/weight².
    pub fluctuation: f64,
    /// κ(W_1), …, κ(W_D): each layer's largest singular value over its smallest. Empty where they could not be computed.
    pub layer_conditions: Vec<f64>,
}

impl From<&Prediction<'_>> for Limit {
    fn from(minimum: &Prediction<'_>) -> Self {
        Self {
            sharpness: minimum.sharpness,
            lambda_max: minimum.lambda_max,
            fluctuation: minimum.fluctuation,
            layer_conditions: minimum.minimum.layer_conditioning().map_or_else(
                |_| Vec::new(),
                |layers| layers.iter().map(|layer| layer.condition_number).collect(),
            ),
        }
    }
}

impl From<Waypoint> for Limit {
    fn from(end: Waypoint) -> Self {
        Self {
            sharpness: end.sharpness,
            lambda_max: end.lambda_max,
            fluctuation: end.fluctuation,
            layer_conditions: end.layer_conditions,
        }
    }
}

/// A start may be this far from the manifold, relative to ‖V√Σx‖; it is then put on it.
pub(super) const ON_MANIFOLD: f64 = 1e-6;

/// Whether the force has a direction all the way.
///
/// # Errors
/// [`FlowError::AscentWithoutSignal`].
pub(super) fn has_path(problem: &Problem, settings: &FlowSettings) -> Result<(), FlowError> {
    if Model::new(problem).signal() == 0.0 && settings.forces.ascent != 0.0 {
        return Err(FlowError::AscentWithoutSignal);
    }
    Ok(())
}

/// The slow flow of `problem` from the minimum `start`, at `times`.
///
/// # Errors
/// When `start` does not fit the problem or is not a minimum (see [`super::descend`]), when a time, η, B or the
/// tolerance is not valid, or when the integrator gives up.
pub fn slow_flow(
    problem: &Problem,
    start: &Weights,
    times: &Times,
    settings: &FlowSettings,
) -> Result<Trajectory, FlowError> {
    has_path(problem, settings)?;
    settings.check(problem)?;
    let slow_times = times.slow()?;
    let model = Model::new(problem).under(settings.forces);
    start.fits(problem)?;
    let mut state = model.flatten(start.layers());
    let distance = Point::new(&model, model.layers(&state)).residual.norm_l2() / model.scale();
    if distance.is_nan() || distance > ON_MANIFOLD {
        return Err(FlowError::NotAMinimum {
            distance,
            allowed: ON_MANIFOLD,
        });
    }
    to_manifold(&model, &mut state)?;
    let minimum = state.clone();
    let (snapshots, statistics) = along(&model, state, &slow_times, settings, |run, time| {
        run.waypoint(problem, time)
    })?;
    let mut trajectory = Trajectory {
        snapshots,
        limit: limit(problem, settings),
        validity: None,
        statistics,
    };
    if let Times::Steps {
        learning_rate,
        batch,
        steps,
    } = times
    {
        for (snapshot, &step) in trajectory.snapshots.iter_mut().zip(steps) {
            snapshot.step = Some(step);
        }
        let sharpness = |row: usize| trajectory.snapshots[row].sharpness;
        let own = own_drift(&model, &minimum, &slow_times, sharpness, settings)?;
        let validity = Validity::new(
            *learning_rate,
            *batch,
            model.signal(),
            misalignment_of(problem, settings.drift),
            trajectory.snapshots.iter().map(Size::of),
            limit_size(&trajectory.limit),
        );
        trajectory.validity = Some(validity.with_own_drift(own));
    }
    Ok(trajectory)
}

/// What the misalignment of noise and signal does to a path by `drift`, and how large it may be.
pub(super) fn misalignment_of(problem: &Problem, drift: Drift) -> (f64, f64) {
    let misalignment = match drift {
        Drift::Symmetric => noise_misalignment(problem),
        Drift::Exact => 0.0,
    };
    (misalignment, most_misalignment(problem))
}

pub(super) fn limit_size(limit: &Result<Limit, NoLimit>) -> Option<Size> {
    limit.as_ref().ok().map(|limit| Size {
        lambda_max: limit.lambda_max,
        fluctuation: limit.fluctuation,
    })
}

pub(super) fn limit(problem: &Problem, settings: &FlowSettings) -> Result<Limit, NoLimit> {
    if settings.drift == Drift::Exact {
        return Err(NoLimit::ExactDrift);
    }
    if settings.forces.are_noise_alone() {
        return Ok(Limit::from(&predict(problem)?));
    }
    let rest = rest(problem, settings).map_err(|error| NoLimit::Forces(Box::new(error)))?;
    Ok(Limit::from(rest))
}

/// What `look` sees at `times` of the slow flow from the minimum `start`.
pub(super) fn along<T>(
    model: &Model,
    start: Vec<f64>,
    times: &[f64],
    settings: &FlowSettings,
    look: impl Fn(&dyn Walk, f64) -> Result<T, FlowError>,
) -> Result<(Vec<T>, Statistics), FlowError> {
    let horizon = times.last().copied().unwrap_or(0.0);
    walk(model, start, settings, horizon, |run| {
        let mut seen = Vec::with_capacity(times.len());
        for &time in times {
            while run.time() < time {
                run.advance(time)?;
            }
            seen.push(look(run, time)?);
        }
        Ok((seen, run.statistics()))
    })
}

/// What is to be known at the weights `state`.
pub(super) fn waypoint(
    problem: &Problem,
    model: &Model,
    slow_time: f64,
    state: &[f64],
) -> Result<Waypoint, FlowError> {
    let point = Point::new(model, model.layers(state));
    let distance = point.residual.norm_l2() / model.scale();
    let weights = Weights::new(problem, point.layers)?;
    snapshot(problem, slow_time, weights, distance)
}

/// What is to be known at `weights`.
pub(super) fn snapshot(
    problem: &Problem,
    slow_time: f64,
    weights: Weights,
    distance: f64,
) -> Result<Waypoint, FlowError> {
    let functionals = functionals(problem, &weights)?;
    let layer_conditions = weights
        .layers()
        .iter()
        .map(|layer| {
            let values = layer
                .singular_values()
                .map_err(|_| FlowError::Decomposition {
                    what: "singular value iteration of a layer",
                })?;
            Ok(condition_number(&values, layer.nrows().max(layer.ncols())))
        })
        .collect::<Result<_, FlowError>>()?;
    Ok(Waypoint {
        slow_time,
        step: None,
        sharpness: functionals.sharpness,
        lambda_max: Curvature::new(problem, &weights)?.lambda_max()?,
        fluctuation: functionals.fluctuation,
        layer_conditions,
        distance,
        weights,
    })
}

/// The largest of singular `values` over the smallest, both sides of their matrix being at most `size`; infinite where the smallest is
/// 0 to rounding.
pub(super) fn condition_number(values: &[f64], size: usize) -> f64 {
    let (largest, smallest) = (values[0], values[values.len() - 1]);
    if smallest > size as f64 * f64::EPSILON * largest {
        largest / smallest
    } else {
        f64::INFINITY
    }
}
