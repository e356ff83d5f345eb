//! Figure 7: depth multiplies the sharpness and the largest eigenvalue.

use super::exhibit::{Exhibit, sgd_settings};
use super::linear::{KAIMING, LOGARITHMIC, experiment, identity_problem, plain};
use super::network::KINDS;
use super::plan::Plan;
use super::ran::Ran;
use super::shown::Shown as _;
use super::{Context, ReproduceError};
use crate::claims::{Claim, beyond, paper};
use crate::plot::{Axis, Figure, Look, Panel, Point};
use crate::results::Budget;
use thalweg_lab::compare::SLOW_FLOW;
use thalweg_lab::quantity::{LAMBDA_MAX, Quantity, SHARPNESS};
use thalweg_lab::spec::Experiment;

const DEPTHS: [usize; 4] = [2, 3, 4, 5];
const LEARNING_RATE: f64 = 0.01;
const BATCH: usize = 10;
const STEPS: u64 = 100_000;
const NOISES: [[f64; 2]; 2] = [[10.0, 0.1], [10.0, 10.0]];
const TITLES: [&str; 2] = ["anisotropic, √Σε = (10, 0.1)", "isotropic, √Σε = (10, 10)"];

fn name(kind: &str, depth: usize) -> String {
    format!("linear-{kind}-depth-{depth}")
}

/// Both noises at each depth.
pub fn plan(budget: Budget) -> Result<Plan, ReproduceError> {
    let mut plan = Plan::default();
    for (kind, noise) in KINDS.into_iter().zip(NOISES) {
        for depth in DEPTHS {
            let problem = identity_problem(&noise, depth)?;
            let settings = plain(LEARNING_RATE, BATCH, KAIMING);
            let steps = budget.long(STEPS, STEPS);
            plan.linear(
                name(kind, depth),
                Experiment {
                    seeds: budget.strong_seeds(),
                    ..experiment(problem, settings, steps, LOGARITHMIC, budget)
                },
            );
        }
    }
    Ok(plan)
}

/// Draws and judges the figure.
pub fn show(ran: &Ran, context: Context<'_>) -> Result<Exhibit, ReproduceError> {
    let panels = [SHARPNESS, LAMBDA_MAX].map(|quantity| panel(ran, &quantity));
    Ok(Exhibit {
        caption: "Sharpness and largest eigenvalue at the end of the runs, against depth. For isotropic noise \
                  T_{min} = 4D; for anisotropic noise the limit grows in proportion to D, and 10^{5} steps \
                  reach less of it."
            .to_owned(),
        settings: sgd_settings(
            "d = 2, Σx = V = I",
            LEARNING_RATE,
            BATCH,
            STEPS,
            "Kaiming, gain 1",
            &context.budget.strong_seeds(),
        ),
        figure: Figure {
            description: "Sharpness and largest eigenvalue against depth".to_owned(),
            panels: panels.into_iter().collect::<Result<_, _>>()?,
            columns: 2,
            frame: (330.0, 250.0),
        },
        claims: claims(ran)?,
    })
}

fn claims(ran: &Ran) -> Result<Vec<Claim>, ReproduceError> {
    let mut claims = Vec::new();
    for (kind, title) in KINDS.into_iter().zip(TITLES) {
        for depth in DEPTHS {
            let runs = ran.linear(&name(kind, depth))?;
            let flows = ran.compared(&name(kind, depth), &SLOW_FLOW)?;
            let what = format!("{title}, D = {depth}");
            let sources = [paper("eq. 14"), beyond("closed spectrum")];
            for (quantity, source) in [SHARPNESS, LAMBDA_MAX].into_iter().zip(sources) {
                claims.push(quantity.against_limit(&what, source, runs, &flows)?);
                claims.push(quantity.against_flow(&what, runs.1, &flows));
            }
        }
    }
    Ok(claims)
}

fn panel(ran: &Ran, quantity: &Quantity) -> Result<Panel, ReproduceError> {
    let mut panel = Panel::new(
        format!("{} after 10^{{5}} steps", quantity.symbol),
        Axis::linear("depth D"),
        Axis::log(quantity.with_unit()),
    );
    for (i, kind) in KINDS.into_iter().enumerate() {
        let (mut measured, mut flow, mut exact) = (Vec::new(), Vec::new(), Vec::new());
        for depth in DEPTHS {
            let x = depth as f64;
            let (_, trials) = ran.linear(&name(kind, depth))?;
            measured.extend(trials.end(&quantity.key).mean().map(|end| end.point(x)));
            let flows = ran.compared(&name(kind, depth), &SLOW_FLOW)?;
            flow.push(Point::exact(x, flows.mean_end(quantity)));
            exact.push(Point::exact(x, flows.limit(quantity)?));
        }
        panel = panel
            .with(format!("{kind}, SGD ± s.e."), measured, Look::scattered(i))
            .with(format!("{kind}, slow flow"), flow, Look::flow(i))
            .with(format!("{kind}, exact limit"), exact, Look::exact(i));
    }
    Ok(panel)
}
