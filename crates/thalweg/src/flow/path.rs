//! SGD's way from any start: down to the minima in real time, then along them.
//!
//! Where the two clocks of the flow lie apart, the weights at step t are those of the descent and of the
//! slow motion together, less the minimum that both have in common (matched asymptotics):
//!
//! W(t) = W_descent(t) + W_slow(η²t/B) − W_min.
//!
//! Early W_slow = W_min, and this is the descent; late W_descent = W_min, and this is the slow flow. What it
//! leaves out is how the noise moves the weights *while* they descend, which [`Validity`] measures.
//!
//! The descent is gradient descent itself for its first [`EXACT_STEPS`] steps, so that a step size near the
//! edge of stability does what it does there, and gradient flow from then on: what still moves by then
//! has ηλ so small that a step of one is a step of the other (the amplitude of a mode differs by a fraction
//! of 2/e² EXACT_STEPS⁻¹ of its start at most).
//!
//! With momentum β it is heavy ball, for 1/(1 − β) times as many steps, within [`MOST_WORK`]. What has not come to rest after
//! N/(1 − β) steps moves so slowly that its velocity is that of gradient flow at η/(1 − β) from the same weights: the oscillations have fallen to
//! e^{−N/2}, and the weights differ from heavy ball's by about .12/N of their start's size. Measured at β = .9, .99 and .999, with η/(1 − β)
//! from 3e-4 to 3 and a start off the minima: at N = 10 by 1.3 % at most (T by .9 %), at N = 30 by .4 % (T by .13 %).
//! From small starts, which leave a saddle, T is off by up to 8 % at N = 10 and 2.3 % at N = 30.
//! (w + β/(1 − β) (w_n − w_{n−1}), which gradient descent moves at η/(1 − β), is a worse point to go on from: twice the error
//! at N ≥ 10, and far off while anything oscillates.)

use super::{
    FlowError, FlowSettings, Steps, Times, Trajectory, Validity, Waypoint,
    descent::{follow, velocity},
    manifold::to_manifold,
    point::{Model, Point},
    products::sum_of_products,
    rosenbrock::Statistics,
    scattered::Scattered,
    trajectory::{along, has_path, limit, limit_size, misalignment_of, snapshot},
    validity::{ARRIVED, Approach, MOST_DRIFT, Size},
};
use crate::Stop;
use crate::problem::{Problem, Weights};

/// How many steps of gradient descent without momentum are made one by one, in networks of few weights.
const EXACT_STEPS: u64 = 1000;

/// Networks of more weights than this get fewer of them, to a tenth, since each takes as long as one of the integrator's evaluations.
const MANY_WEIGHTS: usize = 100_000;

/// What momentum adds to the steps ends at so many multiplications in all, some tenths of a second.
const MOST_WORK: f64 = 2e9;

/// What a layer costs in each step beside its products, in multiplications.
const LAYER_WORK: f64 = 1e4;

/// But not before N = 10.
const LEAST_RELAXED: f64 = 10.0;

/// The relative residual below which the rest of the descent is no longer told apart from its end.
const NEAR: f64 = 1e-7;

/// The relative residual at which there is nothing left of it.
const DOWN: f64 = 1e-10;

/// How many times a learning rate that is too large is divided by ten in search of one that is not.
const MOST_TENTHS: i32 = 40;

