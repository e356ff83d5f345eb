//! Beyond the paper: SAM on the minibatch of the step is SGD with a faster clock; normalised, it has an end of its own.

use thalweg::problem::Problem;
use thalweg::recipe::Sam;
use thalweg::simulate::InitialWeights;

use super::exhibit::{Exhibit, sgd_settings};
use super::linear::{EVEN, at_theorem_1, experiment, identity_problem, minimum_from, plain};
use super::plan::Plan;
use super::ran::Ran;
use super::shown::Shown as _;
use super::{Context, ReproduceError};
use crate::claims::{Claim, SGD, Tolerance, beyond};
use crate::plot::{Axis, Dash, Figure, Look, Panel, Point};
use crate::results::Budget;
use crate::statistics::{PerTrial, Trials};
use thalweg_lab::compare::{EXACT_DRIFT, SLOW_FLOW};
use thalweg_lab::quantity::SHARPNESS;

const DEPTH: usize = 2;
const NOISE: [f64; 2] = [1.0, 0.2];
const BATCH: usize = 10;
/// The seed of the start.
const START: u64 = 1;
/// ρ/η of every ascent.
const RADIUS: f64 = 1.0;
/// 1 + 2ρ/η: so many times faster.
const FASTER: f64 = 1.0 + 2.0 * RADIUS;

const PLAIN: &str = "sgd";
const SAME: &str = "sam";
const OTHER: &str = "sam-independent";
const NORMALISED: &str = "sam-normalised";
/// SGD from where the normalised ascent starts: its own end, which lies a little below Theorem 1's at a finite step.
const AT_END: &str = "sgd-at-its-end";

/// η and the steps.
fn clock(budget: Budget) -> (f64, u64) {
    let (learning_rate, steps) = budget.choose((0.005, 1_600_000), (0.002, 10_000_000));
    (learning_rate, budget.long(steps, steps))
}

fn problem() -> Result<Problem, ReproduceError> {
    identity_problem(&NOISE, DEPTH)
}

/// Three kinds of step from one minimum, and the normalised ascent from where SGD alone would end, beside SGD there.
pub fn plan(budget: Budget) -> Result<Plan, ReproduceError> {
    let (learning_rate, steps) = clock(budget);
    let one = InitialWeights::Given(minimum_from(&problem()?, START)?);
    let ascent = |normalised, independent| {
        Some(Sam {
            radius: RADIUS * learning_rate,
            normalised,
            independent,
        })
    };
    let mut plan = Plan::default();
    for (name, sam, start) in [
        (PLAIN, None, one.clone()),
        (SAME, ascent(false, false), one.clone()),
        (OTHER, ascent(false, true), one),
        (NORMALISED, ascent(true, false), at_theorem_1(&problem()?)?),
        (AT_END, None, at_theorem_1(&problem()?)?),
    ] {
        let mut settings = plain(learning_rate, BATCH, start);
        settings.recipe.sam = sam;
        plan.linear(name, experiment(problem()?, settings, steps, EVEN, budget));
    }
    Ok(plan)
}

/// Draws and judges the figure.
pub fn show(ran: &Ran, context: Context<'_>) -> Result<Exhibit, ReproduceError> {
    let (learning_rate, steps) = clock(context.budget);
    let mut settings = sgd_settings(
        "D = 2, d = 2, Σx = V = I, √Σε = (1, 0.2)",
        learning_rate,
        BATCH,
        steps,
        "the minimum to which gradient flow takes a Kaiming start; right: Theorem 1's minimum",
        &context.budget.linear_seeds(),
    );
    settings.push(("ρ", format!("{}, equal to η", RADIUS * learning_rate)));
    Ok(Exhibit {
        caption: "SAM takes the gradient at the weights moved up by ρ along the minibatch's own gradient. That is \
                  SGD with a faster clock: by step t (left) it is as far as SGD is after 1 + 2ρ/η times as many, here three, \
                  and over the slow time multiplied by this the two are one curve (middle). With a minibatch of its own for the \
                  ascent it is plain SGD. Divided by its norm the ascent is another force, and leads from SGD's end to \
                  one of its own (right)."
            .to_owned(),
        settings,
        figure: Figure {
            description: "Sharpness of SGD and of SAM against steps and against their own clocks".to_owned(),
            panels: vec![
                by_step(ran)?,
                by_clock(ran, learning_rate)?,
                normalised(ran)?,
            ],
            columns: 3,
            frame: (230.0, 220.0),
        },
        claims: claims(ran)?,
    })
}

/// Each run that follows the slow flow, what it is called, and how fast its clock is.
const CLOCKED: [(&str, &str, f64); 3] = [
    (PLAIN, "SGD", 1.0),
    (SAME, "SAM, the same minibatch", FASTER),
    (OTHER, "SAM, another minibatch", 1.0),
];

