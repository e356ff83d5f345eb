//! Beyond the paper: SGD on the slow flow over ten million steps, flattening and then sharpening.

use thalweg::simulate::InitialWeights;

use super::compared::Compared;
use super::exhibit::{Exhibit, sgd_settings};
use super::linear::{EVEN, experiment, identity_problem, minimum_from, plain};
use super::plan::Plan;
use super::ran::Ran;
use super::shown::Shown as _;
use super::{Context, ReproduceError};
use crate::claims::Tolerance;
use crate::claims::{Claim, beyond};
use crate::plot::{Axis, Figure, Look, Panel};
use crate::results::Budget;
use crate::statistics::Trials;
use thalweg_lab::compare::SLOW_FLOW;
use thalweg_lab::quantity::{FLUCTUATION, Quantity, SHARPNESS};

const LEARNING_RATE: f64 = 0.003;
const BATCH: usize = 10;
/// The depth, the noise, and the seed of the start whose flow first flattens where it can.
const CASES: [(usize, [f64; 2], u64); 3] =
    [(3, [1.0, 0.1], 1), (2, [1.0, 0.2], 1), (4, [1.0, 0.3], 1)];

fn name(depth: usize) -> String {
    format!("depth-{depth}")
}

fn steps(budget: Budget) -> u64 {
    budget.long(3_000_000, 10_000_000)
}

/// The three problems, each from one minimum.
pub fn plan(budget: Budget) -> Result<Plan, ReproduceError> {
    let mut plan = Plan::default();
    for (depth, noise, seed) in CASES {
        let problem = identity_problem(&noise, depth)?;
        let start = minimum_from(&problem, seed)?;
        let settings = plain(LEARNING_RATE, BATCH, InitialWeights::Given(start));
        plan.linear(
            name(depth),
            experiment(problem, settings, steps(budget), EVEN, budget),
        );
    }
    Ok(plan)
}

/// Draws and judges the figure.
pub fn show(ran: &Ran, context: Context<'_>) -> Result<Exhibit, ReproduceError> {
    let mut panels = Vec::new();
    for quantity in [SHARPNESS, FLUCTUATION] {
        for (depth, noise, _) in CASES {
            panels.push(panel(ran, &quantity, depth, noise)?);
        }
    }
    Ok(Exhibit {
        caption: "Above: sharpness falls, rises, or does both in turn. Below: the gradient fluctuation only falls, \
                  along the flow as a theorem (dF/du = −4 Σ‖dW_{k}/du‖² ≤ 0). SGD seeks minimal gradient \
                  fluctuation, not flatness."
            .to_owned(),
        settings: sgd_settings(
            "d = 2, Σx = V = I",
            LEARNING_RATE,
            BATCH,
            steps(context.budget),
            "the minimum to which gradient flow takes a Kaiming start",
            &context.budget.linear_seeds(),
        ),
        figure: Figure {
            description: "Sharpness and fluctuation against steps, SGD and slow flow".to_owned(),
            panels,
            columns: 3,
            frame: (230.0, 180.0),
        },
        claims: claims(ran)?,
    })
}

fn title(depth: usize, noise: [f64; 2]) -> String {
    format!("D = {depth}, √Σε = (1, {})", noise[1])
}

fn claims(ran: &Ran) -> Result<Vec<Claim>, ReproduceError> {
    let mut claims = Vec::new();
    for (depth, noise, _) in CASES {
        let title = title(depth, noise);
        let (_, trials) = ran.linear(&name(depth))?;
        let flows = ran.compared(&name(depth), &SLOW_FLOW)?;
        claims.push(SHARPNESS.against_flow(&title, trials, &flows));
        claims.push(FLUCTUATION.against_flow(&title, trials, &flows));
        claims.push(falls(&title, trials));
        claims.push(never_rises(&title, &flows));
    }
    Ok(claims)
}

fn panel(
    ran: &Ran,
    quantity: &Quantity,
    depth: usize,
    noise: [f64; 2],
) -> Result<Panel, ReproduceError> {
    let (_, trials) = ran.linear(&name(depth))?;
    let flows = ran.compared(&name(depth), &SLOW_FLOW)?;
    Ok(Panel::new(
        title(depth, noise),
        Axis::linear("step t"),
        Axis::linear(quantity.with_unit()),
    )
    .with(
        format!(
            "SGD from one minimum, mean ± s.e. of {} seeds",
            trials.count()
        ),
        trials.curve(&quantity.key),
        Look::measured(0),
    )
    .with(
        "slow flow from the same minimum",
        flows.curve(quantity),
        Look::flow(1),
    ))
}

/// SGD's fluctuation is lower at the end than at the start.
fn falls(title: &str, trials: &Trials) -> Claim {
    let change = trials
        .end(&FLUCTUATION.key)
        .over(&trials.at(0, &FLUCTUATION.key));
    Claim::ratio(
        format!("{title}: SGD's F at the end over its F at the start"),
        beyond(""),
        change.geometric_mean(),
        Tolerance::Below {},
    )
}

/// The flow's fluctuation never rises from one time to the next.
fn never_rises(title: &str, flows: &Compared) -> Claim {
    let paths = flows.paths(&FLUCTUATION);
    let worst = paths
        .iter()
        .flat_map(|(_, path)| path.windows(2))
        .map(|pair| pair[1] / pair[0])
        .reduce(f64::max)
        .unwrap_or(f64::NAN);
    Claim::exact(
        format!("{title}: the flow's largest F(t′)/F(t) over consecutive times t′ > t"),
        beyond("dF/du ≤ 0"),
        (worst, 1.0),
        "no rise",
        Tolerance::AtMost {},
    )
}
