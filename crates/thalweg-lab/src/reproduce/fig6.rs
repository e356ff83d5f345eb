//! Figure 6: the first and the last layer become ill-conditioned, the middle one stays near 1.

use thalweg::simulate::Init;
use thalweg::theory::predict;

use super::made::{Made, sgd_settings};
use super::observable::CONDITIONS;
use super::sgd::{Runs, identity_problem, plain};
use super::trials::schedule;
use super::{Context, ReproduceError};
use crate::plot::{Axis, Figure, Look, Panel};

const DEPTH: usize = 3;
const LEARNING_RATE: f64 = 0.01;
const BATCH: usize = 10;
const STEPS: u64 = 100_000;

/// Runs, draws and judges the figure.
pub fn make(context: Context<'_>) -> Result<Made, ReproduceError> {
    let cases = [
        ([10.0, 0.1], "anisotropic, √Σε = (10, 0.1)"),
        ([10.0, 10.0], "isotropic, √Σε = (10, 10)"),
    ];
    let (mut panels, mut claims) = (Vec::new(), Vec::new());
    for (i, (noise, title)) in cases.into_iter().enumerate() {
        let problem = identity_problem(&noise, DEPTH)?;
        let exact = predict(&problem)?.minimum.layer_conditioning()?;
        let part = (0.5 * i as f64, 0.5 * (i + 1) as f64);
        let settings = plain(LEARNING_RATE, BATCH, Init::Kaiming { gain: 1.0 });
        let runs = Runs::new(problem, settings, schedule(STEPS), context, part)?;
        let flows = runs.flows()?;
        let mut panel = Panel::new(title, Axis::log("step t"), Axis::log(CONDITIONS[0].label));
        for (layer, (observable, exact)) in CONDITIONS.into_iter().zip(exact).enumerate() {
            let name = observable.name;
            panel = panel
                .with(
                    format!("{name}, SGD ± s.e."),
                    runs.trials.curve(&observable.sgd),
                    Look::measured(layer),
                )
                .with(
                    format!("{name}, slow flow"),
                    flows.curve(&observable.flow),
                    Look::flow(layer),
                )
                .with_level(
                    format!("{name}, exact limit"),
                    exact.condition_number,
                    Look::exact(layer),
                );
            let limit = exact.condition_number;
            claims.push(observable.against_limit(title, "eq. 65, 66", limit, &runs, &flows)?);
            claims.push(observable.against_flow(title, &runs, &flows));
        }
        panels.push(panel);
    }
    Ok(Made {
        caption: "Condition number of each layer. Under anisotropic noise the outer layers inflate and the \
                  middle layer heads for a multiple of an orthogonal matrix. The exact limits of the two \
                  outer layers coincide here."
            .to_owned(),
        settings: sgd_settings("D = 3, d = 2, Σx = V = I", LEARNING_RATE, BATCH, STEPS, "Kaiming, gain 1"),
        figure: Figure {
            description: "Condition numbers of three layers against SGD steps".to_owned(),
            panels,
            columns: 2,
            frame: (330.0, 250.0),
        },
        claims,
    })
}
