//! Beyond the paper: where the small-η theory ends, at the setting of Figure 2 and at a smaller step.

use thalweg::simulate::Init;
use thalweg::theory::predict;

use super::made::{Made, sgd_settings};
use super::observable::{LAMBDA_MAX, SHARPNESS};
use super::sgd::{Runs, identity_problem, plain};
use super::trials::schedule;
use super::{Context, ReproduceError};
use crate::plot::{Axis, Dash, Figure, Look, Panel};

const DEPTH: usize = 3;
const NOISE: [f64; 2] = [10.0, 0.1];
const BATCH: usize = 10;

/// Runs, draws and judges the figure.
pub fn make(context: Context<'_>) -> Result<Made, ReproduceError> {
    let (coarse, fine) = context
        .budget
        .choose((200_000, 2_000_000), (2_000_000, 20_000_000));
    let cases = [(0.01, coarse, (0.0, 0.1)), (0.001, fine, (0.1, 1.0))];
    let (mut panels, mut claims) = (Vec::new(), Vec::new());
    for (learning_rate, steps, part) in cases {
        let problem = identity_problem(&NOISE, DEPTH)?;
        let limit = predict(&problem)?.sharpness;
        let settings = plain(learning_rate, BATCH, Init::Kaiming { gain: 1.0 });
        let runs = Runs::new(problem, settings, schedule(steps), context, part)?;
        let flows = runs.flows()?;
        let title = format!("η = {learning_rate}, 2/η = {:.0}", 2.0 / learning_rate);
        let mut panel = Panel::new(&title, Axis::log("step t"), Axis::log("T, λ_{max}"));
        for (i, observable) in [SHARPNESS, LAMBDA_MAX].into_iter().enumerate() {
            let name = observable.name;
            panel = panel
                .with(
                    format!("{name}, SGD ± s.e."),
                    runs.trials.curve(&observable.sgd),
                    Look::measured(i),
                )
                .with(
                    format!("{name}, slow flow"),
                    flows.curve(&observable.flow),
                    Look::flow(i),
                );
            claims.push(observable.against_flow(&title, &runs, &flows));
        }
        claims.push(SHARPNESS.against_limit(&title, "Theorem 1 (eq. 14)", limit, &runs, &flows)?);
        panels.push(
            panel
                .with_level(
                    "T, exact limit (Theorem 1)",
                    limit,
                    Look::reference(Dash::DashDot),
                )
                .with_level(
                    "λ_{max} = 2/η, edge of stability",
                    2.0 / learning_rate,
                    Look::reference(Dash::Dotted),
                ),
        );
    }
    Ok(Made {
        caption: "The paper's noise (10, 0.1) drives λ_{max} towards the edge of stability 2/η. There SGD stays \
                  below the slow flow, which is leading order in η: at the larger step much more so. Predictions \
                  there are marked as outside the theory's range instead of being counted as wrong."
            .to_owned(),
        settings: sgd_settings(
            "D = 3, d = 2, Σx = V = I, √Σε = (10, 0.1)",
            0.001,
            BATCH,
            fine,
            "Kaiming, gain 1; and η = 0.01 for a tenth of the steps",
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
