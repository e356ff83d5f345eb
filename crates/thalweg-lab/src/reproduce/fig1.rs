//! Figure 1: from every initial scale SGD ends at the same sharpness, that of Theorem 1.

use thalweg::flow::{self, Times};
use thalweg::problem::Problem;
use thalweg::simulate::{Ensemble, Init};
use thalweg::theory::predict;

use super::claim::{Claim, SLOW_FLOW, Tolerance};
use super::made::{Made, sgd_settings};
use super::observable::SHARPNESS;
use super::sgd::{Runs, identity_problem, plain};
use super::trials::{SEEDS, schedule};
use super::{Context, ReproduceError};
use crate::plot::{Axis, Dash, Figure, Look, Panel};

const DEPTH: usize = 3;
const LEARNING_RATE: f64 = 0.001;
const BATCH: usize = 10;
const PAPER_STEPS: u64 = 100_000;
const GAINS: [f64; 3] = [0.5, 1.0, 1.5];
/// The mildest change of the paper's noise for which runs of a few million steps can converge.
const MILD: [f64; 2] = [10.0, 5.0];
/// The flow from every start within this of the limit: the claim can be tested.
const TESTABLE: f64 = 0.01;

/// Runs, draws and judges the figure.
pub fn make(context: Context<'_>) -> Result<Made, ReproduceError> {
    let mild = identity_problem(&MILD, DEPTH)?;
    let most = context.budget.choose(500_000, 5_000_000);
    let testable = budget_by_flow(&mild, most)?;
    let cases = [
        (
            identity_problem(&[10.0, 0.1], DEPTH)?,
            "√Σε = (10, 0.1), the paper's budget",
            PAPER_STEPS,
            (0.0, 0.3),
        ),
        (
            mild,
            "√Σε = (10, 5), budget chosen by the flow",
            testable,
            (0.3, 1.0),
        ),
    ];
    let (mut panels, mut claims) = (Vec::new(), Vec::new());
    for (problem, title, steps, (from, to)) in cases {
        let limit = predict(&problem)?.sharpness;
        let mut panel = Panel::new(title, Axis::log("step t"), Axis::log(SHARPNESS.label));
        let mut ends = Vec::new();
        for (i, gain) in GAINS.into_iter().enumerate() {
            let step = (to - from) / GAINS.len() as f64;
            let part = (from + i as f64 * step, from + (i + 1) as f64 * step);
            let settings = plain(LEARNING_RATE, BATCH, Init::Kaiming { gain });
            let runs = Runs::new(problem.clone(), settings, schedule(steps), context, part)?;
            let flows = runs.flows()?;
            panel = panel
                .with(
                    format!("SGD, initial scale {gain}"),
                    runs.trials.curve(&SHARPNESS.sgd),
                    Look::measured(i),
                )
                .with(
                    format!("slow flow, scale {gain}"),
                    flows.curve(&SHARPNESS.flow),
                    Look::flow(i),
                );
            let what = format!("{title}, scale {gain}");
            claims.push(SHARPNESS.against_limit(
                &what,
                "Theorem 1 (eq. 14)",
                limit,
                &runs,
                &flows,
            )?);
            claims.push(SHARPNESS.against_flow(&what, &runs, &flows));
            ends.push((
                runs.trials.end(&SHARPNESS.sgd).estimate(),
                flows.mean_end(&SHARPNESS.flow),
            ));
        }
        panels.push(panel.with_level("Theorem 1 (eq. 14)", limit, Look::reference(Dash::DashDot)));
        let spread = |values: Vec<f64>| {
            let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            high / values.iter().copied().fold(f64::INFINITY, f64::min)
        };
        let (measured, by_flow): (Vec<_>, Vec<f64>) = ends.into_iter().unzip();
        let left_out = GAINS.iter().zip(&measured).filter_map(|(gain, end)| {
            let left_out = end.as_ref().ok()?.left_out.as_ref()?;
            Some(format!("scale {gain}: {left_out}"))
        });
        let left_out: Vec<String> = left_out.collect();
        let measured: Result<Vec<f64>, String> = measured
            .into_iter()
            .map(|end| Ok(end?.estimate.mean))
            .collect();
        let (measured, by_flow) = (measured.map(spread), spread(by_flow));
        let claim = Claim::new(
            format!(
                "{title}: largest over smallest T among the initial scales is as the slow flow has it"
            ),
            "Figure 1",
            (measured, by_flow),
            format!("{SLOW_FLOW} at the same budget"),
            Tolerance::Within {
                relative: 0.05,
                errors: 0.0,
            },
        );
        claims.push(Claim {
            left_out: (!left_out.is_empty()).then(|| left_out.join("; ")),
            ..claim
        });
    }
    let mut settings = sgd_settings(
        "D = 3, d = 2, Σx = V = I",
        LEARNING_RATE,
        BATCH,
        PAPER_STEPS,
        "Kaiming, entries scaled by 0.5, 1 and 1.5",
    );
    settings.push((
        "second panel",
        format!("{testable} steps: the first of 1, 2, 5, 10 … ·10^{{5}} at which the flow from every start is within {} % of the limit, at most {most}", 100.0 * TESTABLE),
    ));
    Ok(Made {
        caption: "Every initial scale heads for the same sharpness. With the paper's noise and 10^{5} steps \
                  neither SGD nor the flow is there yet; with milder anisotropy, and a budget that the \
                  flow says is enough, the claim can be tested."
            .to_owned(),
        settings,
        figure: Figure {
            description: "Sharpness against SGD steps from three initial scales".to_owned(),
            panels,
            columns: 2,
            frame: (330.0, 250.0),
        },
        claims,
    })
}

/// The first of 1, 2, 5, 10 … ·10⁵ steps at which the flow from every start is close to the limit.
fn budget_by_flow(problem: &Problem, most: u64) -> Result<u64, ReproduceError> {
    let limit = predict(problem)?.sharpness;
    let candidates: Vec<u64> = [1, 2, 5, 10, 20, 50]
        .map(|n| n * 100_000)
        .into_iter()
        .filter(|&steps| steps <= most)
        .collect();
    let accuracy = flow::Settings::default();
    let times = Times::Steps {
        learning_rate: LEARNING_RATE,
        batch: BATCH,
        steps: candidates.clone(),
    };
    let mut worst = vec![0.0_f64; candidates.len()];
    for gain in GAINS {
        let settings = plain(LEARNING_RATE, BATCH, Init::Kaiming { gain });
        let ensemble = Ensemble::start(problem, &settings, &SEEDS)?;
        for start in ensemble.weights().into_iter().flatten() {
            let minimum = flow::descend(problem, &start, &accuracy)?;
            let trajectory = flow::slow_flow(problem, &minimum.weights, &times, &accuracy)?;
            for (worst, snapshot) in worst.iter_mut().zip(&trajectory.snapshots) {
                *worst = worst.max((snapshot.sharpness / limit - 1.0).abs());
            }
        }
    }
    let first = worst.iter().position(|&distance| distance <= TESTABLE);
    Ok(first.map_or(most, |i| candidates[i]))
}
