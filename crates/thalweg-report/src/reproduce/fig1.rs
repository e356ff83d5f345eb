//! Figure 1: from every initial scale SGD ends at the same sharpness, that of Theorem 1.

use std::sync::Arc;

use thalweg::problem::Problem;
use thalweg::simulate::InitialWeights;

use super::compared::Compared;
use super::exhibit::{Exhibit, sgd_settings};
use super::linear::{LOGARITHMIC, experiment, identity_problem, plain, relaxation};
use super::plan::Plan;
use super::ran::Ran;
use super::shown::Shown as _;
use super::{Context, ReproduceError};
use crate::claims::{Claim, Reach, SGD, paper};
use crate::plot::{Axis, Dash, Figure, Look, Panel};
use crate::results::Budget;
use crate::statistics::Trials;
use thalweg_lab::compare::{ExactLimit, Predictor as _, Question, SLOW_FLOW, Values, starts};
use thalweg_lab::quantity::SHARPNESS;
use thalweg_lab::spec::Experiment;

const DEPTH: usize = 3;
const LEARNING_RATE: f64 = 0.001;
const BATCH: usize = 10;
const PAPER_STEPS: u64 = 100_000;
const GAINS: [f64; 3] = [0.5, 1.0, 1.5];
/// The flow from every start within this of the limit: the claim can be tested.
const TESTABLE: f64 = 0.01;

/// The paper's noise at its budget; and the mildest change of it for which runs of a few million steps converge, at a
/// budget that the flow says is enough.
const CASES: [(&str, [f64; 2], &str); 2] = [
    ("paper", [10.0, 0.1], "√Σε = (10, 0.1), the paper's budget"),
    (
        "mild",
        [10.0, 5.0],
        "√Σε = (10, 5), budget chosen by the flow",
    ),
];

fn name(case: &str, gain: f64) -> String {
    format!("{case}-scale-{gain}")
}

fn most(budget: Budget) -> u64 {
    budget.long(500_000, 5_000_000)
}

/// Both cases from each initial scale.
pub fn plan(budget: Budget) -> Result<Plan, ReproduceError> {
    let mut plan = Plan::default();
    for (case, noise, _) in CASES {
        let problem = identity_problem(&noise, DEPTH)?;
        let steps = match case {
            "paper" => budget.long(PAPER_STEPS, PAPER_STEPS),
            _ => budget_by_flow(&problem, most(budget), budget)?,
        };
        for gain in GAINS {
            plan.linear(name(case, gain), of_scale(&problem, gain, steps, budget));
        }
    }
    Ok(plan)
}

fn of_scale(problem: &Problem, gain: f64, steps: u64, budget: Budget) -> Experiment {
    let settings = plain(LEARNING_RATE, BATCH, InitialWeights::Kaiming { gain });
    experiment(problem.clone(), settings, steps, LOGARITHMIC, budget)
}

/// Draws and judges the figure.
pub fn show(ran: &Ran, context: Context<'_>) -> Result<Exhibit, ReproduceError> {
    let [_, (mild, ..)] = CASES;
    let testable = ran.linear(&name(mild, GAINS[0]))?.0.steps;
    let mut settings = sgd_settings(
        "D = 3, d = 2, Σx = V = I",
        LEARNING_RATE,
        BATCH,
        PAPER_STEPS,
        "Kaiming, entries scaled by 0.5, 1 and 1.5",
        &context.budget.linear_seeds(),
    );
    settings.push((
        "second panel",
        format!("{testable} steps: the first of 1, 2, 5, 10 … ·10^{{5}} at which the flow from every start is within {} % of the limit, at most {}", 100.0 * TESTABLE, most(context.budget)),
    ));
    Ok(Exhibit {
        caption: "Every initial scale heads for the same sharpness. With the paper's noise and 10^{5} steps \
                  neither SGD nor the flow is there yet; with milder anisotropy, and a budget that the \
                  flow says is enough, the claim can be tested."
            .to_owned(),
        settings,
        figure: Figure {
            description: "Sharpness against SGD steps from three initial scales".to_owned(),
            panels: CASES
                .into_iter()
                .map(|(case, _, title)| panel(ran, case, title))
                .collect::<Result<_, _>>()?,
            columns: 2,
            frame: (330.0, 250.0),
        },
        claims: claims(ran)?,
    })
}

