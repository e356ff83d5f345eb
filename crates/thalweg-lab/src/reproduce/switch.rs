//! Figure 4 beyond the linear network: the drift stops with the noise in a ReLU network and in a transformer.

use thalweg::train::Switch;

use super::claim::{Claim, Tolerance};
use super::made::Made;
use super::network::{self, Model, NetworkObservable, SQUARED_ERROR};
use super::{Context, ReproduceError};
use crate::plot::{Axis, Dash, Figure, Look, Panel, Point};

const MODELS: [Model; 2] = [Model::Relu, Model::Transformer];
const FIXED_BATCH: usize = 1000;
const MEASURED: usize = 41;

const NAMES: [&str; 2] = [
    "SGD, mean ± s.e. of 5 seeds",
    "switched to gradient descent",
];

/// Runs, draws and judges the figure.
pub fn make(context: Context<'_>) -> Result<Made, ReproduceError> {
    let (mut panels, mut claims, mut settings) = (Vec::new(), Vec::new(), Vec::new());
    for (m, model) in MODELS.into_iter().enumerate() {
        let going = model.experiment(SQUARED_ERROR, model.condition(), MEASURED, context.budget)?;
        let mut stopped = going.clone();
        let mark = going.steps / 2;
        stopped.settings.switch = Some(Switch {
            at_step: mark,
            samples: FIXED_BATCH,
        });
        settings.push((
            model.name(),
            format!(
                "{}; {}; √Σε = {}; switch after {mark} steps to gradient descent on one batch of {FIXED_BATCH}",
                model.description(),
                network::budget(&going),
                network::noise_name(&model.deviations(going.network.outputs(), model.condition())),
            ),
        ));
        let share = 0.25;
        let at = 2.0 * m as f64 * share;
        let going = network::run(&going, context, (at, at + share))?;
        let stopped = network::run(&stopped, context, (at + share, at + 2.0 * share))?;
        for observable in [NetworkObservable::Sharpness, NetworkObservable::Fluctuation] {
            let curves = [&going, &stopped].map(|runs| observable.curve(runs));
            let mut panel = Panel::new(model.name(), Axis::linear("step t"), observable.axis());
            let heights: Vec<f64> = curves
                .iter()
                .flatten()
                .map(|p| p.y)
                .filter(|y| *y > 0.0)
                .collect();
            let low = heights.iter().copied().fold(f64::INFINITY, f64::min);
            let high = heights.iter().copied().fold(0.0, f64::max);
            for (i, curve) in curves.into_iter().enumerate() {
                panel = panel.with(NAMES[i], curve, Look::measured(i));
            }
            let line = [low, high].map(|y| Point::exact(mark as f64, y)).to_vec();
            panels.push(panel.with("the switch", line, Look::reference(Dash::Dotted)));
        }
        claims.push(stops(model, &stopped, &going));
    }
    settings.push(("trials", network::TRIALS.to_owned()));
    Ok(Made {
        caption: "Sharpness drifts as long as gradients fluctuate. Gradient descent on one fixed batch first fits that batch, \
                  and then moves no more than its own curvature makes it. The fluctuation is that of fresh samples throughout."
            .to_owned(),
        settings,
        figure: Figure {
            description: "Sharpness and fluctuation with and without a switch to gradient descent".to_owned(),
            panels,
            columns: 2,
            frame: (330.0, 220.0),
        },
        claims,
    })
}

/// The claim that T's motion over the last quarter of the run is less after the switch than without it.
fn stops(model: Model, stopped: &network::NetworkTrials, going: &network::NetworkTrials) -> Claim {
    let path = |runs: &network::NetworkTrials| {
        let indices = runs.steps.len() * 3 / 4..runs.steps.len() - 1;
        let steps: Vec<_> = indices
            .map(|i| {
                let [here, next] = [i, i + 1].map(|i| NetworkObservable::Sharpness.at(runs, i));
                next.with(&here, |next, here| (next - here).abs())
            })
            .collect();
        let first = steps[0].clone();
        steps[1..]
            .iter()
            .fold(first, |sum, step| sum.with(step, |a, b| a + b))
    };
    let ratio = path(stopped).with(&path(going), |stopped, going| stopped / going);
    Claim::sampled(
        format!(
            "{}: over the last quarter of the run, T's path after the switch, relative to SGD's",
            model.name()
        ),
        "Figure 4, in a nonlinear network (beyond the paper)",
        (ratio.estimate(), 0.1),
        "a tenth",
        Tolerance::AtMost { errors: 0.0 },
    )
}
