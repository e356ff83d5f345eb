//! Figure 4 beyond the linear network: the drift stops with the noise in a ReLU network and in a transformer.

use thalweg::train::Switch;

use super::exhibit::Exhibit;
use super::network::{Choice, Model, SQUARED_ERROR, TRIALS, end_of_fitting};
use super::plan::Plan;
use super::ran::Ran;
use super::shown::Shown as _;
use super::{Context, ReproduceError};
use crate::claims::Tolerance;
use crate::claims::{Claim, beyond};
use crate::plot::{Axis, Dash, Figure, Look, Panel, Point};
use crate::results::Budget;
use crate::statistics::{PerTrial, Trials};
use thalweg_lab::quantity::{FLUCTUATION, Quantity, SHARPNESS};
use thalweg_lab::spec::NetworkExperiment;

const MODELS: [Model; 2] = [Model::Relu, Model::Transformer];
const FIXED_BATCH: usize = 1000;
/// T's path after the switch is at most this part of SGD's.
const LITTLE: f64 = 0.1;

fn going(model: Model) -> Choice {
    Choice::new(model, SQUARED_ERROR)
}

fn stopped_name(model: Model) -> String {
    format!("{}-switched", going(model).name())
}

fn stopped(model: Model, budget: Budget) -> Result<NetworkExperiment, ReproduceError> {
    let mut experiment = going(model).experiment(budget)?;
    experiment.settings.switch = Some(Switch {
        at_step: experiment.steps / 2,
        samples: FIXED_BATCH,
    });
    Ok(experiment)
}

/// Each network with and without the switch.
pub fn plan(budget: Budget) -> Result<Plan, ReproduceError> {
    let mut plan = Plan::default();
    for model in MODELS {
        plan.network(going(model).name(), going(model).experiment(budget)?);
        plan.network(stopped_name(model), stopped(model, budget)?);
    }
    Ok(plan)
}