/// Where SGD is expected to be at each of `steps`, from any `start`: on its way down to the minima, and along
/// them.
///
/// Of each [`Waypoint`] `distance` is how far the product still is from V. The validity
/// counts the descent in.
///
/// # Errors
/// When `start` does not fit the problem, when η, B, a step or the tolerance is not valid, when gradient
/// descent diverges or rests at a saddle, or when the integrator gives up.
pub fn path(
    problem: &Problem,
    start: &Weights,
    steps: &Steps,
    settings: &FlowSettings,
) -> Result<Trajectory, FlowError> {
    has_path(problem, settings)?;
    settings.check()?;
    let slow_times = Times::from(steps.clone()).slow()?;
    let model = Model::new(problem).under(settings.forces);
    start.fits(problem)?;
    let descent = Descending::new(&model, start, steps, settings).map_err(|error| match error {
        FlowError::Diverges {
            learning_rate,
            step,
            ..
        } => FlowError::Diverges {
            learning_rate,
            step,
            stable: stable(&model, start, steps, settings),
        },
        error => error,
    })?;

    // The slow motion sets in somewhere between the start and the arrival: follow it from both.
    let unit = steps.learning_rate * steps.learning_rate / steps.batch as f64;
    let delay = unit * descent.arrival;
    let delayed = slow_times.iter().map(|u| (u - delay).max(0.0));
    let mut times: Vec<f64> = delayed.chain(slow_times.iter().copied()).collect();
    times.sort_by(f64::total_cmp);
    times.dedup();
    let follow = |start: Vec<f64>| {
        along(&model, start, &times, settings, |run, time| {
            run.weights_at(time)
        })
    };
    let (states, mut statistics) = follow(descent.minimum.clone())?;
    let place = |time: f64| times.partition_point(|t| *t < time);
    let at = |time: f64| &states[place(time)];
    let sharpness = |weights: &[f64]| Point::new(&model, model.layers(weights)).sharpness();
    // Where the scatter of minibatches on the way down leaves the weights; the slow motion is followed from there too where that counts.
    let scattered = match problem.depth() {
        1 => Ok(descent.minimum.clone()),
        _ => {
            let step = (unit, settings.forces.noise);
            descent.scattered.moved(problem, &descent.minimum, step)
        }
    };
    // Of a change as large as T no more is known.
    let off =
        |other: &[f64], state: &[f64]| (sharpness(other) / sharpness(state) - 1.0).abs().min(1.0);
    let (first, others) = match scattered {
        Ok(scattered) => {
            let first = off(&scattered, &descent.minimum);
            let counts = first > MOST_DRIFT;
            (first, counts.then(|| follow(scattered)).transpose()?)
        }
        Err(FlowError::Stopped(stopped)) => return Err(stopped.into()),
        // So far away that no minimum is near.
        Err(_) => (1.0, None),
    };

    let mut snapshots = Vec::with_capacity(slow_times.len());
    let (mut drift, mut scatter) = (0.0f64, 0.0f64);
    for ((&slow_time, &step), descending) in
        slow_times.iter().zip(&steps.steps).zip(&descent.states)
    {
        let slow = at(slow_time);
        let with = |slow: &[f64]| {
            let sum: Vec<f64> = (0..model.dim())
                .map(|i| slow[i] + (descending[i] - descent.minimum[i]))
                .collect();
            Point::new(&model, model.layers(&sum))
        };
        let point = with(slow);
        let distance = point.residual.norm_l2() / model.scale();
        let delayed = at((slow_time - delay).max(0.0));
        if !std::ptr::eq(slow, delayed) {
            let delayed = with(delayed);
            let moved = (&point.residual - &delayed.residual).norm_l2() / model.scale();
            let sharper = (point.sharpness() / delayed.sharpness() - 1.0).abs();
            drift = drift.max(sharper).max(moved);
        }
        // All of it acts once the weights are down; the flow forgets it from then on.
        if step as f64 >= descent.arrival || Some(&step) == steps.steps.last() {
            scatter = scatter.max(match &others {
                Some((others, _)) => off(&others[place(slow_time)], slow),
                None => first,
            });
        }
        let weights = Weights::new(problem, point.layers)?;
        let mut here = snapshot(problem, slow_time, weights, distance)?;
        here.step = Some(step);
        snapshots.push(here);
    }
    let last_step = steps.steps.last().map_or(0.0, |step| *step as f64);
    let limit = limit(problem, settings);
    let (lambda_max, inputs) = descent.scattered.steepest(problem)?;
    let validity = Validity::new(
        steps.learning_rate,
        steps.batch,
        model.signal(),
        misalignment_of(problem, settings.drift),
        settled(&snapshots, descent.arrival).iter().map(Size::of),
        limit_size(&limit),
    )
    .with_approach(Approach {
        distance: snapshots.last().map_or(0.0, |last| last.distance),
        step: last_step,
        arrival: descent.arrival,
        drift: drift + scatter,
        lambda_max,
        inputs,
    });
    statistics.add(&descent.statistics);
    Ok(Trajectory {
        snapshots,
        limit,
        validity: Some(validity),
        statistics,
    })
}

