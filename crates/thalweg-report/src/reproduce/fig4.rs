//! Figure 4: the drift along the minima stops when the noise does.

use thalweg::simulate::Switch;

use super::exhibit::{Exhibit, sgd_settings};
use super::linear::{EVEN, KAIMING, experiment, identity_problem, plain};
use super::plan::Plan;
use super::ran::Ran;
use super::shown::Shown as _;
use super::{Context, ReproduceError};
use crate::claims::Tolerance;
use crate::claims::{Claim, paper};
use crate::plot::{Axis, Dash, Figure, Look, Panel, Point};
use crate::results::Budget;
use crate::statistics::{PerTrial, Trials};
use thalweg_lab::compare::SLOW_FLOW;
use thalweg_lab::quantity::SHARPNESS;

const DEPTH: usize = 3;
const LEARNING_RATE: f64 = 0.001;
const BATCH: usize = 10;
const FIXED_BATCH: usize = 1000;
/// The drift left after the switch is at most this part of the drift before.
const LITTLE: f64 = 0.02;
/// The drift without a switch is at least this part of it.
const MUCH: f64 = 0.25;

const GOING: &str = "going-on";
const STOPPED: &str = "switched";

fn steps(budget: Budget) -> u64 {
    budget.long(1_000_000, 2_000_000)
}

/// SGD with and without the switch.
pub fn plan(budget: Budget) -> Result<Plan, ReproduceError> {
    let problem = identity_problem(&[10.0, 0.1], DEPTH)?;
    let steps = steps(budget);
    let going = plain(LEARNING_RATE, BATCH, KAIMING);
    let mut stopped = going.clone();
    stopped.switch = Some(Switch {
        at_step: steps / 2,
        samples: FIXED_BATCH,
    });
    let mut plan = Plan::default();
    plan.linear(
        STOPPED,
        experiment(problem.clone(), stopped, steps, EVEN, budget),
    );
    plan.linear(GOING, experiment(problem, going, steps, EVEN, budget));
    Ok(plan)
}

/// Draws and judges the figure.
pub fn show(ran: &Ran, context: Context<'_>) -> Result<Exhibit, ReproduceError> {
    let (stopped, going) = (ran.linear(STOPPED)?, ran.linear(GOING)?);
    let flows = ran.compared(GOING, &SLOW_FLOW)?;
    let mut claims = drifts(stopped.1, going.1);
    claims.push(SHARPNESS.against_flow("without the switch", going.1, &flows));
    let mark = steps(context.budget) / 2;
    let heights = going.1.curve(&SHARPNESS.key);
    let low = heights
        .iter()
        .map(|p| p.y - p.error)
        .fold(f64::INFINITY, f64::min);
    let high = heights.iter().map(|p| p.y + p.error).fold(0.0, f64::max);
    let mark_line = [low, high].into_iter().filter(|y| y.is_finite());
    let panel = Panel::new(
        "√Σε = (10, 0.1)",
        Axis::linear("step t"),
        Axis::linear(SHARPNESS.with_unit()),
    )
    .with(
        format!("SGD, mean ± s.e. of {} seeds", going.1.count()),
        heights,
        Look::measured(0),
    )
    .with(
        "slow flow at this η and B",
        flows.curve(&SHARPNESS),
        Look::flow(0),
    )
    .with(
        "switched to gradient descent",
        stopped.1.curve(&SHARPNESS.key),
        Look::measured(1),
    )
    .with(
        "the switch",
        mark_line.map(|y| Point::exact(mark as f64, y)).collect(),
        Look::reference(Dash::Dotted),
    );
    let mut settings = sgd_settings(
        "D = 3, d = 2, Σx = V = I",
        LEARNING_RATE,
        BATCH,
        steps(context.budget),
        "Kaiming, gain 1",
        &context.budget.linear_seeds(),
    );
    settings.push((
        "switch",
        format!("after {mark} steps, to gradient descent on one batch of {FIXED_BATCH}"),
    ));
    Ok(Exhibit {
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

/// The claims about T's drift after half of the run, relative to that before.
fn drifts(stopped: &Trials, going: &Trials) -> Vec<Claim> {
    // From a little after the switch: GD first moves to the minimum of its own batch.
    let before = rate(stopped, 0.1, 0.5);
    let claim = |statement, rate: PerTrial, (part, by), tolerance| {
        let ratio = rate.ratio_of_means(&before).map(|ratio| ratio.size());
        Claim::new(statement, paper("Figure 4"), (ratio, part), by, tolerance)
    };
    vec![
        claim(
            "after the switch to gradient descent, |drift of T| relative to the drift before",
            rate(stopped, 0.6, 1.0),
            (LITTLE, "2 % of the drift before the switch"),
            Tolerance::Below {},
        ),
        claim(
            "without the switch T drifts on: its drift relative to that before",
            rate(going, 0.6, 1.0),
            (MUCH, "a quarter of the drift before"),
            Tolerance::Above {},
        ),
    ]
}

/// Each trial's change of T between these parts of the run, over their distance.
fn rate(trials: &Trials, from: f64, to: f64) -> PerTrial {
    let at = |part: f64| {
        let step = (part * trials.last() as f64).round() as u64;
        trials.at(trials.index_from(step), &SHARPNESS.key)
    };
    at(to).with(&at(from), |end, begin| (end - begin) / (to - from))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::Verdict;
    use crate::statistics::trials_by_hand as by_hand;

    const STEPS: [u64; 5] = [0, 10, 50, 60, 100];

    /// T rises by 40 and 44 between a tenth and a half of the run.
    fn trials(last: [f64; 2]) -> Trials {
        let first = [0.0, 10.0, 50.0, 52.0, last[0]];
        by_hand(
            &STEPS,
            "sharpness",
            &[&first, &[0.0, 10.0, 54.0, 52.0, last[1]]],
        )
    }

    #[test]
    fn drifts_are_relative_to_the_drift_before_the_switch() {
        let of = |stopped, going| -> Vec<_> {
            let claims = drifts(&trials(stopped), &trials(going));
            claims.into_iter().map(Claim::judge).collect()
        };
        let judged = of([52.01, 52.03], [82.0, 84.0]);
        assert!((judged[0].measured.unwrap() - 0.04 / 84.0).abs() < 1e-12);
        assert!((judged[1].measured.unwrap() - 62.0 / 84.0).abs() < 1e-12);
        assert_eq!([judged[0].verdict, judged[1].verdict], [Verdict::Agrees; 2]);
        // It goes on falling as fast as it rose: that is a drift, too.
        assert_eq!(of([12.0, 8.1], [52.0, 52.1])[0].verdict, Verdict::Disagrees);
        assert_eq!(of([12.0, 8.1], [52.0, 52.1])[1].verdict, Verdict::Disagrees);
        // One trial stops and the other does not.
        assert_eq!(
            of([52.0, 54.0], [82.0, 84.0])[0].verdict,
            Verdict::NotAtThisBudget
        );
    }
}
