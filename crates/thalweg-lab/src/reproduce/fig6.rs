//! Figure 6: the first and the last layer become ill-conditioned, the middle one stays near 1.

use thalweg::flow::Drift;
use thalweg::theory::predict;

use super::claim::paper;
use super::linear::{KAIMING, LOGARITHMIC, experiment, flows, identity_problem, plain};
use super::made::{Made, sgd_settings};
use super::network::KINDS;
use super::observable::CONDITIONS;
use super::plan::Plan;
use super::ran::Ran;
use super::{Budget, Context, ReproduceError};
use crate::plot::{Axis, Figure, Look, Panel};

const DEPTH: usize = 3;
const LEARNING_RATE: f64 = 0.01;
const BATCH: usize = 10;
const STEPS: u64 = 100_000;
const NOISES: [[f64; 2]; 2] = [[10.0, 0.1], [10.0, 10.0]];
const TITLES: [&str; 2] = ["anisotropic, √Σε = (10, 0.1)", "isotropic, √Σε = (10, 10)"];

/// Both noises.
pub fn plan(budget: Budget) -> Result<Plan, ReproduceError> {
    let mut plan = Plan::default();
    for (kind, noise) in KINDS.into_iter().zip(NOISES) {
        let problem = identity_problem(&noise, DEPTH)?;
        let settings = plain(LEARNING_RATE, BATCH, KAIMING);
        let steps = budget.long(STEPS, STEPS);
        plan.linear(
            format!("linear-{kind}"),
            experiment(problem, settings, steps, LOGARITHMIC, budget),
        );
    }
    Ok(plan)
}

/// Draws and judges the figure.
pub fn show(ran: &Ran, context: Context<'_>) -> Result<Made, ReproduceError> {
    let (mut panels, mut claims) = (Vec::new(), Vec::new());
    for (kind, title) in KINDS.into_iter().zip(TITLES) {
        let runs = ran.linear(&format!("linear-{kind}"))?;
        let exact = predict(&runs.0.problem)?.minimum.layer_conditioning()?;
        let flows = flows(runs, Drift::default())?;
        let mut panel = Panel::new(title, Axis::log("step t"), Axis::log(CONDITIONS[0].label));
        for (layer, (observable, exact)) in CONDITIONS.into_iter().zip(exact).enumerate() {
            let (name, limit) = (observable.name, exact.condition_number);
            panel = panel
                .with(
                    format!("{name}, SGD ± s.e."),
                    runs.1.curve(observable.key),
                    Look::measured(layer),
                )
                .with(
                    format!("{name}, slow flow"),
                    flows.curve(observable.flow),
                    Look::flow(layer),
                )
                .with_level(format!("{name}, exact limit"), limit, Look::exact(layer));
            claims.push(observable.against_limit(
                title,
                paper("eq. 65, 66"),
                limit,
                runs,
                &flows,
            )?);
            claims.push(observable.against_flow(title, runs, &flows));
        }
        panels.push(panel);
    }
    Ok(Made {
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
            context.budget,
        ),
        figure: Figure {
            description: "Condition numbers of three layers against SGD steps".to_owned(),
            panels,
            columns: 2,
            frame: (330.0, 250.0),
        },
        claims,
    })
}