/// Draws and judges the figure.
pub fn show(ran: &Ran, context: Context<'_>) -> Result<Exhibit, ReproduceError> {
    let (mut panels, mut claims, mut settings) = (Vec::new(), Vec::new(), Vec::new());
    for model in MODELS {
        let (experiment, going) = ran.network(&going(model).name())?;
        let (_, stopped) = ran.network(&stopped_name(model))?;
        let mark = experiment.steps / 2;
        settings.push((model.name(), words(model, mark, context.budget)?));
        panels.extend(self::panels(model, mark, [going, stopped]));
        claims.push(stops(model, mark, stopped, going));
    }
    settings.push(("trials", TRIALS.to_owned()));
    Ok(Exhibit {
        caption: "Sharpness drifts as long as gradients fluctuate. Gradient descent on one fixed batch first fits that batch, \
                  and then moves no more than its own curvature makes it. The fluctuation is that of fresh samples throughout. \
                  Neither network has biases."
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

fn words(model: Model, mark: u64, budget: Budget) -> Result<String, ReproduceError> {
    let choice = going(model);
    Ok(format!(
        "{}; switch after {mark} steps to gradient descent on one batch of {FIXED_BATCH}",
        choice.settings(&[choice.condition], budget)?
    ))
}

fn panels(model: Model, mark: u64, runs: [&Trials; 2]) -> Vec<Panel> {
    let names = [
        format!("SGD, mean ± s.e. of {} trials", runs[0].count()),
        "switched to gradient descent".to_owned(),
    ];
    let of = |quantity: &Quantity| {
        let curves = runs.map(|trials| trials.curve(&quantity.key));
        let heights = || curves.iter().flatten().map(|p| p.y).filter(|y| *y > 0.0);
        let (low, high) = (
            heights().fold(f64::INFINITY, f64::min),
            heights().fold(0.0, f64::max),
        );
        let line = [low, high].map(|y| Point::exact(mark as f64, y)).to_vec();
        let mut panel = Panel::new(
            model.name(),
            Axis::linear("step t"),
            quantity.axis_of_networks(),
        );
        for (i, (name, curve)) in names.iter().zip(curves.clone()).enumerate() {
            panel = panel.with(name.clone(), curve, Look::measured(i));
        }
        panel.with("the switch", line, Look::reference(Dash::Dotted))
    };
    vec![of(&SHARPNESS), of(&FLUCTUATION)]
}

/// The claim that T's motion over the last quarter of the run is less after the switch than without it. Before a network
/// has done fitting gradient descent moves it, too.
fn stops(model: Model, mark: u64, stopped: &Trials, going: &Trials) -> Claim {
    let path = |trials: &Trials| {
        let from = trials.index_from(3 * trials.last() / 4);
        let steps = (from..trials.steps.len() - 1).map(|i| {
            let [here, next] = [i, i + 1].map(|i| trials.at(i, &SHARPNESS.key));
            next.with(&here, |next, here| (next - here).abs())
        });
        let nothing = trials
            .at(from, &SHARPNESS.key)
            .with(&trials.at(from, &SHARPNESS.key), |_, _| 0.0);
        steps.fold(nothing, |sum: PerTrial, step| sum.with(&step, |a, b| a + b))
    };
    let ratio = path(stopped).ratio_of_means(&path(going));
    let fitted = end_of_fitting(going).is_some_and(|end| going.steps[end] <= mark);
    Claim {
        too_early: (!fitted && ratio.is_ok()).then(|| {
            format!("the network has not done fitting when the noise stops, after {mark} steps")
        }),
        ..Claim::new(
            format!(
                "{}: over the last quarter of the run, T's path after the switch, relative to SGD's",
                model.name()
            ),
            beyond("Figure 4, in a nonlinear network"),
            (ratio, LITTLE),
            "a tenth",
            Tolerance::Below {},
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::Verdict;
    use crate::statistics::trials_by_hand as by_hand;

    const STEPS: [u64; 6] = [0, 25, 50, 75, 90, 100];

    fn of(sharpness: &[&[f64]], loss: [f64; 6]) -> Trials {
        let mut trials = by_hand(&STEPS, "sharpness", sharpness);
        trials.add_by_hand("loss", &[&loss, &loss]);
        trials
    }

    /// After step 75 SGD walks 4 and 6 up and down; the stopped run 0.2 and 0.3, a twentieth.
    #[test]
    fn a_path_counts_both_ways_and_the_last_quarter_alone() {
        let fitted = [9.0, 1.0, 1.0, 1.0, 1.0, 1.0];
        let going = |loss| {
            let one = [9.0, 1.0, 9.0, 1.0, 3.0, 1.0];
            of(&[&one, &[0.0, 5.0, 5.0, 5.0, 8.0, 5.0]], loss)
        };
        let little = of(
            &[
                &[9.0, 1.0, 9.0, 1.0, 1.1, 1.0],
                &[9.0, 0.0, 0.0, 5.0, 5.15, 5.0],
            ],
            fitted,
        );
        let claim = stops(Model::Relu, 50, &little, &going(fitted)).judge();
        assert!((claim.measured.unwrap() - 0.05).abs() < 1e-12);
        let much = of(
            &[
                &[1.0, 1.0, 1.0, 1.0, 3.0, 1.0],
                &[5.0, 5.0, 5.0, 5.0, 7.9, 5.0],
            ],
            fitted,
        );
        let judged = |mark, loss| stops(Model::Relu, mark, &much, &going(loss)).judge();
        assert_eq!(judged(50, fitted).verdict, Verdict::Disagrees);
        // The loss has come down at step 75 only: after the switch at 50 it is no wonder that T moves.
        let later = [9.0, 5.0, 2.0, 1.0, 1.0, 1.0];
        assert_eq!(judged(50, later).verdict, Verdict::NotAtThisBudget);
        assert_eq!(judged(75, later).verdict, Verdict::Disagrees);
    }
}
