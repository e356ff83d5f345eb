//! Beyond the paper: what decides where SGD ends, weight decay or the noise.

use thalweg::problem::Problem;
use thalweg::recipe::Forces;

use super::exhibit::{Exhibit, sgd_settings};
use super::linear::{EVEN, at_theorem_1, end_and_flattest, experiment, identity_problem, plain};
use super::plan::Plan;
use super::ran::Ran;
use super::shown::Shown as _;
use super::two_layers::sharpness_under_decay;
use super::{Context, ReproduceError};
use crate::claims::{Claim, SGD, Tolerance, beyond};
use crate::plot::{Axis, Dash, Figure, Look, Panel, Point};
use crate::results::Budget;
use thalweg_lab::compare::{SLOW_FLOW, rest};
use thalweg_lab::quantity::SHARPNESS;

const DEPTH: usize = 2;
const NOISE: [f64; 2] = [1.0, 0.2];
const BATCH: usize = 10;
/// λB/η of each run; one is the crossover.
const STRENGTHS: [f64; 7] = [0.004, 0.012, CROSSOVER, 0.12, 0.4, 1.2, 4.0];
/// ½ tr(Σx) σ², σ² = 0.04 the variance of the quieter output: there the decay pulls at the row of W_2 that makes this output as hard
/// as the noise does, whose force on it is ½ tr(Σx) σ² times the row.
const CROSSOVER: f64 = 0.04;
/// Points of the curve from 10^{-3} to 10.
const POINTS: usize = 41;
/// What the flow's end may be off: its integrator's tolerance is a tenth of it.
const FLOW: f64 = 1e-5;

/// η and the steps.
fn clock(budget: Budget) -> (f64, u64) {
    let (learning_rate, steps) = budget.choose((0.01, 2_000_000), (0.005, 12_000_000));
    (learning_rate, budget.long(steps, steps))
}

fn name(strength: f64) -> String {
    format!("strength-{strength}")
}

fn problem() -> Result<Problem, ReproduceError> {
    identity_problem(&NOISE, DEPTH)
}

/// Every strength, from where the noise alone leads.
pub fn plan(budget: Budget) -> Result<Plan, ReproduceError> {
    let (learning_rate, steps) = clock(budget);
    let mut plan = Plan::default();
    for strength in STRENGTHS {
        let mut settings = plain(learning_rate, BATCH, at_theorem_1(&problem()?)?);
        settings.recipe.weight_decay = strength * learning_rate / BATCH as f64;
        plan.linear(
            name(strength),
            experiment(problem()?, settings, steps, EVEN, budget),
        );
    }
    Ok(plan)
}

/// Draws and judges the figure.
pub fn show(ran: &Ran, context: Context<'_>) -> Result<Exhibit, ReproduceError> {
    let (learning_rate, steps) = clock(context.budget);
    let mut settings = sgd_settings(
        "D = 2, d = 2, Σx = V = I, √Σε = (1, 0.2)",
        learning_rate,
        BATCH,
        steps,
        "Theorem 1's minimum, where the noise alone leads",
        &context.budget.linear_seeds(),
    );
    settings.push(("λ", "η/B times each strength λB/η".to_owned()));
    let curve = curve()?;
    Ok(Exhibit {
        caption: "Where SGD ends under weight decay λ depends on λB/η alone. At the crossover, λB/η = ½ tr(Σx) σ² with σ² the \
                  variance of the quieter output, decay pulls at that output's weights as hard as the noise; from there on \
                  it undoes the anisotropy, and SGD ends near the flattest minimum. At η = 0.005 and B = 10 the crossover \
                  is at λ = 0.00002: a decay that looks like nothing decides."
            .to_owned(),
        settings,
        claims: claims(ran, &curve)?,
        figure: Figure {
            description: "Sharpness at the end of SGD against the strength of weight decay".to_owned(),
            panels: vec![panel(ran, curve)?],
            columns: 1,
            frame: (420.0, 280.0),
        },
    })
}

/// T at the end over λB/η, by the flow.
fn curve() -> Result<Vec<Point>, ReproduceError> {
    let problem = problem()?;
    let at = |i: usize| {
        let decay = 10f64.powf(4.0 * i as f64 / (POINTS - 1) as f64 - 3.0);
        let forces = Forces {
            decay,
            ..Forces::default()
        };
        Ok(Point::exact(decay, rest(&problem, forces)?.sharpness))
    };
    (0..POINTS).map(at).collect()
}

fn claims(ran: &Ran, curve: &[Point]) -> Result<Vec<Claim>, ReproduceError> {
    let (noise_alone, flattest) = end_and_flattest(&problem()?)?;
    let mut claims = Vec::new();
    for strength in STRENGTHS {
        let (run, title) = (name(strength), format!("λB/η = {strength}"));
        let flows = ran.compared(&run, &SLOW_FLOW)?;
        claims.push(SHARPNESS.against_flow(&title, ran.linear(&run)?.1, &flows));
    }
    let mut worst = 0.0f64;
    for point in curve {
        let closed = sharpness_under_decay(&problem()?, point.x)?;
        worst = worst.max((point.y / closed - 1.0).abs());
    }
    claims.push(Claim::exact(
        "the flow's end and the closed form of two layers: the largest relative difference over the curve",
        beyond("Theorem 1 with Σε + (2λB/ηb) I and Σx + (2λB/ηa) I"),
        (worst, FLOW),
        "the flow's accuracy",
        Tolerance::AtMost {},
    ));
    let end = |strength| -> Result<_, ReproduceError> {
        let trials = ran.linear(&name(strength))?.1;
        Ok(trials.end(&SHARPNESS.key).mean())
    };
    for (bound, by, tolerance) in [
        (noise_alone, "Theorem 1: noise alone", Tolerance::Below {}),
        (
            flattest,
            "the flattest minimum: decay alone",
            Tolerance::Above {},
        ),
    ] {
        claims.push(Claim::new(
            format!("at the crossover neither decides: T against {by}"),
            beyond(""),
            (end(CROSSOVER)?, bound),
            by,
            tolerance,
        ));
    }
    claims.push(Claim::new(
        "the strongest decay leads to the flattest minimum",
        beyond("for V = Σx = I it is where Σ‖W_{k}‖² is least"),
        (end(STRENGTHS[STRENGTHS.len() - 1])?, flattest),
        "eq. 15",
        SGD,
    ));
    Ok(claims)
}

fn panel(ran: &Ran, curve: Vec<Point>) -> Result<Panel, ReproduceError> {
    let (noise_alone, flattest) = end_and_flattest(&problem()?)?;
    let mut ends = Vec::new();
    for strength in STRENGTHS {
        let end = ran.linear(&name(strength))?.1.end(&SHARPNESS.key).mean();
        ends.extend(end.map(|end| end.point(strength)));
    }
    let mark = [flattest, noise_alone].map(|y| Point::exact(CROSSOVER, y));
    Ok(Panel::new(
        "where SGD ends",
        Axis::log("strength of decay λB/η, loss²/weight^{4}"),
        Axis::linear(SHARPNESS.with_unit()),
    )
    .with("flow, to its end", curve, Look::flow(0))
    .with("SGD, mean of the last fifth", ends, Look::scattered(0))
    .with("crossover", mark.to_vec(), Look::reference(Dash::Dotted))
    .with_level(
        "noise alone (Theorem 1)",
        noise_alone,
        Look::reference(Dash::DashDot),
    )
    .with_level(
        "the flattest minimum",
        flattest,
        Look::reference(Dash::Dashed),
    ))
}
