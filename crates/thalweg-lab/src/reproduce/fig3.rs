//! Figure 3: relative sharpness grows with the noise's condition number, in four networks and on both losses.

use super::claim::Claim;
use super::made::Made;
use super::network::{self, CROSS_ENTROPY, Model, NetworkObservable, SQUARED_ERROR};
use super::trials::PerSeed;
use super::{Context, ReproduceError, fig8};
use crate::plot::{Axis, Figure, Look, Panel, Point};

const MODELS: [Model; 4] = [Model::Linear, Model::Relu, Model::Rnn, Model::Transformer];

/// Runs, draws and judges the figure.
pub fn make(context: Context<'_>) -> Result<Made, ReproduceError> {
    let conditions: &[f64] = context
        .budget
        .choose(&[1.0, 100.0, 1e4], &[1.0, 10.0, 100.0, 1e3, 1e4]);
    let losses = [(SQUARED_ERROR, "squared error"), (CROSS_ENTROPY, "cross-entropy")];
    let observables = [
        (NetworkObservable::Sharpness, "relative sharpness T(κ)/T(1)"),
        (NetworkObservable::Fluctuation, "relative fluctuation F(κ)/F(1)"),
    ];
    let mut panels = Vec::new();
    for (_, label) in observables {
        for (_, loss) in losses {
            panels.push(Panel::new(loss, Axis::log("condition number κ of the noise Σε"), Axis::log(label)));
        }
    }
    let (mut claims, mut settings) = (Vec::new(), Vec::new());
    let runs = (losses.len() * MODELS.len() * conditions.len()) as f64;
    let mut made = 0.0;
    for (k, (loss, name)) in losses.into_iter().enumerate() {
        for (m, model) in MODELS.into_iter().enumerate() {
            let mut sweep = Vec::new();
            for &condition in conditions {
                let experiment = model.experiment(loss, condition, fig8::MEASURED, context.budget)?;
                let share = (made / runs, (made + 1.0) / runs);
                sweep.push(network::run(&experiment, context, share)?);
                made += 1.0;
                if k == 0 && condition == 1.0 {
                    settings.push((model.name(), format!("{}; {}", model.description(), network::budget(&experiment))));
                }
            }
            for (o, (observable, _)) in observables.into_iter().enumerate() {
                let relative: Vec<PerSeed> =
                    sweep.iter().map(|runs| observable.ratio(runs, &sweep[0])).collect();
                let points = conditions.iter().zip(&relative);
                let points = points.filter_map(|(&x, ratio)| {
                    let ratio = ratio.estimate().ok()?;
                    Some(Point { x, y: ratio.mean, error: ratio.standard_error? })
                });
                let panel = &mut panels[o * losses.len() + k];
                *panel = panel.clone().with(model.name(), points.collect(), Look::measured(m));
                if observable == NetworkObservable::Sharpness {
                    let what = format!("{}, {name}, κ = {}", model.name(), conditions[conditions.len() - 1]);
                    claims.push(network::larger(&what, "Figure 3", "T", &relative[relative.len() - 1]));
                }
            }
        }
    }
    settings.push(("trials", network::TRIALS.to_owned()));
    Ok(Made {
        caption: "Sharpness at the end of the runs, relative to that under isotropic noise of the same largest variance; \
                  smaller noise on the other outputs raises κ. Below (beyond the paper) the same ratio of the gradient's fluctuation. \
                  A softmax over two outputs sees only the difference of their noises, which has no shape."
            .to_owned(),
        settings,
        figure: Figure {
            description: "Relative sharpness and fluctuation against the noise's condition number".to_owned(),
            panels,
            columns: losses.len(),
            frame: (330.0, 220.0),
        },
        claims,
    })
}