/// Those at the minima, of which the validity's numbers speak; all where none is, since there the descent is
/// what is predicted.
pub(super) fn settled(snapshots: &[Waypoint], arrival: f64) -> &[Waypoint] {
    let on_the_way = |snapshot: &Waypoint| snapshot.step.is_some_and(|t| (t as f64) < arrival);
    match snapshots.partition_point(on_the_way) {
        none if none == snapshots.len() => snapshots,
        first => &snapshots[first..],
    }
}

/// Gradient descent from one start.
struct Descending {
    /// The weights at each of the steps asked for.
    states: Vec<Vec<f64>>,
    /// The minimum at which it ends.
    minimum: Vec<f64>,
    /// The largest T on the way.
    sharpest: f64,
    /// The step from which on product and sharpness are within [`ARRIVED`] of theirs at the minimum.
    arrival: f64,
    scattered: Scattered,
    statistics: Statistics,
}

/// How the descent stands at a step.
struct Standing {
    step: f64,
    /// ‖(W_D…W_1 − V)√Σx‖ / ‖V√Σx‖.
    distance: f64,
    /// T.
    sharpness: f64,
}

impl Standing {
    fn at(model: &Model, step: f64, point: &Point) -> Self {
        Self {
            step,
            distance: point.residual.norm_l2() / model.scale(),
            sharpness: point.sharpness(),
        }
    }
}

/// η of the steps themselves, of which momentum makes η/(1 − β).
fn own_rate(steps: &Steps, momentum: f64) -> f64 {
    steps.learning_rate * (1.0 - momentum)
}

/// How many steps of gradient descent are made one by one in a network of that size.
fn exact_steps(model: &Model, momentum: f64) -> u64 {
    let many = (model.dim() / MANY_WEIGHTS).clamp(1, 10);
    let plain = EXACT_STEPS / many as u64;
    let relaxation = 1.0 / (1.0 - momentum);
    let sides = model.rank() + model.outputs();
    let each = 2.0 * (model.dim() * sides) as f64 + LAYER_WORK * model.depth() as f64;
    let most = (MOST_WORK / each).max(LEAST_RELAXED * relaxation);
    plain.max((plain as f64 * relaxation).min(most) as u64)
}

