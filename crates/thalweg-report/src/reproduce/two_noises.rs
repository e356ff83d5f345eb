//! What Figures 2 and 5 share: networks under anisotropic and under isotropic noise.

use super::exhibit::Exhibit;
use super::linear::{KAIMING, LOGARITHMIC, experiment, identity_problem, plain};
use super::network::{CROSS_ENTROPY, Choice, KINDS, Model, SQUARED_ERROR, TRIALS, falls};
use super::plan::Plan;
use super::ran::Ran;
use super::shown::Shown as _;
use super::{Context, ReproduceError};
use crate::claims::{Citation, Claim, paper};
use crate::plot::{Axis, Figure, Look, Panel};
use crate::results::Budget;
use thalweg_lab::compare::SLOW_FLOW;
use thalweg_lab::quantity::{FLUCTUATION, Quantity};
use thalweg_lab::spec::Experiment;

const DEPTH: usize = 3;
const LEARNING_RATE: f64 = 0.01;
const BATCH: usize = 10;
const STEPS: u64 = 100_000;
const NOISES: [[f64; 2]; 2] = [[10.0, 0.1], [10.0, 10.0]];

/// One row of panels: a quantity of the linear network and of the others.
pub struct Row {
    pub quantity: Quantity,
    /// Where the exact value stands, for each noise.
    pub sources: fn() -> [Citation; 2],
}

fn networks() -> [Choice; 3] {
    let relu = Choice::new(Model::Relu, SQUARED_ERROR);
    [
        relu,
        relu.with_biases(),
        Choice::new(Model::Mnist, CROSS_ENTROPY),
    ]
}

fn linear_name(kind: &str) -> String {
    format!("linear-{kind}")
}

/// The linear network, the ReLU network without and with biases, and MNIST, under both noises.
pub fn plan(budget: Budget) -> Result<Plan, ReproduceError> {
    let mut plan = Plan::default();
    for (kind, deviations) in KINDS.into_iter().zip(NOISES) {
        let problem = identity_problem(&deviations, DEPTH)?;
        let settings = plain(LEARNING_RATE, BATCH, KAIMING);
        let steps = budget.long(STEPS, STEPS);
        let runs = Experiment {
            seeds: budget.strong_seeds(),
            ..experiment(problem, settings, steps, LOGARITHMIC, budget)
        };
        plan.linear(linear_name(kind), runs);
    }
    for choice in networks() {
        choice.plan_pair(&mut plan, budget)?;
    }
    Ok(plan)
}

/// Draws `rows`, and judges them.
pub fn show(
    figure: &'static str,
    rows: &[Row],
    caption: &str,
    ran: &Ran,
    context: Context<'_>,
) -> Result<Exhibit, ReproduceError> {
    let mut settings = vec![(
        "linear network",
        format!(
            "D = {DEPTH}, d = 2, Σx = V = I, η = {LEARNING_RATE}, B = {BATCH}, {STEPS} steps, Kaiming, exact Hessian, f64, {} trials",
            context.budget.strong_seeds().len()
        ),
    )];
    for choice in networks() {
        let noises = [choice.condition, 1.0];
        settings.push((
            choice.model.name(),
            choice.settings(&noises, context.budget)?,
        ));
    }
    settings.push(("trials", TRIALS.to_owned()));
    let (mut panels, mut claims) = (Vec::new(), Vec::new());
    for row in rows {
        panels.push(linear_panel(row, ran)?);
        claims.extend(linear_claims(figure, row, ran)?);
        for choice in networks() {
            let pair = choice.ran_pair(ran)?;
            let named = [("anisotropic noise", pair[0]), ("isotropic noise", pair[1])];
            panels.push(row.quantity.panel(&choice.words(), &named));
            claims.extend(network_claims(figure, &row.quantity, choice, ran)?);
        }
    }
    Ok(Exhibit {
        caption: caption.to_owned(),
        settings,
        figure: Figure {
            description: "Networks under anisotropic and isotropic label noise".to_owned(),
            panels,
            columns: networks().len() + 1,
            frame: (210.0, 190.0),
        },
        claims,
    })
}

fn linear_panel(row: &Row, ran: &Ran) -> Result<Panel, ReproduceError> {
    let quantity = &row.quantity;
    let mut panel = Panel::new(
        "linear network",
        Axis::log("step t"),
        Axis::log(quantity.with_unit()),
    );
    for (i, kind) in KINDS.into_iter().enumerate() {
        let name = linear_name(kind);
        let (_, trials) = ran.linear(&name)?;
        let flows = ran.compared(&name, &SLOW_FLOW)?;
        panel = panel.with(
            format!("{kind} noise"),
            trials.curve(&quantity.key),
            Look::measured(i),
        );
        let called = |theory: &str| format!("{kind} noise: {theory}");
        panel = flows.drawn_on(panel, called, quantity, i).with_level(
            format!("{kind} noise: exact limit"),
            flows.limit(quantity)?,
            Look::exact(i),
        );
    }
    Ok(panel)
}

fn linear_claims(figure: &str, row: &Row, ran: &Ran) -> Result<Vec<Claim>, ReproduceError> {
    let quantity = &row.quantity;
    let mut claims = Vec::new();
    for (kind, source) in KINDS.into_iter().zip((row.sources)()) {
        let runs = ran.linear(&linear_name(kind))?;
        let flows = ran.compared(&linear_name(kind), &SLOW_FLOW)?;
        let what = format!("linear network, {kind} noise");
        claims.push(quantity.against_limit(&what, source, runs, &flows)?);
        claims.push(quantity.against_flow(&what, runs.1, &flows));
    }
    if *quantity != FLUCTUATION {
        let [anisotropic, isotropic] = KINDS.map(|kind| ran.linear(&linear_name(kind)));
        let pair = [anisotropic?.1, isotropic?.1];
        claims.push(quantity.larger("linear network", paper(figure), pair));
    }
    Ok(claims)
}

/// That it ends larger under anisotropic noise; of the fluctuation, that it falls under either.
pub fn network_claims(
    figure: &str,
    quantity: &Quantity,
    choice: Choice,
    ran: &Ran,
) -> Result<Vec<Claim>, ReproduceError> {
    let (pair, what) = (choice.ran_pair(ran)?, choice.words());
    if *quantity != FLUCTUATION {
        return Ok(vec![quantity.larger(&what, paper(figure), pair)]);
    }
    let falls = |(kind, trials)| falls(&format!("{what}, {kind} noise"), trials);
    Ok(KINDS.into_iter().zip(pair).map(falls).collect())
}
