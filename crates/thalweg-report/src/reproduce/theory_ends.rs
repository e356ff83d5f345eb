//! Beyond the paper: where the small-η theory ends, at the setting of Figure 2 and at a smaller step.

use super::exhibit::{Exhibit, sgd_settings};
use super::linear::{KAIMING, LOGARITHMIC, experiment, identity_problem, plain};
use super::plan::Plan;
use super::ran::Ran;
use super::shown::Shown as _;
use super::{Context, ReproduceError};
use crate::claims::{Claim, paper};
use crate::plot::{Axis, Dash, Figure, Look, Panel};
use crate::results::Budget;
use thalweg_lab::compare::SLOW_FLOW;
use thalweg_lab::quantity::{LAMBDA_MAX, SHARPNESS};

const DEPTH: usize = 3;
const NOISE: [f64; 2] = [10.0, 0.1];
const BATCH: usize = 10;

/// Each step size with its steps.
fn cases(budget: Budget) -> [(f64, u64); 2] {
    let (coarse, fine) = budget.choose((200_000, 2_000_000), (2_000_000, 20_000_000));
    [
        (0.01, budget.long(coarse, coarse)),
        (0.001, budget.long(fine, fine)),
    ]
}

fn name(learning_rate: f64) -> String {
    format!("rate-{learning_rate}")
}

/// Both step sizes.
pub fn plan(budget: Budget) -> Result<Plan, ReproduceError> {
    let mut plan = Plan::default();
    for (learning_rate, steps) in cases(budget) {
        let problem = identity_problem(&NOISE, DEPTH)?;
        let settings = plain(learning_rate, BATCH, KAIMING);
        plan.linear(
            name(learning_rate),
            experiment(problem, settings, steps, LOGARITHMIC, budget),
        );
    }
    Ok(plan)
}

/// Draws and judges the figure.
pub fn show(ran: &Ran, context: Context<'_>) -> Result<Exhibit, ReproduceError> {
    let cases = cases(context.budget);
    let (mut panels, mut claims) = (Vec::new(), Vec::new());
    for (learning_rate, _) in cases {
        panels.push(panel(ran, learning_rate)?);
        claims.extend(self::claims(ran, learning_rate)?);
    }
    Ok(Exhibit {
        caption: "The paper's noise (10, 0.1) drives λ_{max} towards the edge of stability 2/η. There SGD stays \
                  below the slow flow, which holds for small η: far below at the larger step, less so at the smaller. Predictions \
                  there are marked as outside the theory's range: they count as neither right nor wrong."
            .to_owned(),
        settings: sgd_settings(
            "D = 3, d = 2, Σx = V = I, √Σε = (10, 0.1)",
            cases[1].0,
            BATCH,
            cases[1].1,
            "Kaiming, gain 1; and η = 0.01 for a tenth of the steps",
            &context.budget.linear_seeds(),
        ),
        figure: Figure {
            description: "Sharpness and largest eigenvalue at two step sizes against the slow flow".to_owned(),
            panels,
            columns: 2,
            frame: (330.0, 260.0),
        },
        claims,
    })
}

fn title(learning_rate: f64) -> String {
    format!("η = {learning_rate}, 2/η = {:.0}", 2.0 / learning_rate)
}

fn claims(ran: &Ran, learning_rate: f64) -> Result<Vec<Claim>, ReproduceError> {
    let (name, title) = (name(learning_rate), title(learning_rate));
    let (runs, flows) = (ran.linear(&name)?, ran.compared(&name, &SLOW_FLOW)?);
    let theorem = paper("Theorem 1 (eq. 14)");
    Ok(vec![
        SHARPNESS.against_flow(&title, runs.1, &flows),
        LAMBDA_MAX.against_flow(&title, runs.1, &flows),
        SHARPNESS.against_limit(&title, theorem, runs, &flows)?,
    ])
}

fn panel(ran: &Ran, learning_rate: f64) -> Result<Panel, ReproduceError> {
    let name = name(learning_rate);
    let ((_, trials), flows) = (ran.linear(&name)?, ran.compared(&name, &SLOW_FLOW)?);
    let mut panel = Panel::new(
        title(learning_rate),
        Axis::log("step t"),
        Axis::log("T, λ_{max}, loss/weight²"),
    );
    for (i, quantity) in [SHARPNESS, LAMBDA_MAX].into_iter().enumerate() {
        let symbol = &quantity.symbol;
        panel = panel.with(
            format!("{symbol}, SGD ± s.e."),
            trials.curve(&quantity.key),
            Look::measured(i),
        );
        let called = |theory: &str| format!("{symbol}, {theory}");
        panel = flows.drawn_on(panel, called, &quantity, i);
    }
    Ok(panel
        .with_level(
            "T, exact limit (Theorem 1)",
            flows.limit(&SHARPNESS)?,
            Look::reference(Dash::DashDot),
        )
        .with_level(
            "λ_{max} = 2/η, edge of stability",
            2.0 / learning_rate,
            Look::reference(Dash::Dotted),
        ))
}
