//! SGD's descent from one start to a minimum without its noise, and what the noise does on the way.
//!
//! The descent is gradient descent itself for its first [`EXACT_STEPS`] steps, so that a step size near the
//! edge of stability does what it does there, and gradient flow from then on: what still moves by then
//! has ηλ so small that a step of one is a step of the other (the amplitude of a mode differs by a fraction
//! of 2/e² EXACT_STEPS⁻¹ of its start at most). What leaves a saddle grows by ln(1 + ηg) a step and not by ηg, so that steps go on until all
//! [`Saddles`] are left at which that counts, within [`MOST_WORK`].
//!
//! With momentum β it is heavy ball, for 1/(1 − β) times as many steps, within [`MOST_WORK`]. What has not come to rest after
//! N/(1 − β) steps moves so slowly that its velocity is that of gradient flow at η/(1 − β) from the same weights: the oscillations have fallen to
//! e^{−N/2}, and the weights differ from heavy ball's by about .12/N of their start's size. Measured at β = .9, .99 and .999, with η/(1 − β)
//! from 3e-4 to 3 and a start off the minima: at N = 10 by 1.3 % at most (T by .9 %), at N = 30 by .4 % (T by .13 %).
//! From small starts, which leave a saddle, T is off by up to 8 % at N = 10 and 2.3 % at N = 30.
//! (w + β/(1 − β) (w_n − w_{n−1}), which gradient descent moves at η/(1 − β), is a worse point to go on from: twice the error
//! at N ≥ 10, and far off while anything oscillates.)
//!
//! Under SAM each of these steps ascends first, along the mean gradient. What still moves after them has so little curvature that the ascent does
//! not change it, but where a saddle is left later still.

mod saddles;
mod scattered;
mod shaken;
mod step;
#[cfg(test)]
mod tests;

use super::{
    FlowError, FlowSettings, Steps,
    descent::follow,
    manifold::to_manifold,
    point::{Model, Point},
    rosenbrock::Statistics,
    validity::ARRIVED,
};
use crate::Stop;
use crate::problem::Weights;
use saddles::Saddles;
use scattered::Scattered;
use shaken::{Shaken, Way};
use step::{Rule, Run};

/// How many steps of gradient descent without momentum are made one by one, in networks of few weights.
const EXACT_STEPS: u64 = 1000;

/// Networks of more weights than this get fewer of them, to a tenth, since each takes as long as one of the integrator's evaluations.
const MANY_WEIGHTS: usize = 100_000;

/// At every so many steps it is looked at whether the weights dwell near a saddle,
const DWELL: u64 = 16;

/// and at each of so many first ones: at a large step size few of them leave the one near the start.
const FIRST: u64 = 64;

/// What momentum adds to the steps ends at so many multiplications in all, some tenths of a second.
const MOST_WORK: f64 = 2e9;

/// What a layer costs in each step beside its products, in multiplications.
const LAYER_WORK: f64 = 5e3;

/// But not before N = 10.
const LEAST_RELAXED: f64 = 10.0;

/// The relative residual below which the rest of the descent is no longer told apart from its end.
const NEAR: f64 = 1e-7;

/// The relative residual at which there is nothing left of it.
const DOWN: f64 = 1e-10;

