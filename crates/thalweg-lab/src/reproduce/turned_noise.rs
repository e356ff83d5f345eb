//! Beyond the paper: where noise and signal have different axes, SGD leaves Theorem 1's minimum.

use thalweg::flow::Drift;
use thalweg::problem::Problem;
use thalweg::simulate::Init;
use thalweg::theory::{Minimum, noise_misalignment, predict};

use super::claim::{Claim, paper};
use super::linear::{EVEN, Flows, experiment, flows, plain};
use super::made::{Made, sgd_settings};
use super::observable::{FLUCTUATION, Observable, SHARPNESS};
use super::plan::Plan;
use super::ran::Ran;
use super::statistics::Trials;
use super::tolerance::SGD;
use super::{Budget, Context, ReproduceError};
use crate::plot::{Axis, Dash, Figure, Look, Panel, Point};
use crate::spec::Experiment;

const BATCH: usize = 10;
/// Singular values of the teacher.
const SIGNAL: [f64; 2] = [1.5, 0.5];
/// √Σε in its own axes.
const NOISE: [f64; 2] = [1.0, 0.2];
/// Between the axes of the noise and those of the signal, degrees. At 0 and 90 they are shared.
const ANGLES: [f64; 7] = [0.0, 15.0, 30.0, 45.0, 60.0, 75.0, 90.0];
/// The angle whose path is drawn.
const SHOWN: f64 = 45.0;

fn name(angle: f64) -> String {
    format!("angle-{angle}")
}

/// η and the steps.
fn clock(budget: Budget) -> (f64, u64) {
    let (learning_rate, steps) = budget.choose((0.01, 3_000_000), (0.005, 20_000_000));
    (learning_rate, budget.long(steps, steps))
}

/// Every angle. A run that starts at the very minimum has nowhere to go, if that is where SGD ends.
pub fn plan(budget: Budget) -> Result<Plan, ReproduceError> {
    let (learning_rate, steps) = clock(budget);
    let mut plan = Plan::default();
    for angle in ANGLES {
        let problem = turned(angle)?;
        let start = Minimum::of_sgd(&problem)?.weights()?;
        let settings = plain(learning_rate, BATCH, Init::Given(start));
        plan.linear(
            name(angle),
            experiment(problem, settings, steps, EVEN, budget),
        );
    }
    Ok(plan)
}

/// Draws and judges the figure.
pub fn show(ran: &Ran, context: Context<'_>) -> Result<Made, ReproduceError> {
    let (mut paths, mut claims) = (Vec::new(), Vec::new());
    let mut ends = [(); 3].map(|()| Vec::new());
    for angle in ANGLES {
        let runs = ran.linear(&name(angle))?;
        let exact = predict(&runs.0.problem)?.sharpness;
        let misalignment = noise_misalignment(&runs.0.problem);
        let drift = flows(runs, Drift::Exact)?;
        let title = format!("noise turned by {angle}° (misalignment {misalignment:.2})");
        let [of_theorem, of_drift, of_sgd] = &mut ends;
        of_theorem.push(Point::exact(angle, exact));
        of_drift.push(Point::exact(angle, drift.mean_end(SHARPNESS.flow)));
        of_sgd.extend(runs.1.end(SHARPNESS.key).mean().map(|measured| Point {
            x: angle,
            y: measured.value,
            error: measured.error.unwrap_or(0.0),
        }));
        claims.push(stays(&title, exact, runs.1));
        for observable in [SHARPNESS, FLUCTUATION] {
            claims.push(follows(observable, &title, runs, &drift));
            if angle == SHOWN {
                paths.push(path(observable, runs, &drift)?);
            }
        }
    }
    let [of_theorem, of_drift, of_sgd] = ends;
    let map = Panel::new(
        "where it ends",
        Axis::linear("angle between noise and signal axes, degrees"),
        Axis::linear(SHARPNESS.label),
    )
    .with("SGD, mean of the last fifth", of_sgd, Look::scattered(0))
    .with(DRIFT_NAME, of_drift, Look::flow(1))
    .with(THEOREM_NAME, of_theorem, Look::reference(Dash::DashDot));
    let (learning_rate, steps) = clock(context.budget);
    Ok(Made {
        caption: "SGD starts at Theorem 1's minimum. Where the noise covariance Σε and the signal covariance VΣxV^{T} \
                  share their axes (0° and 90°, and every experiment of the paper) it stays. Elsewhere it leaves, however \
                  small η is: its exact drift at leading order in η is no gradient there, and the fluctuation \
                  rises above its minimum."
            .to_owned(),
        settings: sgd_settings(
            "D = 2, d = 2, Σx = I, V = diag(1.5, 0.5), √Σε = (1, 0.2) on axes turned by each angle",
            learning_rate,
            BATCH,
            steps,
            "Theorem 1's minimum",
            context.budget,
        ),
        figure: Figure {
            description: "Sharpness of SGD against the angle between noise and signal".to_owned(),
            panels: std::iter::once(map).chain(paths).collect(),
            columns: 3,
            frame: (230.0, 220.0),
        },
        claims,
    })
}

const DRIFT_NAME: &str = "exact drift, leading order in η";
const THEOREM_NAME: &str = "Theorem 1's minimum";

/// The problem whose noise is turned by `angle` degrees against the signal.
fn turned(angle: f64) -> Result<Problem, ReproduceError> {
    let (sine, cosine) = angle.to_radians().sin_cos();
    let axes = faer::mat![[cosine, -sine], [sine, cosine]];
    let own = faer::mat![[NOISE[0] * NOISE[0], 0.0], [0.0, NOISE[1] * NOISE[1]]];
    let teacher = faer::mat![[SIGNAL[0], 0.0], [0.0, SIGNAL[1]]];
    let noise = &axes * own * axes.transpose();
    Ok(Problem::new(faer::Mat::identity(2, 2), teacher, noise, 2)?)
}

/// One quantity of the shown angle against the step count.
fn path(
    observable: Observable,
    runs: (&Experiment, &Trials),
    drift: &Flows,
) -> Result<Panel, ReproduceError> {
    let minimum = flows(runs, Drift::default())?.mean_end(observable.flow);
    Ok(Panel::new(
        format!("{SHOWN}°: {} on the way", observable.name),
        Axis::linear("step t"),
        Axis::linear(observable.label),
    )
    .with(
        format!("SGD, mean ± s.e. of {} seeds", runs.1.count()),
        runs.1.curve(observable.key),
        Look::measured(0),
    )
    .with(DRIFT_NAME, drift.curve(observable.flow), Look::flow(1))
    .with_level(THEOREM_NAME, minimum, Look::reference(Dash::DashDot)))
}

/// The paper's statement: SGD ends at Theorem 1's minimum, where this run starts.
fn stays(title: &str, exact: f64, trials: &Trials) -> Claim {
    Claim::new(
        format!("{title}: T stays at Theorem 1's minimum"),
        paper("Theorem 1 (eq. 14)"),
        (trials.end(SHARPNESS.key).mean(), exact),
        "Theorem 1",
        SGD,
    )
}

/// SGD is where its exact drift takes it.
fn follows(
    observable: Observable,
    title: &str,
    runs: (&Experiment, &Trials),
    drift: &Flows,
) -> Claim {
    Claim {
        statement: format!("{title}: {} follows the exact drift", observable.name),
        by: "exact drift, same start, same steps".to_owned(),
        beside_flow: false,
        ..observable.against_flow(title, runs, drift)
    }
}