impl Descending {
    fn new(
        model: &Model,
        start: &Weights,
        steps: &Steps,
        settings: &FlowSettings,
    ) -> Result<Self, FlowError> {
        // Inputs that are nearly dependent may still move when the residual is tiny: time goes on from the last exact step.
        let mut taken = 0;
        let mut wanted = steps.steps.iter().copied().peekable();
        let mut states = Vec::with_capacity(steps.steps.len());
        let mut history = Vec::new();
        let last = steps.steps.last().map_or(0.0, |step| *step as f64);
        let mut scattered = Scattered::new(model, last);
        let mut state = model.flatten(start.layers());

        let momentum = settings.momentum;
        let most = exact_steps(model, momentum);
        let learning_rate = own_rate(steps, momentum);
        let mut moving = vec![0.0; state.len()];
        // How far the velocity alone would still take the weights.
        let momentum_left = |moving: &[f64]| {
            momentum * steps.learning_rate * sum_of_products(moving, moving).sqrt()
        };
        let stop = Stop::here();
        for step in 0..=most {
            taken = step;
            while wanted.next_if_eq(&step).is_some() {
                states.push(state.clone());
            }
            let point = Point::new(model, model.layers(&state));
            let standing = Standing::at(model, step as f64, &point);
            let distance = standing.distance;
            if !distance.is_finite() {
                return Err(FlowError::Diverges {
                    learning_rate,
                    step,
                    stable: None,
                });
            }
            scattered.look(step as f64, &point, &state, standing.sharpness);
            history.push(standing);
            // What moves on may pass a minimum.
            let is_down = distance <= DOWN
                && momentum_left(&moving) <= DOWN * sum_of_products(&state, &state).sqrt();
            if step == most || is_down {
                break;
            }
            // With much momentum the steps of a wide network take seconds.
            stop.asked()?;
            let pulls = model.flatten(&velocity(&point));
            for ((w, v), pull) in state.iter_mut().zip(&mut moving).zip(pulls) {
                *v = momentum * *v + pull;
                *w += learning_rate * *v;
            }
        }

        let step_of = |time: f64| taken as f64 + time / steps.learning_rate;
        let run = follow(model, state, NEAR, settings, |run| {
            let point = Point::new(model, model.layers(run.weights()));
            let standing = Standing::at(model, step_of(run.time()), &point);
            scattered.look(standing.step, &point, run.weights(), standing.sharpness);
            history.push(standing);
            while let Some(step) = wanted.next_if(|step| *step as f64 <= step_of(run.time())) {
                let time = steps.learning_rate * (step - taken) as f64;
                states.push(run.weights_at(time)?);
            }
            Ok(())
        })?;
        let mut minimum = run.weights;
        to_manifold(model, &mut minimum)?;
        states.extend(wanted.map(|_| minimum.clone()));
        let end = Point::new(model, model.layers(&minimum)).sharpness();
        let sharpest = history.iter().map(|standing| standing.sharpness);
        Ok(Self {
            states,
            minimum,
            sharpest: sharpest.fold(end, f64::max),
            arrival: arrival(&history, end),
            scattered,
            statistics: run.statistics,
        })
    }
}

/// The largest of a tenth, a hundredth, … of the learning rate with which the descent stays below the edge of stability on its
/// whole way, T bounding λ_max; nothing where one of them has no way down to follow.
fn stable(model: &Model, start: &Weights, steps: &Steps, settings: &FlowSettings) -> Option<f64> {
    let momentum = settings.momentum;
    for k in 1..=MOST_TENTHS {
        // As it is printed, and then typed.
        let rate = own_rate(steps, momentum) / 10f64.powi(k);
        let rate = format!("{rate:.3e}").parse().unwrap_or(rate);
        let slower = Steps {
            learning_rate: rate / (1.0 - momentum),
            batch: steps.batch,
            steps: Vec::new(),
        };
        match Descending::new(model, start, &slower, settings) {
            Ok(descent) if 0.5 * rate * descent.sharpest < 1.0 + momentum => return Some(rate),
            Ok(_) | Err(FlowError::Diverges { .. }) => {}
            Err(_) => return None,
        }
    }
    None
}

/// The step from which on distance and sharpness stay within [`ARRIVED`] of 0 and of `end`.
///
/// Between two points of the history both fall exponentially, or nearly so.
fn arrival(history: &[Standing], end: f64) -> f64 {
    let excess = |standing: &Standing| {
        let off = (standing.sharpness / end - 1.0).abs();
        // T = 0 at the end where nothing is to be learnt of one layer.
        let off = if off.is_finite() { off } else { 0.0 };
        standing.distance.max(off) / ARRIVED
    };
    let Some(last) = history.iter().rposition(|standing| excess(standing) > 1.0) else {
        return 0.0;
    };
    let outside = &history[last];
    let Some(inside) = history.get(last + 1) else {
        return outside.step;
    };
    let (above, below) = (excess(outside).ln(), excess(inside).max(1e-300).ln());
    outside.step + (inside.step - outside.step) * above / (above - below)
}
