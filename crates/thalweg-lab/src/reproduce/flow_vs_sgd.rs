//! Beyond the paper: SGD on the slow flow over ten million steps, flattening and then sharpening.

use thalweg::flow;
use thalweg::problem::{Problem, Weights};
use thalweg::simulate::{Ensemble, Init};

use super::claim::{Claim, Tolerance};
use super::made::{Made, sgd_settings};
use super::observable::{FLUCTUATION, SHARPNESS};
use super::sgd::{Flows, Runs, identity_problem, plain};
use super::{Context, ReproduceError};
use crate::plot::{Axis, Figure, Look, Panel};

const LEARNING_RATE: f64 = 0.003;
const BATCH: usize = 10;
const POINTS: u64 = 60;
/// The depth, the noise, and the seed of the start whose flow first flattens where it can.
const CASES: [(usize, [f64; 2], u64); 3] =
    [(3, [1.0, 0.1], 1), (2, [1.0, 0.2], 1), (4, [1.0, 0.3], 1)];

/// Runs, draws and judges the figure.
pub fn make(context: Context<'_>) -> Result<Made, ReproduceError> {
    let steps = context.budget.choose(3_000_000, 10_000_000);
    let times: Vec<u64> = (0..=POINTS).map(|i| i * steps / POINTS).collect();
    let (mut sharpness, mut fluctuation, mut claims) = (Vec::new(), Vec::new(), Vec::new());
    for (i, (depth, noise, seed)) in CASES.into_iter().enumerate() {
        let problem = identity_problem(&noise, depth)?;
        let start = minimum_from(&problem, seed)?;
        let settings = plain(LEARNING_RATE, BATCH, Init::Given(start));
        let share = 1.0 / CASES.len() as f64;
        let part = (i as f64 * share, (i + 1) as f64 * share);
        let runs = Runs::new(problem, settings, times.clone(), context, part)?;
        let flows = runs.flows()?;
        let title = format!("D = {depth}, √Σε = (1, {})", noise[1]);
        for (panels, observable) in [(&mut sharpness, SHARPNESS), (&mut fluctuation, FLUCTUATION)] {
            panels.push(
                Panel::new(
                    &title,
                    Axis::linear("step t"),
                    Axis::linear(observable.label),
                )
                .with(
                    "SGD from one minimum, mean ± s.e. of 5 seeds",
                    runs.trials.curve(&observable.sgd),
                    Look::measured(0),
                )
                .with(
                    "slow flow from the same minimum",
                    flows.curve(&observable.flow),
                    Look::flow(1),
                ),
            );
            claims.push(observable.against_flow(&title, &runs, &flows));
        }
        claims.push(falling(&title, &runs));
        claims.push(never_rises(&title, &flows));
    }
    let panels = sharpness.into_iter().chain(fluctuation).collect();
    Ok(Made {
        caption: "Above: sharpness falls, rises, or does both in turn. Below: the gradient fluctuation only falls, \
                  along the flow as a theorem (dF/du = −4 Σ‖dW_{k}/du‖² ≤ 0). SGD seeks minimal gradient \
                  fluctuation, not flatness."
            .to_owned(),
        settings: sgd_settings(
            "d = 2, Σx = V = I",
            LEARNING_RATE,
            BATCH,
            steps,
            "the minimum to which gradient flow takes a Kaiming start",
        ),
        figure: Figure {
            description: "Sharpness and fluctuation against steps, SGD and slow flow".to_owned(),
            panels,
            columns: 3,
            frame: (230.0, 180.0),
        },
        claims,
    })
}

/// The minimum to which gradient flow takes the Kaiming start of `seed`.
fn minimum_from(problem: &Problem, seed: u64) -> Result<Weights, ReproduceError> {
    let settings = plain(LEARNING_RATE, BATCH, Init::Kaiming { gain: 1.0 });
    let ensemble = Ensemble::start(problem, &settings, &[seed])?;
    let start = ensemble.weights().into_iter().flatten().next();
    let start = start.ok_or(ReproduceError::NoStart { seed })?;
    Ok(flow::descend(problem, &start, &flow::Settings::default())?.weights)
}

/// SGD's fluctuation is lower at the end than at the start.
fn falling(title: &str, runs: &Runs) -> Claim {
    let start = runs.trials.at(0, &FLUCTUATION.sgd);
    let end = runs.trials.end(&FLUCTUATION.sgd);
    let change = end.with(&start, |end, start| end / start).estimate();
    Claim::sampled(
        format!("{title}: SGD's F at the end over its F at the start"),
        "beyond the paper",
        (change, 1.0),
        "no change",
        Tolerance::AtMost { errors: 0.0 },
    )
}

/// The flow's fluctuation never rises from one time to the next.
fn never_rises(title: &str, flows: &Flows) -> Claim {
    let steps = flows
        .trials()
        .iter()
        .flat_map(|trial| trial.snapshots.windows(2));
    let worst = steps
        .map(|pair| pair[1].fluctuation / pair[0].fluctuation)
        .fold(0.0, f64::max);
    Claim::exact(
        format!("{title}: the flow's largest F(t′)/F(t) over consecutive times t′ > t"),
        "beyond the paper, dF/du ≤ 0",
        (worst, 1.0),
        "no rise",
        Tolerance::AtMost { errors: 0.0 },
    )
}
