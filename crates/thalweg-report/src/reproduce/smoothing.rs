//! Beyond the paper: smoothed labels leave T/T_min alone under squared error, and do not under cross-entropy.

use thalweg::problem::Problem;
use thalweg::recipe::Recipe;

use super::exhibit::{Exhibit, sgd_settings};
use super::linear::{EVEN, at_theorem_1, end_and_flattest, experiment, identity_problem, plain};
use super::plan::Plan;
use super::ran::Ran;
use super::shown::Shown as _;
use super::smoothed_classes::{CLASSES, drawn, eigenvalues};
use super::{Context, ReproduceError};
use crate::claims::{Claim, EXACT, SGD, Tolerance, beyond, paper};
use crate::plot::{Axis, Figure, Look, Panel, Point};
use crate::results::Budget;
use crate::statistics::PerTrial;
use thalweg_lab::compare::SLOW_FLOW;
use thalweg_lab::quantity::SHARPNESS;

const DEPTH: usize = 2;
const NOISE: [f64; 2] = [1.0, 0.2];
const BATCH: usize = 10;
/// α of each run.
const SMOOTHINGS: [f64; 3] = [0.0, 0.2, 0.4];
/// α at which labels are drawn and classified.
const DRAWN: f64 = 0.1;
/// Labels of each trial.
const LABELS: usize = 200_000;
/// Intervals of the curves over α from 0 to the last of the runs'.
const INTERVALS: usize = 40;
/// The law q of the labels at an input: doubtful, clear, all but certain.
const LAWS: [[f64; CLASSES]; 3] = [[0.5, 0.3, 0.2], [0.9, 0.07, 0.03], [0.99, 0.007, 0.003]];

/// η and the steps.
fn clock(budget: Budget) -> (f64, u64) {
    let (learning_rate, steps) = budget.choose((0.01, 3_000_000), (0.005, 20_000_000));
    (learning_rate, budget.long(steps, steps))
}

fn name(smoothing: f64) -> String {
    format!("smoothing-{smoothing}")
}

fn problem() -> Result<Problem, ReproduceError> {
    identity_problem(&NOISE, DEPTH)
}

/// Every α, from where SGD ends without.
pub fn plan(budget: Budget) -> Result<Plan, ReproduceError> {
    let (learning_rate, steps) = clock(budget);
    let mut plan = Plan::default();
    for smoothing in SMOOTHINGS {
        let mut settings = plain(learning_rate, BATCH, at_theorem_1(&problem()?)?);
        settings.recipe.label_smoothing = smoothing;
        plan.linear(
            name(smoothing),
            experiment(problem()?, settings, steps, EVEN, budget),
        );
    }
    Ok(plan)
}

/// Draws and judges the figure.
pub fn show(ran: &Ran, context: Context<'_>) -> Result<Exhibit, ReproduceError> {
    let (learning_rate, steps) = clock(context.budget);
    let seeds = context.budget.linear_seeds();
    let mut settings = sgd_settings(
        "D = 2, d = 2, Σx = V = I, √Σε = (1, 0.2), labels (1 − α) y",
        learning_rate,
        BATCH,
        steps,
        "Theorem 1's minimum for α = 0",
        &context.budget.linear_seeds(),
    );
    settings.push((
        "classes",
        format!("three, {LABELS} labels of a law q in each trial; no network is trained"),
    ));
    let drawn = sampled(&seeds)?;
    Ok(Exhibit {
        caption: "Left, squared error: smoothing by α shrinks signal and noise alike, and T falls while T/T_{min} stays. Middle and right, \
                  cross-entropy, for labels of law q at one input and outputs that fit them: what decides is the \
                  residuals' covariance C against the loss's own curvature Λ, the eigenvalues of \
                  Λ^{−1/2} C Λ^{−1/2} on the range of Λ. They are all 1 without smoothing (SGD then seeks flatness). \
                  Smoothing makes them unequal, and small where q is nearly certain. The curves are the closed form, the points are \
                  from labels drawn at random; no network was trained for them."
            .to_owned(),
        settings,
        claims: claims(ran, &drawn)?,
        figure: Figure {
            description: "Relative sharpness under squared error, and mismatch under cross-entropy, against label smoothing"
                .to_owned(),
            panels: vec![
                squared_error(ran)?,
                mismatch("cross-entropy: how unequal", "largest / smallest eigenvalue", &drawn, ratio),
                mismatch("cross-entropy: how large", "mean eigenvalue", &drawn, mean),
            ],
            columns: 3,
            frame: (230.0, 220.0),
        },
    })
}

fn ratio([largest, smallest]: [f64; 2]) -> f64 {
    largest / smallest
}

fn mean([largest, smallest]: [f64; 2]) -> f64 {
    0.5 * (largest + smallest)
}

/// For each law, the eigenvalues in each trial at α = [`DRAWN`].
type Drawn = Vec<Vec<[f64; 2]>>;

fn sampled(seeds: &[u64]) -> Result<Drawn, ReproduceError> {
    let of = |law: &[f64; CLASSES]| {
        let each = seeds.iter().map(|&seed| drawn(law, DRAWN, LABELS, seed));
        each.collect::<Result<Vec<_>, ReproduceError>>()
    };
    LAWS.iter().map(of).collect()
}

fn per_trial(eigenvalues: &[[f64; 2]], of: fn([f64; 2]) -> f64) -> PerTrial {
    PerTrial(eigenvalues.iter().map(|&pair| Ok(of(pair))).collect())
}