/// Gradient descent from one start.
pub(super) struct Descending {
    rule: Rule,
    start: Vec<f64>,
    /// The weights at each of the steps asked for.
    pub(super) states: Vec<Vec<f64>>,
    /// The minimum at which it ends.
    pub(super) minimum: Vec<f64>,
    /// The largest T on the way.
    pub(super) sharpest: f64,
    /// The step from which on product and sharpness are within [`ARRIVED`] of theirs at the minimum.
    pub(super) arrival: f64,
    /// Whether it dwells near a saddle on the way.
    pub(super) leaves_saddle: bool,
    pub(super) scattered: Scattered,
    pub(super) statistics: Statistics,
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
pub(super) fn own_rate(steps: &Steps, momentum: f64) -> f64 {
    steps.learning_rate * (1.0 - momentum)
}

/// The multiplications of one gradient in a network of that size, about.
fn gradient_work(model: &Model) -> f64 {
    let sides = model.rank() + model.outputs();
    2.0 * (model.dim() * sides) as f64 + LAYER_WORK * model.depth() as f64
}

/// How many steps of gradient descent are made one by one in a network of that size: at least, and until it has left its saddles.
fn exact_steps(model: &Model, momentum: f64) -> [u64; 2] {
    let many = (model.dim() / MANY_WEIGHTS).clamp(1, 10);
    let plain = EXACT_STEPS / many as u64;
    let relaxation = 1.0 / (1.0 - momentum);
    let affordable = MOST_WORK / gradient_work(model);
    let most = affordable.max(LEAST_RELAXED * relaxation);
    let least = plain.max((plain as f64 * relaxation).min(most) as u64);
    [least, least.max(affordable as u64)]
}

impl Descending {
    pub(super) fn new(
        model: &Model,
        start: &Weights,
        steps: &Steps,
        settings: &FlowSettings,
    ) -> Result<Self, FlowError> {
        let momentum = settings.momentum;
        let [least, most] = exact_steps(model, momentum);
        let rule = Rule {
            learning_rate: own_rate(steps, momentum),
            batch: steps.batch as f64,
            momentum,
            sam: settings.sam,
        };
        // Inputs that are nearly dependent may still move when the residual is tiny: time goes on from the last exact step.
        let mut taken = 0;
        let mut wanted = steps.steps.iter().copied().peekable();
        let mut states = Vec::with_capacity(steps.steps.len());
        let mut history = Vec::new();
        let last = steps.steps.last().map_or(0.0, |step| *step as f64);
        let mut scattered = Scattered::new(model, last);
        let start = model.flatten(start.layers());
        let mut run = Run::new(start.clone());
        let mut saddles = Saddles::of(model, steps.learning_rate, momentum)?;
        let stop = Stop::here();
        for step in 0..=most {
            taken = step;
            while wanted.next_if_eq(&step).is_some() {
                states.push(run.weights.clone());
            }
            let point = Point::new(model, model.layers(&run.weights));
            let standing = Standing::at(model, step as f64, &point);
            let distance = standing.distance;
            if !distance.is_finite() {
                return Err(FlowError::Diverges {
                    learning_rate: rule.learning_rate,
                    step,
                    stable: None,
                });
            }
            scattered.look(step as f64, &point, &run.weights, standing.sharpness);
            if step < FIRST || step.is_multiple_of(DWELL) {
                saddles.look(&point);
            }
            history.push(standing);
            // What moves on may pass a minimum.
            let is_down = distance <= DOWN && run.coasting(&rule) <= DOWN;
            let is_enough = step >= least && saddles.are_left(&point);
            if step == most || is_enough || is_down {
                break;
            }
            // With much momentum the steps of a wide network take seconds.
            stop.asked()?;
            run.advance(1, model, &point, &rule, &[]);
        }

        let step_of = |time: f64| taken as f64 + time / steps.learning_rate;
        let run = follow(model, run.weights, NEAR, settings, |run| {
            let point = Point::new(model, model.layers(run.weights()));
            let standing = Standing::at(model, step_of(run.time()), &point);
            scattered.look(standing.step, &point, run.weights(), standing.sharpness);
            saddles.look(&point);
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
        let end = Point::new(model, model.layers(&minimum));
        let leaves_saddle = saddles.were_met(&end);
        let end = end.sharpness();
        let sharpest = history.iter().map(|standing| standing.sharpness);
        Ok(Self {
            rule,
            start,
            states,
            minimum,
            sharpest: sharpest.fold(end, f64::max),
            arrival: arrival(&history, end),
            leaves_saddle,
            scattered,
            statistics: run.statistics,
        })
    }

    /// What the noise of minibatches does to T at `steps` on the way, and at its end if it has one by the last of them.
    pub(super) fn shaken(&self, model: &Model, steps: &[u64]) -> Result<Shaken, FlowError> {
        let last = steps.last().copied().unwrap_or(0);
        let arrives = last as f64 >= self.arrival;
        let way = Way {
            start: &self.start,
            steps,
            length: last.min(self.arrival.ceil() as u64),
            arrives,
        };
        Shaken::new(model, &way, &self.rule)
    }
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
