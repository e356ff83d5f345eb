//! SGD's way from any start: down to the minima in real time, then along them.
//!
//! Where the two clocks of the flow lie apart, the weights at step t are those of the descent and of the
//! slow motion together, less the minimum that both have in common (matched asymptotics):
//!
//! W(t) = W_descent(t) + W_slow(η²t/B) − W_min.
//!
//! Early W_slow = W_min, and this is the descent; late W_descent = W_min, and this is the slow flow. What it
//! leaves out is how the noise moves the weights *while* they descend, of which [`Validity`] says how much it is.

use super::{
    FlowError, FlowSettings, Steps, Times, Trajectory, Validity, Waypoint,
    own_drift::own_drift,
    point::{Model, Point},
    trajectory::{along, has_path, limit, limit_size, misalignment_of, snapshot},
    validity::{Approach, MOST_DRIFT, Size},
    way_down::{Descending, own_rate},
};
use crate::problem::{Problem, Weights};

/// A scatter below this, relative to T, is rounding, of which nothing can be told of how it is forgotten.
const ROUNDING: f64 = 1e-7;

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
    Ok(path_and_minimum(problem, start, steps, settings)?.0)
}

/// The same, and the minimum to which SGD's own steps lead without noise.
pub(super) fn path_and_minimum(
    problem: &Problem,
    start: &Weights,
    steps: &Steps,
    settings: &FlowSettings,
) -> Result<(Trajectory, Weights), FlowError> {
    has_path(problem, settings)?;
    settings.check(problem)?;
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
    times.push(delay.min(slow_times.last().copied().unwrap_or(0.0)));
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
    let shaken = descent.shaken(&model, &steps.steps)?;
    let minimum = sharpness(&descent.minimum);
    let end = shaken.end.map_or(0.0, |shift| {
        shift.from(sharpness(at(delay)) / minimum - 1.0).min(1.0)
    });
    let (first, others) = match scattered {
        Ok(scattered) => {
            let first = off(&scattered, &descent.minimum);
            let counts = first > ROUNDING && first.max(end) > MOST_DRIFT;
            (first, counts.then(|| follow(scattered)).transpose()?)
        }
        Err(FlowError::Stopped(stopped)) => return Err(stopped.into()),
        // So far away that no minimum is near.
        Err(_) => (1.0, None),
    };

    let mut snapshots = Vec::with_capacity(slow_times.len());
    let (mut drift, mut end_drift) = (0.0f64, 0.0f64);
    for (row, (&slow_time, &step)) in slow_times.iter().zip(&steps.steps).enumerate() {
        let slow = at(slow_time);
        let descending = &descent.states[row];
        let with = |slow: &[f64]| {
            let sum: Vec<f64> = (0..model.dim())
                .map(|i| slow[i] + (descending[i] - descent.minimum[i]))
                .collect();
            Point::new(&model, model.layers(&sum))
        };
        let point = with(slow);
        let distance = point.residual.norm_l2() / model.scale();
        let delayed = at((slow_time - delay).max(0.0));
        let tried = shaken.on_the_way.get(row).map(|shift| {
            let change = point.sharpness() / sharpness(descending) - 1.0;
            shift.from(change)
        });
        let is_down = step as f64 >= descent.arrival;
        let mut late = 0.0f64;
        if !std::ptr::eq(slow, delayed) {
            let delayed = with(delayed);
            late = (&point.residual - &delayed.residual).norm_l2() / model.scale();
            if is_down || tried.is_none() {
                late = late.max((point.sharpness() / delayed.sharpness() - 1.0).abs());
            }
        }
        let is_last = row + 1 == steps.steps.len();
        let arrived = if is_down || (is_last && tried.is_none()) {
            // All of it acts once the weights are down; the flow forgets it from then on.
            let kept = match &others {
                Some((others, _)) => off(&others[place(slow_time)], slow) / first,
                None => 1.0,
            };
            (late + kept * first).max(kept * end)
        } else {
            late
        };
        end_drift = tried.unwrap_or(0.0).max(arrived).min(1.0);
        drift = drift.max(end_drift);
        let weights = Weights::new(problem, point.layers)?;
        let mut here = snapshot(problem, slow_time, weights, distance)?;
        here.step = Some(step);
        snapshots.push(here);
    }
    // What noise does beside a saddle may be as large as T.
    if descent.leaves_saddle && !shaken.is_whole {
        (drift, end_drift) = (1.0, 1.0);
    }
    let slow_sharpness = |row: usize| sharpness(at(slow_times[row]));
    let own = own_drift(
        &model,
        &descent.minimum,
        &slow_times,
        slow_sharpness,
        settings,
    )?;
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
    .with_own_drift(own)
    .with_approach(Approach {
        distance: snapshots.last().map_or(0.0, |last| last.distance),
        step: last_step,
        arrival: descent.arrival,
        drift,
        end_drift,
        is_tried: shaken.is_whole,
        leaves_saddle: descent.leaves_saddle,
        lambda_max,
        inputs,
    });
    statistics.add(&descent.statistics);
    let minimum = Weights::new(problem, model.layers(&descent.minimum))?;
    let trajectory = Trajectory {
        snapshots,
        limit,
        validity: Some(validity),
        statistics,
    };
    Ok((trajectory, minimum))
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
