//! Beyond the paper: where noise and signal have different axes, SGD leaves Theorem 1's minimum.

use thalweg::recipe::Sam;
use thalweg::theory::noise_misalignment;

use super::exhibit::{Exhibit, sgd_settings};
use super::linear::{EVEN, at_theorem_1, experiment, plain, turned_problem};
use super::plan::Plan;
use super::ran::Ran;
use super::shown::Shown as _;
use super::{Context, ReproduceError};
use crate::claims::SGD;
use crate::claims::{Claim, paper};
use crate::plot::{Axis, Dash, Figure, Look, Panel, Point};
use crate::results::Budget;
use crate::statistics::Trials;
use thalweg_lab::compare::EXACT_DRIFT;
use thalweg_lab::quantity::{FLUCTUATION, Quantity, SHARPNESS};

const BATCH: usize = 10;
/// Between the axes of the noise and those of the signal, degrees. At 0 and 90 they are shared.
const ANGLES: [f64; 7] = [0.0, 15.0, 30.0, 45.0, 60.0, 75.0, 90.0];
/// The angle whose path is drawn.
const SHOWN: f64 = 45.0;
/// SGD with SAM at that angle, and ρ/η of its ascent.
const ASCENDING: &str = "sam";
const RADIUS: f64 = 2.0;

fn name(angle: f64) -> String {
    format!("angle-{angle}")
}

/// η and the steps.
fn clock(budget: Budget) -> (f64, u64) {
    let (learning_rate, steps) = budget.choose((0.01, 3_000_000), (0.005, 20_000_000));
    (learning_rate, budget.long(steps, steps))
}

/// Every angle, and SAM at one. A run that starts at the very minimum has nowhere to go, if that is where SGD ends.
pub fn plan(budget: Budget) -> Result<Plan, ReproduceError> {
    let (learning_rate, steps) = clock(budget);
    let mut plan = Plan::default();
    let sam = Sam {
        radius: RADIUS * learning_rate,
        normalised: false,
        independent: false,
    };
    let plain_runs = ANGLES.map(|angle| (name(angle), angle, None));
    let runs = plain_runs.into_iter();
    for (name, angle, sam) in runs.chain([(ASCENDING.to_owned(), SHOWN, Some(sam))]) {
        let problem = turned_problem(angle)?;
        let mut settings = plain(learning_rate, BATCH, at_theorem_1(&problem)?);
        settings.recipe.sam = sam;
        plan.linear(name, experiment(problem, settings, steps, EVEN, budget));
    }
    Ok(plan)
}

/// Draws and judges the figure.
pub fn show(ran: &Ran, context: Context<'_>) -> Result<Exhibit, ReproduceError> {
    let (learning_rate, steps) = clock(context.budget);
    Ok(Exhibit {
        caption: "SGD starts at Theorem 1's minimum. Where the noise covariance Σε and the signal covariance VΣxV^{T} \
                  share their axes (0° and 90°, and every experiment of the paper) it stays. Elsewhere it leaves, however \
                  small η is: its exact drift at leading order in η is no gradient there, and the fluctuation \
                  rises above its minimum. The ascent of SAM on the step's own minibatch is the gradient of the fluctuation \
                  whatever the noise's shape, and takes SGD back towards that minimum (middle)."
            .to_owned(),
        settings: sgd_settings(
            "D = 2, d = 2, Σx = I, V = diag(1.5, 0.5), √Σε = (1, 0.2) on axes turned by each angle",
            learning_rate,
            BATCH,
            steps,
            "Theorem 1's minimum",
            &context.budget.linear_seeds(),
        ),
        figure: Figure {
            description: "Sharpness of SGD against the angle between noise and signal".to_owned(),
            panels: vec![
                ends(ran)?,
                with_sam(path(&SHARPNESS, ran)?, ran)?,
                path(&FLUCTUATION, ran)?,
            ],
            columns: 3,
            frame: (230.0, 220.0),
        },
        claims: claims(ran)?,
    })
}

const DRIFT_NAME: &str = "exact drift, leading order in η";
const THEOREM_NAME: &str = "Theorem 1's minimum";

