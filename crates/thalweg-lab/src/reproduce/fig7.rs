//! Figure 7: depth multiplies the sharpness and the largest eigenvalue.

use thalweg::flow::Drift;
use thalweg::theory::predict;

use super::claim::{beyond, paper};
use super::linear::{KAIMING, LOGARITHMIC, experiment, flows, identity_problem, plain};
use super::made::{Made, sgd_settings};
use super::network::KINDS;
use super::observable::{LAMBDA_MAX, SHARPNESS};
use super::plan::Plan;
use super::ran::Ran;
use super::{Budget, Context, ReproduceError};
use crate::plot::{Axis, Figure, Look, Panel, Point};

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
                experiment(problem, settings, steps, LOGARITHMIC, budget),
            );
        }
    }
    Ok(plan)
}

/// Draws and judges the figure.
pub fn show(ran: &Ran, context: Context<'_>) -> Result<Made, ReproduceError> {
    let observables = [SHARPNESS, LAMBDA_MAX];
    let mut panels = observables.map(|o| {
        Panel::new(
            format!("{} after 10^{{5}} steps", o.name),
            Axis::linear("depth D"),
            Axis::log(o.label),
        )
    });
    let mut claims = Vec::new();
    for (i, (kind, title)) in KINDS.into_iter().zip(TITLES).enumerate() {
        let mut points = observables.map(|_| [Vec::new(), Vec::new(), Vec::new()]);
        for depth in DEPTHS {
            let runs = ran.linear(&name(kind, depth))?;
            let prediction = predict(&runs.0.problem)?;
            let exact = [prediction.sharpness, prediction.lambda_max];
            let sources = [paper("eq. 14"), beyond("closed spectrum")];
            let flows = flows(runs, Drift::default())?;
            let what = format!("{title}, D = {depth}");
            for (k, (observable, source)) in observables.into_iter().zip(sources).enumerate() {
                let x = depth as f64;
                points[k][0].extend(runs.1.end(observable.key).mean().map(|end| Point {
                    x,
                    y: end.value,
                    error: end.error.unwrap_or(0.0),
                }));
                points[k][1].push(Point::exact(x, flows.mean_end(observable.flow)));
                points[k][2].push(Point::exact(x, exact[k]));
                claims.push(observable.against_limit(&what, source, exact[k], runs, &flows)?);
                claims.push(observable.against_flow(&what, runs, &flows));
            }
        }
        for (panel, [measured, flow, exact]) in panels.iter_mut().zip(points) {
            *panel = panel
                .clone()
                .with(format!("{kind}, SGD ± s.e."), measured, Look::scattered(i))
                .with(format!("{kind}, slow flow"), flow, Look::flow(i))
                .with(format!("{kind}, exact limit"), exact, Look::exact(i));
        }
    }
    Ok(Made {
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
            context.budget,
        ),
        figure: Figure {
            description: "Sharpness and largest eigenvalue against depth".to_owned(),
            panels: panels.to_vec(),
            columns: 2,
            frame: (330.0, 250.0),
        },
        claims,
    })
}
