//! What Figures 2 and 5 share: three networks under anisotropic and under isotropic noise.

use thalweg::simulate::Init;
use thalweg::theory::{Prediction, predict};

use super::claim::Claim;
use super::made::Made;
use super::network::{self, CROSS_ENTROPY, Model, NetworkObservable, SQUARED_ERROR};
use super::observable::Observable;
use super::sgd::{Runs, identity_problem, plain};
use super::trials::schedule;
use super::{Context, ReproduceError};
use crate::plot::{Axis, Figure, Look, Panel};

const DEPTH: usize = 3;
const LEARNING_RATE: f64 = 0.01;
const BATCH: usize = 10;
const STEPS: u64 = 100_000;

/// How often a trained network is measured.
const MEASURED: usize = 26;

const KINDS: [&str; 2] = ["anisotropic noise", "isotropic noise"];

/// One row of panels: a quantity of the linear network and of the others.
pub struct Row {
    pub linear: Observable,
    pub exact: fn(&Prediction<'_>) -> f64,
    /// Where the exact value stands in the paper, for each noise.
    pub sources: [&'static str; 2],
    pub network: NetworkObservable,
}

/// Draws `rows` for the linear network, the ReLU network and MNIST.
pub fn make(
    figure: &'static str,
    rows: &[Row],
    caption: &str,
    context: Context<'_>,
) -> Result<Made, ReproduceError> {
    let (mut panels, mut claims) = linear(figure, rows, context)?;
    let models = [(Model::Relu, SQUARED_ERROR), (Model::Mnist, CROSS_ENTROPY)];
    let mut settings = vec![(
        "linear network",
        format!(
            "D = {DEPTH}, d = 2, Σx = V = I, η = {LEARNING_RATE}, B = {BATCH}, {STEPS} steps, Kaiming, exact Hessian, f64"
        ),
    )];
    for (i, (model, loss)) in models.into_iter().enumerate() {
        let share = [(0.1, 0.3), (0.3, 1.0)][i];
        let pair = network::pair(model, loss, MEASURED, context, share)?;
        settings.push((model.name(), pair.settings.clone()));
        for (row, panels) in rows.iter().zip(&mut panels) {
            let named = [0, 1].map(|k| (KINDS[k], &*pair.runs[k]));
            panels.push(row.network.panel(model.name(), &named));
            claims.extend(row.network.pair_claims(
                figure,
                model,
                model.name(),
                &pair,
                context.budget,
            ));
        }
    }
    settings.push(("trials", network::TRIALS.to_owned()));
    Ok(Made {
        caption: caption.to_owned(),
        settings,
        figure: Figure {
            description: "Three networks under anisotropic and isotropic label noise".to_owned(),
            panels: panels.into_iter().flatten().collect(),
            columns: models.len() + 1,
            frame: (250.0, 200.0),
        },
        claims,
    })
}

/// The first panel of each row, and its claims.
fn linear(
    figure: &str,
    rows: &[Row],
    context: Context<'_>,
) -> Result<(Vec<Vec<Panel>>, Vec<Claim>), ReproduceError> {
    let new = |row: &Row| {
        Panel::new(
            "linear network",
            Axis::log("step t"),
            Axis::log(row.linear.label),
        )
    };
    let mut panels: Vec<Panel> = rows.iter().map(new).collect();
    let (mut claims, mut all) = (Vec::new(), Vec::new());
    for (i, deviations) in [[10.0, 0.1], [10.0, 10.0]].into_iter().enumerate() {
        let problem = identity_problem(&deviations, DEPTH)?;
        let prediction = predict(&problem)?;
        let settings = plain(LEARNING_RATE, BATCH, Init::Kaiming { gain: 1.0 });
        let part = (0.05 * i as f64, 0.05 * (i + 1) as f64);
        let runs = Runs::new(problem.clone(), settings, schedule(STEPS), context, part)?;
        let flows = runs.flows()?;
        let what = format!("linear network, {}", KINDS[i]);
        for (row, panel) in rows.iter().zip(&mut panels) {
            let exact = (row.exact)(&prediction);
            *panel = panel
                .clone()
                .with(
                    KINDS[i],
                    runs.trials.curve(&row.linear.sgd),
                    Look::measured(i),
                )
                .with(
                    format!("{}: slow flow", KINDS[i]),
                    flows.curve(&row.linear.flow),
                    Look::flow(i),
                )
                .with_level(format!("{}: exact limit", KINDS[i]), exact, Look::exact(i));
            claims.push(
                row.linear
                    .against_limit(&what, row.sources[i], exact, &runs, &flows)?,
            );
            claims.push(row.linear.against_flow(&what, &runs, &flows));
        }
        all.push(runs);
    }
    let sharp = |row: &&Row| row.network != NetworkObservable::Fluctuation;
    for row in rows.iter().filter(sharp) {
        let end = |i: usize| all[i].trials.end(&row.linear.sgd);
        claims.push(network::larger(
            "linear network",
            figure,
            row.linear.name,
            &end(0).with(&end(1), |anisotropic, isotropic| anisotropic / isotropic),
        ));
    }
    Ok((
        panels.into_iter().map(|panel| vec![panel]).collect(),
        claims,
    ))
}