fn claims(ran: &Ran) -> Result<Vec<Claim>, ReproduceError> {
    let mut claims = Vec::new();
    for angle in ANGLES {
        let (experiment, trials) = ran.linear(&name(angle))?;
        let drift = ran.compared(&name(angle), &EXACT_DRIFT)?;
        let misalignment = noise_misalignment(&experiment.problem);
        let title = format!("noise turned by {angle}° (misalignment {misalignment:.2})");
        let exact = drift.limit(&SHARPNESS)?;
        let follows = SHARPNESS.against_flow(&title, trials, &drift);
        claims.push(stays(&title, exact, trials).told_from(follows.predicted));
        claims.push(follows.told_from(exact));
        claims.push(FLUCTUATION.against_flow(&title, trials, &drift));
    }
    let alone = ran.compared(&name(SHOWN), &EXACT_DRIFT)?;
    let drift = ran.compared(ASCENDING, &EXACT_DRIFT)?;
    let title = format!("SAM, ρ = {RADIUS}η, noise turned by {SHOWN}°");
    // Were it a faster clock alone, it would end where SGD does.
    claims.push(
        SHARPNESS
            .against_flow(&title, ran.linear(ASCENDING)?.1, &drift)
            .told_from(alone.mean_end(&SHARPNESS)),
    );
    Ok(claims)
}

/// Where SGD, its drift and Theorem 1 end, over the angle.
fn ends(ran: &Ran) -> Result<Panel, ReproduceError> {
    let (mut of_sgd, mut of_drift, mut of_theorem) = (Vec::new(), Vec::new(), Vec::new());
    for angle in ANGLES {
        let (_, trials) = ran.linear(&name(angle))?;
        let drift = ran.compared(&name(angle), &EXACT_DRIFT)?;
        of_sgd.extend(
            trials
                .end(&SHARPNESS.key)
                .mean()
                .map(|end| end.point(angle)),
        );
        of_drift.push(Point::exact(angle, drift.mean_end(&SHARPNESS)));
        of_theorem.push(Point::exact(angle, drift.limit(&SHARPNESS)?));
    }
    Ok(Panel::new(
        "where it ends",
        Axis::linear("angle between noise and signal axes, degrees"),
        Axis::linear(SHARPNESS.with_unit()),
    )
    .with("SGD, mean of the last fifth", of_sgd, Look::scattered(0))
    .with(DRIFT_NAME, of_drift, Look::flow(1))
    .with(THEOREM_NAME, of_theorem, Look::reference(Dash::DashDot)))
}

/// One quantity of the shown angle against the step count.
fn path(quantity: &Quantity, ran: &Ran) -> Result<Panel, ReproduceError> {
    let name = name(SHOWN);
    let (_, trials) = ran.linear(&name)?;
    let drift = ran.compared(&name, &EXACT_DRIFT)?;
    Ok(Panel::new(
        format!("{SHOWN}°: {} on the way", quantity.symbol),
        Axis::linear("step t"),
        Axis::linear(quantity.with_unit()),
    )
    .with(
        format!("SGD, mean ± s.e. of {} seeds", trials.count()),
        trials.curve(&quantity.key),
        Look::measured(0),
    )
    .with(DRIFT_NAME, drift.curve(quantity), Look::flow(1))
    .with_level(
        THEOREM_NAME,
        drift.limit(quantity)?,
        Look::reference(Dash::DashDot),
    ))
}

/// With SAM's way from there.
fn with_sam(panel: Panel, ran: &Ran) -> Result<Panel, ReproduceError> {
    let trials = ran.linear(ASCENDING)?.1;
    let drift = ran.compared(ASCENDING, &EXACT_DRIFT)?;
    Ok(panel
        .with(
            format!("SAM, ρ = {RADIUS}η"),
            trials.curve(&SHARPNESS.key),
            Look::measured(2),
        )
        .with("its exact drift", drift.curve(&SHARPNESS), Look::flow(2)))
}

/// The paper's statement: SGD ends at Theorem 1's minimum, where this run starts.
fn stays(title: &str, exact: f64, trials: &Trials) -> Claim {
    Claim::new(
        format!("{title}: T stays at Theorem 1's minimum"),
        paper("Theorem 1 (eq. 14)"),
        (trials.end(&SHARPNESS.key).mean(), exact),
        "Theorem 1",
        SGD,
    )
}