/// Every scale against the limit and against its flow, and all of them against one another.
fn claims(ran: &Ran) -> Result<Vec<Claim>, ReproduceError> {
    let mut claims = Vec::new();
    for (case, _, title) in CASES {
        let mut scales = Vec::new();
        let (first, _) = ran.linear(&name(case, GAINS[0]))?;
        for gain in GAINS {
            let (experiment, trials) = ran.linear(&name(case, gain))?;
            let flows = ran.compared(&name(case, gain), &SLOW_FLOW)?;
            let what = format!("{title}, scale {gain}");
            let (theorem, runs) = (paper("Theorem 1 (eq. 14)"), (experiment, trials));
            claims.push(SHARPNESS.against_limit(&what, theorem, runs, &flows)?);
            claims.push(SHARPNESS.against_flow(&what, trials, &flows));
            scales.push((trials, flows));
        }
        claims.push(together(title, first, &scales)?);
    }
    Ok(claims)
}

fn panel(ran: &Ran, case: &str, title: &str) -> Result<Panel, ReproduceError> {
    let mut limit = f64::NAN;
    let mut panel = Panel::new(title, Axis::log("step t"), Axis::log(SHARPNESS.with_unit()));
    for (i, gain) in GAINS.into_iter().enumerate() {
        let name = name(case, gain);
        let flows = ran.compared(&name, &SLOW_FLOW)?;
        limit = flows.limit(&SHARPNESS)?;
        panel = panel.with(
            format!("SGD, initial scale {gain}"),
            ran.linear(&name)?.1.curve(&SHARPNESS.key),
            Look::measured(i),
        );
        let called = |theory: &str| format!("{theory}, scale {gain}");
        panel = flows.drawn_on(panel, called, &SHARPNESS, i);
    }
    Ok(panel.with_level("Theorem 1 (eq. 14)", limit, Look::reference(Dash::DashDot)))
}

/// The claim that all initial scales end at one sharpness: by the two that the flow has furthest apart, which says whether the budget is enough.
fn together(
    title: &str,
    experiment: &Experiment,
    scales: &[(&Trials, Arc<Compared>)],
) -> Result<Claim, ReproduceError> {
    let by_flow = |i: &usize, j: &usize| {
        let end = |i: usize| scales[i].1.mean_end(&SHARPNESS);
        end(*i).total_cmp(&end(*j))
    };
    let (low, high) = (
        (0..scales.len()).min_by(by_flow).unwrap_or(0),
        (0..scales.len()).max_by(by_flow).unwrap_or(0),
    );
    let end = |i: usize| scales[i].0.end(&SHARPNESS.key);
    let flow = |i: usize| scales[i].1.end(&SHARPNESS);
    let ratio = flow(high).over(&flow(low)).mean();
    Ok(Claim {
        reach: Some(Reach {
            by: SLOW_FLOW.name(),
            steps: experiment.steps,
            flow: ratio.map_or(f64::NAN, |ratio| ratio.value),
            relaxation: relaxation(experiment)?,
        }),
        ..Claim::new(
            format!(
                "{title}: T from initial scale {} over T from scale {} at the end is 1",
                GAINS[high], GAINS[low]
            ),
            paper("Figure 1"),
            (end(high).over(&end(low)).mean(), 1.0),
            "one end for all scales",
            SGD,
        )
    })
}

/// The first of 1, 2, 5, 10 … ·10⁵ steps at which the flow from every start is close to the limit.
fn budget_by_flow(problem: &Problem, most: u64, budget: Budget) -> Result<u64, ReproduceError> {
    let candidates: Vec<u64> = [1, 2, 5, 10, 20, 50]
        .map(|n| n * 100_000)
        .into_iter()
        .filter(|&steps| steps <= most)
        .collect();
    if candidates.is_empty() {
        return Ok(most);
    }
    let mut worst = vec![0.0_f64; candidates.len()];
    for gain in GAINS {
        let experiment = of_scale(problem, gain, most, budget);
        let question = Question {
            problem,
            settings: &experiment.settings,
            starts: &starts(problem, &experiment.settings, &experiment.seeds)?,
            steps: &candidates,
            quantities: &[SHARPNESS],
        };
        let (Values::Paths(paths), Values::Level(limit)) = (
            SLOW_FLOW.answer(&question)?.values,
            ExactLimit.answer(&question)?.values,
        ) else {
            return Ok(most);
        };
        for path in paths {
            for (worst, at) in worst.iter_mut().zip(path) {
                let (Some(flow), Some(limit)) = (at[0], limit[0]) else {
                    return Ok(most);
                };
                *worst = worst.max((flow / limit - 1.0).abs());
            }
        }
    }
    let first = worst.iter().position(|&distance| distance <= TESTABLE);
    Ok(first.map_or(most, |i| candidates[i]))
}
