//! The runs that Figures 2 and 5 share: anisotropic against isotropic noise, drawn for one observable.

use thalweg::simulate::Init;
use thalweg::theory::Prediction;
use thalweg::theory::predict;

use super::claim::{Claim, Tolerance};
use super::made::{Made, sgd_settings};
use super::observable::Observable;
use super::sgd::{Runs, identity_problem, plain};
use super::trials::schedule;
use super::{Context, ReproduceError};
use crate::plot::{Axis, Dash, Figure, Look, Panel};

const DEPTH: usize = 3;
const LEARNING_RATE: f64 = 0.01;
const BATCH: usize = 10;
const STEPS: u64 = 100_000;

/// An observable with its exact value and where that stands in the paper.
pub struct Shown {
    pub observable: Observable,
    pub exact: fn(&Prediction<'_>) -> f64,
    pub anisotropic_source: &'static str,
    pub isotropic_source: &'static str,
    pub caption: &'static str,
}

/// Draws the observable for √Σε = (10, 0.1) and (10, 10).
pub fn make(shown: &Shown, context: Context<'_>) -> Result<Made, ReproduceError> {
    let Shown { observable, .. } = *shown;
    let cases = [
        (
            [10.0, 0.1],
            "anisotropic, √Σε = (10, 0.1)",
            shown.anisotropic_source,
        ),
        (
            [10.0, 10.0],
            "isotropic, √Σε = (10, 10)",
            shown.isotropic_source,
        ),
    ];
    let (mut panels, mut claims, mut ends) = (Vec::new(), Vec::new(), Vec::new());
    for (i, (noise, title, source)) in cases.into_iter().enumerate() {
        let problem = identity_problem(&noise, DEPTH)?;
        let exact = (shown.exact)(&predict(&problem)?);
        let part = (0.5 * i as f64, 0.5 * (i + 1) as f64);
        let settings = plain(LEARNING_RATE, BATCH, Init::Kaiming { gain: 1.0 });
        let runs = Runs::new(problem, settings, schedule(STEPS), context, part)?;
        let flows = runs.flows()?;
        panels.push(
            Panel::new(title, Axis::log("step t"), Axis::log(observable.label))
                .with(
                    "SGD, mean ± s.e. of 5 seeds",
                    runs.trials.curve(&observable.sgd),
                    Look::measured(0),
                )
                .with(
                    "slow flow at this η and B",
                    flows.curve(&observable.flow),
                    Look::flow(1),
                )
                .with_level("exact limit", exact, Look::reference(Dash::DashDot)),
        );
        claims.push(observable.against_limit(title, source, exact, &runs, &flows)?);
        claims.push(observable.against_flow(title, &runs, &flows));
        ends.push(runs.trials.end(&observable.sgd));
    }
    let ratio = ends[0]
        .with(&ends[1], |anisotropic, isotropic| anisotropic / isotropic)
        .estimate();
    claims.push(Claim::sampled(
        format!(
            "anisotropic noise ends at a larger {} than isotropic noise (ratio)",
            observable.name
        ),
        "Figures 2 and 5",
        (ratio, 1.0),
        "equal sharpness",
        Tolerance::AtLeast { errors: 0.0 },
    ));
    Ok(Made {
        caption: shown.caption.to_owned(),
        settings: sgd_settings(
            "D = 3, d = 2, Σx = V = I",
            LEARNING_RATE,
            BATCH,
            STEPS,
            "Kaiming, gain 1",
        ),
        figure: Figure {
            description: format!("{} against SGD steps for two noises", observable.label),
            panels,
            columns: 2,
            frame: (330.0, 240.0),
        },
        claims,
    })
}
