//! Figure 7: depth multiplies the sharpness and the largest eigenvalue.

use thalweg::simulate::Init;
use thalweg::theory::predict;

use super::made::{Made, sgd_settings};
use super::observable::{LAMBDA_MAX, SHARPNESS};
use super::sgd::{Runs, identity_problem, plain};
use super::trials::schedule;
use super::{Context, ReproduceError};
use crate::plot::{Axis, Figure, Look, Panel, Point};

const DEPTHS: [usize; 4] = [2, 3, 4, 5];
const LEARNING_RATE: f64 = 0.01;
const BATCH: usize = 10;
const STEPS: u64 = 100_000;

/// Runs, draws and judges the figure.
pub fn make(context: Context<'_>) -> Result<Made, ReproduceError> {
    let cases = [
        ([10.0, 0.1], "anisotropic, √Σε = (10, 0.1)"),
        ([10.0, 10.0], "isotropic, √Σε = (10, 10)"),
    ];
    let observables = [SHARPNESS, LAMBDA_MAX];
    let mut panels = observables.map(|o| {
        Panel::new(
            format!("{} after 10^{{5}} steps", o.name),
            Axis::linear("depth D"),
            Axis::log(o.label),
        )
    });
    let mut claims = Vec::new();
    let share = 1.0 / (cases.len() * DEPTHS.len()) as f64;
    for (i, (noise, title)) in cases.into_iter().enumerate() {
        let mut points = observables.map(|_| [Vec::new(), Vec::new(), Vec::new()]);
        for (j, depth) in DEPTHS.into_iter().enumerate() {
            let problem = identity_problem(&noise, depth)?;
            let prediction = predict(&problem)?;
            let exact = [prediction.sharpness, prediction.lambda_max];
            let settings = plain(LEARNING_RATE, BATCH, Init::Kaiming { gain: 1.0 });
            let from = (i * DEPTHS.len() + j) as f64 * share;
            let runs = Runs::new(
                problem.clone(),
                settings,
                schedule(STEPS),
                context,
                (from, from + share),
            )?;
            let flows = runs.flows()?;
            let what = format!("{title}, D = {depth}");
            for (k, observable) in observables.into_iter().enumerate() {
                let x = depth as f64;
                let end = runs.trials.end(&observable.sgd).estimate();
                points[k][0].extend(end.map(|end| Point {
                    x,
                    y: end.estimate.mean,
                    error: end.estimate.standard_error.unwrap_or(0.0),
                }));
                points[k][1].push(Point::exact(x, flows.mean_end(&observable.flow)));
                points[k][2].push(Point::exact(x, exact[k]));
                let source = ["eq. 14", "closed spectrum (beyond the paper)"][k];
                claims.push(observable.against_limit(&what, source, exact[k], &runs, &flows)?);
                claims.push(observable.against_flow(&what, &runs, &flows));
            }
        }
        let kind = ["anisotropic", "isotropic"][i];
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
        settings: sgd_settings("d = 2, Σx = V = I", LEARNING_RATE, BATCH, STEPS, "Kaiming, gain 1"),
        figure: Figure {
            description: "Sharpness and largest eigenvalue against depth".to_owned(),
            panels: panels.to_vec(),
            columns: 2,
            frame: (330.0, 250.0),
        },
        claims,
    })
}