fn claims(ran: &Ran) -> Result<Vec<Claim>, ReproduceError> {
    let mut claims = Vec::new();
    for (run, title, _) in CLOCKED {
        let flows = ran.compared(run, &SLOW_FLOW)?;
        claims.push(SHARPNESS.against_flow(title, ran.linear(run)?.1, &flows));
    }
    let [(_, sgd), (_, sam)] = [ran.linear(PLAIN)?, ran.linear(SAME)?];
    claims.push(one_curve(sgd, sam));
    let trials = ran.linear(NORMALISED)?.1;
    let drift = ran.compared(NORMALISED, &EXACT_DRIFT)?;
    let (own, theorem) = (
        drift.limit(&SHARPNESS)?,
        ran.compared(PLAIN, &SLOW_FLOW)?.limit(&SHARPNESS)?,
    );
    // Which starts at Theorem 1's minimum.
    claims.push(
        SHARPNESS
            .against_flow("normalised SAM", trials, &drift)
            .told_from(theorem),
    );
    claims.push(Claim::exact(
        "normalised SAM: T at its own end is below T at Theorem 1's minimum",
        beyond("the force of ρ E‖g‖"),
        (own, theorem),
        "Theorem 1",
        Tolerance::Below {},
    ));
    let sgd = ran.linear(AT_END)?.1.end(&SHARPNESS.key);
    let ratio = trials.end(&SHARPNESS.key).with(&sgd, |sam, sgd| sam / sgd);
    claims.push(Claim::ratio(
        "normalised SAM's T over SGD's, both from Theorem 1's minimum: below 1",
        beyond("the force of ρ E‖g‖"),
        ratio.geometric_mean(),
        Tolerance::Below {},
    ));
    Ok(claims)
}

/// SAM's T from 4/5 of a third of the run to this third, over SGD's in its last fifth.
fn one_curve(sgd: &Trials, sam: &Trials) -> Claim {
    let last = sam.last() as f64;
    let [from, to] = [0.8, 1.0].map(|part| sam.index_from((part * last / FASTER).round() as u64));
    let values: Vec<PerTrial> = (from..=to).map(|i| sam.at(i, &SHARPNESS.key)).collect();
    let sum = values
        .iter()
        .skip(1)
        .fold(values[0].clone(), |sum, next| sum.with(next, |a, b| a + b));
    let count = values.len() as f64;
    let ratio = sum.with(&sgd.end(&SHARPNESS.key), |sum, sgd| sum / count / sgd);
    Claim::ratio(
        format!("SAM's T at a step over SGD's T at {FASTER} times as many: one curve"),
        beyond("R = ρF/2B multiplies the noise's drift by 1 + 2ρ/η"),
        ratio.geometric_mean(),
        SGD,
    )
}

fn by_step(ran: &Ran) -> Result<Panel, ReproduceError> {
    let mut panel = Panel::new(
        "by the step",
        Axis::linear("step t"),
        Axis::linear(SHARPNESS.with_unit()),
    );
    for (i, (run, title, _)) in CLOCKED.into_iter().enumerate() {
        let curve = ran.linear(run)?.1.curve(&SHARPNESS.key);
        panel = panel.with(title, curve, Look::measured(i));
    }
    Ok(panel)
}

fn by_clock(ran: &Ran, learning_rate: f64) -> Result<Panel, ReproduceError> {
    let unit = learning_rate * learning_rate / BATCH as f64;
    let scaled = |points: Vec<Point>, clock: f64| -> Vec<Point> {
        let at = |point: Point| Point {
            x: clock * unit * point.x,
            ..point
        };
        points.into_iter().map(at).collect()
    };
    let flows = ran.compared(SAME, &SLOW_FLOW)?;
    let mut panel = Panel::new(
        "by its own clock",
        Axis::linear("slow time u × speed of the clock"),
        Axis::linear(SHARPNESS.with_unit()),
    )
    .with(
        "slow flow",
        scaled(flows.curve(&SHARPNESS), FASTER),
        Look::reference(Dash::Dashed),
    );
    for (i, (run, title, clock)) in CLOCKED.into_iter().enumerate() {
        let curve = ran.linear(run)?.1.curve(&SHARPNESS.key);
        panel = panel.with(title, scaled(curve, clock), Look::measured(i));
    }
    Ok(panel)
}

fn normalised(ran: &Ran) -> Result<Panel, ReproduceError> {
    let drift = ran.compared(NORMALISED, &EXACT_DRIFT)?;
    let theorem = ran.compared(PLAIN, &SLOW_FLOW)?.limit(&SHARPNESS)?;
    Ok(Panel::new(
        "normalised, from SGD's end",
        Axis::linear("step t"),
        Axis::linear(SHARPNESS.with_unit()),
    )
    .with(
        "SAM, normalised",
        ran.linear(NORMALISED)?.1.curve(&SHARPNESS.key),
        Look::measured(3),
    )
    .with(
        "SGD from there",
        ran.linear(AT_END)?.1.curve(&SHARPNESS.key),
        Look::measured(0),
    )
    .with("its exact drift", drift.curve(&SHARPNESS), Look::flow(3))
    .with_level("its own end", drift.limit(&SHARPNESS)?, Look::exact(3))
    .with_level(
        "Theorem 1's minimum",
        theorem,
        Look::reference(Dash::DashDot),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::trials_by_hand as by_hand;

    /// T = 1 + speed t/300: SGD's mean from step 240 to 300 beside that of SAM from 80 to 100.
    #[test]
    fn one_curve_is_found_and_a_wrong_clock_is_too() {
        let steps: Vec<u64> = (0..=300).collect();
        let run = |speed: f64| {
            let curve = |scale: f64| -> Vec<f64> {
                let value = |&t: &u64| scale * (1.0 + speed * t as f64 / 300.0);
                steps.iter().map(value).collect()
            };
            by_hand(&steps, &SHARPNESS.key, &[&curve(1.0), &curve(2.0)])
        };
        let ratio = |sam| one_curve(&run(1.0), &run(sam)).judge().measured.unwrap();
        assert!((ratio(FASTER) - 1.0).abs() < 1e-12);
        assert!((ratio(2.0) - 1.6 / 1.9).abs() < 1e-12);
    }
}