fn claims(ran: &Ran, drawn: &Drawn) -> Result<Vec<Claim>, ReproduceError> {
    let mut claims = Vec::new();
    let (whole, flattest) = end_and_flattest(&problem()?)?;
    for smoothing in SMOOTHINGS {
        let (run, title) = (name(smoothing), format!("squared error, α = {smoothing}"));
        let (runs, flows) = (ran.linear(&run)?, ran.compared(&run, &SLOW_FLOW)?);
        claims.push(SHARPNESS.against_flow(&title, runs.1, &flows));
        let source = paper("Theorem 1 (eq. 14)");
        claims.push(SHARPNESS.against_limit(&title, source, runs, &flows)?);
        if smoothing == 0.0 {
            continue;
        }
        claims.push(Claim::exact(
            format!("{title}: the exact T/T_{{min}}"),
            beyond("V → (1 − α)V, Σε → (1 − α)²Σε in eqs. 14 and 15"),
            (exact_ratio(smoothing)?, whole / flattest),
            "T/T_{min} without smoothing",
            EXACT,
        ));
    }
    for (law, drawn) in LAWS.iter().zip(drawn) {
        let what = format!("cross-entropy, q = ({}, {}, {})", law[0], law[1], law[2]);
        let [none, some] = [0.0, DRAWN].map(|smoothing| eigenvalues(law, smoothing));
        claims.push(Claim::exact(
            format!("{what}, α = 0: largest over smallest eigenvalue"),
            beyond("C = Λ where labels follow p"),
            (ratio(none), 1.0),
            "C = Λ",
            EXACT,
        ));
        let measured = per_trial(drawn, ratio).mean();
        claims.push(Claim::new(
            format!("{what}, α = {DRAWN}: largest over smallest eigenvalue, of drawn labels"),
            beyond("p = (1 − α)q + α/K, C = (1 − α)²(diag q − qq^{T})"),
            (measured.clone(), ratio(some)),
            "closed form",
            SGD,
        ));
        claims.push(Claim::new(
            format!("{what}, α = {DRAWN}: smoothing makes the eigenvalues unequal"),
            beyond(""),
            (measured, 1.0),
            "equal eigenvalues",
            Tolerance::Above {},
        ));
        claims.push(Claim::new(
            format!("{what}, α = {DRAWN}: smoothing makes them smaller, on average"),
            beyond(""),
            (per_trial(drawn, mean).mean(), 1.0),
            "no smoothing",
            Tolerance::Below {},
        ));
    }
    Ok(claims)
}

/// T/T_min of what is learnt under squared error.
fn exact_ratio(smoothing: f64) -> Result<f64, ReproduceError> {
    let (end, flattest) = end_and_flattest(&learnt(smoothing)?)?;
    Ok(end / flattest)
}

fn learnt(smoothing: f64) -> Result<Problem, ReproduceError> {
    let recipe = Recipe {
        label_smoothing: smoothing,
        ..Recipe::default()
    };
    Ok(recipe.problem(&problem()?)?.into_owned())
}

fn along() -> impl Iterator<Item = f64> {
    let last = SMOOTHINGS[SMOOTHINGS.len() - 1];
    (0..=INTERVALS).map(move |i| last * i as f64 / INTERVALS as f64)
}

fn squared_error(ran: &Ran) -> Result<Panel, ReproduceError> {
    let (whole, _) = end_and_flattest(&problem()?)?;
    let (mut relative, mut absolute) = (Vec::new(), Vec::new());
    for smoothing in SMOOTHINGS {
        let end = ran.linear(&name(smoothing))?.1.end(&SHARPNESS.key);
        let (_, flattest) = end_and_flattest(&learnt(smoothing)?)?;
        let over = |by: f64| end.with(&end, |end, _| end / by).mean();
        relative.extend(over(flattest).map(|end| end.point(smoothing)));
        absolute.extend(over(whole).map(|end| end.point(smoothing)));
    }
    let exact = along().map(|smoothing| Ok(Point::exact(smoothing, exact_ratio(smoothing)?)));
    let exact = exact.collect::<Result<Vec<_>, ReproduceError>>()?;
    let shrunk = along().map(|smoothing| {
        let (end, _) = end_and_flattest(&learnt(smoothing)?)?;
        Ok(Point::exact(smoothing, end / whole))
    });
    let shrunk = shrunk.collect::<Result<Vec<_>, ReproduceError>>()?;
    Ok(Panel::new(
        "squared error",
        Axis::linear("label smoothing α"),
        Axis::linear("relative sharpness").including(0.0),
    )
    .with("T/T_{min}, exact", exact, Look::exact(0))
    .with("T/T_{min}, SGD", relative, Look::scattered(0))
    .with("T over T at α = 0, exact", shrunk, Look::exact(1))
    .with("T over T at α = 0, SGD", absolute, Look::scattered(1)))
}

/// One number of the eigenvalues, over α and for each law.
fn mismatch(title: &str, axis: &str, drawn: &Drawn, of: fn([f64; 2]) -> f64) -> Panel {
    let mut panel = Panel::new(
        title,
        Axis::linear("label smoothing α"),
        Axis::linear(axis).including(0.0),
    );
    for (i, (law, drawn)) in LAWS.iter().zip(drawn).enumerate() {
        let what = format!("q = ({}, {}, {})", law[0], law[1], law[2]);
        let curve =
            along().map(|smoothing| Point::exact(smoothing, of(eigenvalues(law, smoothing))));
        let point = per_trial(drawn, of).mean().map(|mean| mean.point(DRAWN));
        panel = panel
            .with(what.clone(), curve.collect(), Look::flow(2 + i))
            .with(
                format!("{what}, labels drawn"),
                Vec::from_iter(point),
                Look::scattered(2 + i),
            );
    }
    panel
}
