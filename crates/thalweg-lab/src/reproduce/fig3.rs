//! Figure 3: relative sharpness grows with the noise's condition number, in four networks and on both losses.

use thalweg::simulate::Init;
use thalweg::theory::predict;

use super::made::Made;
use super::network::{self, CROSS_ENTROPY, Model, NetworkObservable, SQUARED_ERROR};
use super::observable::{FLUCTUATION, SHARPNESS};
use super::sgd::{Runs, identity_problem, plain};
use super::trials::{PerSeed, schedule};
use super::{Context, ReproduceError, fig8};
use crate::plot::{Axis, Dash, Figure, Look, Panel, Point};

const LINEAR_STEPS: u64 = 100_000;

/// Measurements at equal distances, of which the last fifth of the run holds three.
const ENDS: usize = 11;

/// What a sweep gives at each κ: T and F relative to their values at κ = 1, seed by seed.
type Sweep = Vec<[PerSeed; 2]>;

/// Runs, draws and judges the figure.
pub fn make(context: Context<'_>) -> Result<Made, ReproduceError> {
    let conditions: &[f64] = context
        .budget
        .choose(&[1.0, 100.0, 1e4], &[1.0, 10.0, 100.0, 1e3, 1e4]);
    let losses = [
        (SQUARED_ERROR, "squared error"),
        (CROSS_ENTROPY, "cross-entropy"),
    ];
    let labels = [
        "relative sharpness T(κ)/T(1)",
        "relative fluctuation F(κ)/F(1)",
    ];
    let empty = |label: &str, loss| {
        Panel::new(
            loss,
            Axis::log("condition number κ of the noise Σε"),
            Axis::log(label),
        )
    };
    let mut panels = labels.map(|label| losses.map(|(_, loss)| empty(label, loss)));
    let (mut claims, mut settings) = (Vec::new(), Vec::new());
    let largest = conditions[conditions.len() - 1];
    let share = 1.0 / (losses.len() * Model::SWEPT.len()) as f64;
    for (k, (loss, name)) in losses.into_iter().enumerate() {
        for (m, model) in Model::SWEPT.into_iter().enumerate() {
            let from = (k * Model::SWEPT.len() + m) as f64 * share;
            let part = (from, from + share);
            let (sweep, budget) = if model == Model::Linear && loss == SQUARED_ERROR {
                linear(conditions, context, part)?
            } else {
                trained(model, loss, conditions, context, part)?
            };
            for (o, row) in panels.iter_mut().enumerate() {
                let points = conditions.iter().zip(&sweep).filter_map(|(&x, ratios)| {
                    let ratio = ratios[o].estimate().ok()?.estimate;
                    let (y, error) = (ratio.mean, ratio.standard_error?);
                    Some(Point { x, y, error })
                });
                row[k] = row[k]
                    .clone()
                    .with(model.name(), points.collect(), Look::measured(m));
            }
            let what = format!("{}, {name}, κ = {largest}", model.name());
            claims.push(network::larger(
                &what,
                "Figure 3",
                "T",
                &sweep[sweep.len() - 1][0],
            ));
            settings.push((
                model.name(),
                format!("{name}: {}; {budget}", model.description()),
            ));
        }
    }
    panels[0][0] = limit(panels[0][0].clone(), conditions)?;
    settings.push(("trials", network::TRIALS.to_owned()));
    Ok(Made {
        caption: "Sharpness at the end of the runs, relative to that under isotropic noise of the same largest \
                  variance; smaller noise on the other outputs raises κ. Below (beyond the paper) the same ratio \
                  of the gradient's fluctuation. A softmax over two outputs sees only the difference of their \
                  noises, a single number, which has no shape."
            .to_owned(),
        settings,
        figure: Figure {
            description: "Relative sharpness and fluctuation against the noise's condition number".to_owned(),
            panels: panels.into_iter().flatten().collect(),
            columns: losses.len(),
            frame: (330.0, 220.0),
        },
        claims,
    })
}

/// The linear network with V = Σx = I, by the simulator.
fn linear(
    conditions: &[f64],
    context: Context<'_>,
    (from, to): (f64, f64),
) -> Result<(Sweep, String), ReproduceError> {
    let (rate, batch) = (0.01, 10);
    let mut ends = Vec::new();
    for (i, &condition) in conditions.iter().enumerate() {
        let problem = identity_problem(&Model::Linear.deviations(2, condition), 3)?;
        let at = |i: usize| from + (to - from) * i as f64 / conditions.len() as f64;
        let settings = plain(rate, batch, Init::Kaiming { gain: 1.0 });
        let runs = Runs::new(
            problem,
            settings,
            schedule(LINEAR_STEPS),
            context,
            (at(i), at(i + 1)),
        )?;
        ends.push([SHARPNESS.sgd, FLUCTUATION.sgd].map(|quantity| runs.trials.end(&quantity)));
    }
    let budget = format!(
        "V = Σx = I, exact observables, f64; η = {rate}, B = {batch}, {LINEAR_STEPS} steps"
    );
    Ok((relative(&ends), budget))
}

/// A network on its experiment file.
fn trained(
    model: Model,
    loss: thalweg::loss::Loss,
    conditions: &[f64],
    context: Context<'_>,
    (from, to): (f64, f64),
) -> Result<(Sweep, String), ReproduceError> {
    let (mut ends, mut budget) = (Vec::new(), String::new());
    for (i, &condition) in conditions.iter().enumerate() {
        // Only the end counts here, except in the runs that Figure 8 shows too.
        let shared = model == Model::Transformer && [1.0, model.condition()].contains(&condition);
        let count = if shared { fig8::MEASURED } else { ENDS };
        let experiment = model.experiment(loss, condition, count, context.budget)?;
        budget = network::budget(&experiment);
        let at = |i: usize| from + (to - from) * i as f64 / conditions.len() as f64;
        let runs = network::run(&experiment, context, (at(i), at(i + 1)))?;
        let quantities = [NetworkObservable::Sharpness, NetworkObservable::Fluctuation];
        ends.push(quantities.map(|quantity| quantity.end(&runs)));
    }
    Ok((relative(&ends), budget))
}

/// Each of `ends` over the first, seed by seed.
fn relative(ends: &[[PerSeed; 2]]) -> Sweep {
    let ratio = |end: &[PerSeed; 2], o: usize| end[o].with(&ends[0][o], |here, first| here / first);
    ends.iter()
        .map(|end| [ratio(end, 0), ratio(end, 1)])
        .collect()
}

/// Adds the linear network's exact limit, which its budget does not reach.
fn limit(panel: Panel, conditions: &[f64]) -> Result<Panel, ReproduceError> {
    let mut points = Vec::new();
    for &condition in conditions {
        let problem = identity_problem(&Model::Linear.deviations(2, condition), 3)?;
        let prediction = predict(&problem)?;
        points.push(Point::exact(
            condition,
            prediction.sharpness / prediction.min_sharpness,
        ));
    }
    Ok(panel.with(
        "linear network, exact limit t → ∞",
        points,
        Look::reference(Dash::DashDot),
    ))
}
