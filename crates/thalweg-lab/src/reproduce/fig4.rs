//! Figure 4: the drift along the minima stops when the noise does.

use thalweg::simulate::{Init, Switch};

use super::claim::{Claim, Tolerance};
use super::made::{Made, sgd_settings};
use super::observable::SHARPNESS;
use super::sgd::{Runs, identity_problem, plain};
use super::{Context, ReproduceError};
use crate::plot::{Axis, Figure, Look, Panel, Point};

const DEPTH: usize = 3;
const LEARNING_RATE: f64 = 0.001;
const BATCH: usize = 10;
const FIXED_BATCH: usize = 1000;
const POINTS: u64 = 60;

/// Runs, draws and judges the figure.
pub fn make(context: Context<'_>) -> Result<Made, ReproduceError> {
    let steps = context.budget.choose(1_000_000, 2_000_000);
    let mark = steps / 2;
    let problem = identity_problem(&[10.0, 0.1], DEPTH)?;
    let noisy = plain(LEARNING_RATE, BATCH, Init::Kaiming { gain: 1.0 });
    let mut switched = noisy.clone();
    switched.switch = Some(Switch {
        at_step: mark,
        samples: FIXED_BATCH,
    });
    let times: Vec<u64> = (0..=POINTS).map(|i| i * steps / POINTS).collect();
    // GD on the fixed batch does not get cheaper with its size, nor SGD dearer: each takes a half.
    let stopped = Runs::new(
        problem.clone(),
        switched,
        times.clone(),
        context,
        (0.0, 0.5),
    )?;
    let going = Runs::new(problem, noisy, times, context, (0.5, 1.0))?;
    let flows = going.flows()?;

    let at = |runs: &Runs, part: f64| {
        runs.trials
            .at((part * POINTS as f64).round() as usize, &SHARPNESS.sgd)
    };
    // From a little after the switch: GD first moves to the minimum of its own batch.
    let drift = |runs: &Runs, from, to| {
        at(runs, to)
            .with(&at(runs, from), |end, begin| (end - begin) / (to - from))
            .estimate()
            .map(|mut rate| {
                rate.estimate.mean = rate.estimate.mean.abs();
                rate
            })
    };
    let before = drift(&stopped, 0.1, 0.5);
    let after = drift(&stopped, 0.6, 1.0);
    let still = drift(&going, 0.6, 1.0);
    // Nothing to compare with is no measurement either.
    let claim = |name: &str, rate, part: f64, by: &str, tolerance| {
        let rate = before.clone().and(rate);
        let predicted = before
            .as_ref()
            .map_or(f64::NAN, |before| part * before.estimate.mean);
        Claim::sampled(name, "Figure 4", (rate, predicted), by, tolerance)
    };
    let mut claims = vec![
        claim(
            "after the switch to gradient descent, |drift of T| over the run's length",
            after,
            0.02,
            "2 % of the drift before the switch",
            Tolerance::AtMost { errors: 0.0 },
        ),
        claim(
            "without the switch T drifts on, over the run's length",
            still,
            0.25,
            "a quarter of the drift before",
            Tolerance::AtLeast { errors: 0.0 },
        ),
    ];
    claims.push(SHARPNESS.against_flow("without the switch", &going, &flows));

    let heights = going.trials.curve(&SHARPNESS.sgd);
    let low = heights
        .iter()
        .map(|p| p.y - p.error)
        .fold(f64::INFINITY, f64::min);
    let high = heights.iter().map(|p| p.y + p.error).fold(0.0, f64::max);
    let mark_line = [low, high]
        .into_iter()
        .filter(|y| y.is_finite())
        .map(|y| Point::exact(mark as f64, y));
    let panel = Panel::new(
        "√Σε = (10, 0.1)",
        Axis::linear("step t"),
        Axis::linear(SHARPNESS.label),
    )
    .with("SGD, mean ± s.e. of 5 seeds", heights, Look::measured(0))
    .with(
        "slow flow at this η and B",
        flows.curve(&SHARPNESS.flow),
        Look::flow(0),
    )
    .with(
        "switched to gradient descent",
        stopped.trials.curve(&SHARPNESS.sgd),
        Look::measured(1),
    )
    .with(
        "the switch",
        mark_line.collect(),
        Look::reference(crate::plot::Dash::Dotted),
    );
    let mut settings = sgd_settings(
        "D = 3, d = 2, Σx = V = I",
        LEARNING_RATE,
        BATCH,
        steps,
        "Kaiming, gain 1",
    );
    settings.push((
        "switch",
        format!("after {mark} steps, to gradient descent on one batch of {FIXED_BATCH}"),
    ));
    Ok(Made {
        caption: "Sharpness drifts as long as gradients fluctuate. Gradient descent on one fixed batch moves \
                  to that batch's own minimum and stays there."
            .to_owned(),
        settings,
        figure: Figure {
            description: "Sharpness against steps, with and without a switch to gradient descent".to_owned(),
            panels: vec![panel],
            columns: 1,
            frame: (560.0, 280.0),
        },
        claims,
    })
}
