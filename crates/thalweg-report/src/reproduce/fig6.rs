//! Figure 6: the first and the last layer become ill-conditioned, the middle one stays near 1.

use super::exhibit::{Exhibit, sgd_settings};
use super::linear::{KAIMING, LOGARITHMIC, experiment, identity_problem, plain};
use super::network::KINDS;
use super::plan::Plan;
use super::ran::Ran;
use super::shown::Shown as _;
use super::{Context, ReproduceError};
use crate::claims::{Claim, paper};
use crate::plot::{Axis, Figure, Look, Panel};
use crate::results::Budget;
use thalweg_lab::compare::SLOW_FLOW;
use thalweg_lab::quantity::condition_number;
use thalweg_lab::spec::Experiment;

const DEPTH: usize = 3;
const LEARNING_RATE: f64 = 0.01;
const BATCH: usize = 10;
const STEPS: u64 = 100_000;
const NOISES: [[f64; 2]; 2] = [[10.0, 0.1], [10.0, 10.0]];
const TITLES: [&str; 2] = ["anisotropic, √Σε = (10, 0.1)", "isotropic, √Σε = (10, 10)"];

fn name(kind: &str) -> String {
    format!("linear-{kind}")
}

/// Both noises.
pub fn plan(budget: Budget) -> Result<Plan, ReproduceError> {
    let mut plan = Plan::default();
    for (kind, noise) in KINDS.into_iter().zip(NOISES) {
        let problem = identity_problem(&noise, DEPTH)?;
        let settings = plain(LEARNING_RATE, BATCH, KAIMING);
        let steps = budget.long(STEPS, STEPS);
        plan.linear(
            name(kind),
            Experiment {
                seeds: budget.strong_seeds(),
                ..experiment(problem, settings, steps, LOGARITHMIC, budget)
            },
        );
    }
    Ok(plan)
}

/// Draws and judges the figure.
pub fn show(ran: &Ran, context: Context<'_>) -> Result<Exhibit, ReproduceError> {
    let cases = || KINDS.into_iter().zip(TITLES);
    let mut claims = Vec::new();
    for (kind, title) in cases() {
        claims.extend(self::claims(ran, &name(kind), title)?);
    }
    let panels = cases().map(|(kind, title)| panel(ran, &name(kind), title));
    Ok(Exhibit {
        caption: "Condition number of each layer. Under anisotropic noise the outer layers inflate and the \
                  middle layer heads for a multiple of an orthogonal matrix. The exact limits of the two \
                  outer layers coincide here."
            .to_owned(),
        settings: sgd_settings(
            "D = 3, d = 2, Σx = V = I",
            LEARNING_RATE,
            BATCH,
            STEPS,
            "Kaiming, gain 1",
            &context.budget.strong_seeds(),
        ),
        figure: Figure {
            description: "Condition numbers of three layers against SGD steps".to_owned(),
            panels: panels.collect::<Result<_, _>>()?,
            columns: 2,
            frame: (330.0, 250.0),
        },
        claims,
    })
}

fn claims(ran: &Ran, name: &str, title: &str) -> Result<Vec<Claim>, ReproduceError> {
    let (runs, flows) = (ran.linear(name)?, ran.compared(name, &SLOW_FLOW)?);
    let mut claims = Vec::new();
    for quantity in (1..=DEPTH).map(condition_number) {
        claims.push(quantity.against_limit(title, paper("eq. 65, 66"), runs, &flows)?);
        claims.push(quantity.against_flow(title, runs.1, &flows));
    }
    Ok(claims)
}

fn panel(ran: &Ran, name: &str, title: &str) -> Result<Panel, ReproduceError> {
    let ((_, trials), flows) = (ran.linear(name)?, ran.compared(name, &SLOW_FLOW)?);
    let mut panel = Panel::new(
        title,
        Axis::log("step t"),
        Axis::log(condition_number(1).with_unit()),
    );
    for (layer, quantity) in (1..=DEPTH).map(condition_number).enumerate() {
        let limit = flows.limit(&quantity)?;
        let symbol = &quantity.symbol;
        panel = panel.with(
            format!("{symbol}, SGD ± s.e."),
            trials.curve(&quantity.key),
            Look::measured(layer),
        );
        let called = |theory: &str| format!("{symbol}, {theory}");
        panel = flows.drawn_on(panel, called, &quantity, layer).with_level(
            format!("{symbol}, exact limit"),
            limit,
            Look::exact(layer),
        );
    }
    Ok(panel)
}
