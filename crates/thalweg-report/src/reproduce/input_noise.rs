//! Beyond the paper: noise added to inputs brings the signal's shape into the label noise.

use faer::{Mat, Scale};
use thalweg::problem::{Problem, covariance};
use thalweg::recipe::Recipe;

use super::exhibit::{Exhibit, sgd_settings};
use super::linear::{EVEN, at_theorem_1, end_and_flattest, experiment, plain};
use super::plan::Plan;
use super::ran::Ran;
use super::shown::Shown as _;
use super::{Context, ReproduceError};
use crate::claims::{Claim, EXACT, Tolerance, beyond};
use crate::plot::{Axis, Dash, Figure, Look, Panel, Point};
use crate::results::Budget;
use crate::statistics::PerTrial;
use thalweg_lab::compare::SLOW_FLOW;
use thalweg_lab::quantity::SHARPNESS;

const BATCH: usize = 10;
/// Singular values of the teacher.
const SIGNAL: [f64; 2] = [1.5, 0.3];
/// √Σε, the same for both outputs.
const NOISE: [f64; 2] = [0.1, 0.1];
/// n of each run: inputs get noise of covariance n I.
const VARIANCES: [f64; 5] = [0.0, 0.01, 0.03, 0.1, 0.3];
/// Intervals of the curves from 0 to the last of them.
const INTERVALS: usize = 30;

/// η and the steps.
fn clock(budget: Budget) -> (f64, u64) {
    let (learning_rate, steps) = budget.choose((0.02, 500_000), (0.01, 4_000_000));
    (learning_rate, budget.long(steps, steps))
}

fn name(variance: f64) -> String {
    format!("variance-{variance}")
}

fn clean() -> Result<Problem, ReproduceError> {
    let teacher = faer::mat![[SIGNAL[0], 0.0], [0.0, SIGNAL[1]]];
    let noise = covariance::from_deviations(&NOISE);
    Ok(Problem::new(Mat::identity(2, 2), teacher, noise, 2)?)
}

fn recipe(variance: f64) -> Recipe {
    let noise = Scale(variance) * Mat::<f64>::identity(2, 2);
    Recipe {
        input_noise_covariance: (variance > 0.0).then_some(noise),
        ..Recipe::default()
    }
}

/// The problem that is in effect learnt.
fn learnt(variance: f64) -> Result<Problem, ReproduceError> {
    Ok(recipe(variance).problem(&clean()?)?.into_owned())
}

/// Every variance, from where SGD ends without it. Each sample gets its noise.
pub fn plan(budget: Budget) -> Result<Plan, ReproduceError> {
    let (learning_rate, steps) = clock(budget);
    let mut plan = Plan::default();
    for variance in VARIANCES {
        let mut settings = plain(learning_rate, BATCH, at_theorem_1(&clean()?)?);
        settings.recipe = recipe(variance);
        settings.data.sample_by_sample = true;
        plan.linear(
            name(variance),
            experiment(clean()?, settings, steps, EVEN, budget),
        );
    }
    Ok(plan)
}

/// Draws and judges the figure.
pub fn show(ran: &Ran, context: Context<'_>) -> Result<Exhibit, ReproduceError> {
    let (learning_rate, steps) = clock(context.budget);
    let mut settings = sgd_settings(
        "D = 2, d = 2, Σx = I, V = diag(1.5, 0.3), √Σε = (0.1, 0.1)",
        learning_rate,
        BATCH,
        steps,
        "Theorem 1's minimum without input noise, which is the flattest",
        &context.budget.linear_seeds(),
    );
    settings.push((
        "input noise",
        "covariance n I, drawn for each sample of each minibatch".to_owned(),
    ));
    Ok(Exhibit {
        caption: "Label noise is equal on both outputs, and without more SGD ends at a flattest minimum. Noise on the inputs \
                  (augmentation) cannot be told from the label's own, and what it adds to Σε has the signal's shape, \
                  V(…)V^{T}: the strong output becomes the noisy one (left), and SGD ends sharper than it need (right)."
            .to_owned(),
        settings,
        figure: Figure {
            description: "Condition number of the noise and relative sharpness against the variance of input noise"
                .to_owned(),
            panels: vec![shape()?, ends(ran)?],
            columns: 2,
            frame: (300.0, 240.0),
        },
        claims: claims(ran)?,
    })
}

/// The variances along the curves.
fn along() -> impl Iterator<Item = f64> {
    let last = VARIANCES[VARIANCES.len() - 1];
    (0..=INTERVALS).map(move |i| last * i as f64 / INTERVALS as f64)
}

/// κ(Σε′) of what is learnt.
fn condition(variance: f64) -> Result<f64, ReproduceError> {
    let learnt = learnt(variance)?;
    let noise = learnt.noise_covariance();
    // Signal, inputs and noise share their axes.
    Ok(noise[(0, 0)] / noise[(1, 1)])
}

/// The same output by output: what of V x cannot be told from x + ξ has the variance v² n/(1 + n).
fn condition_by_output(variance: f64) -> f64 {
    let confused = variance / (1.0 + variance);
    let [loud, quiet] = [0, 1].map(|i| NOISE[i] * NOISE[i] + SIGNAL[i] * SIGNAL[i] * confused);
    loud / quiet
}

/// T over T_min of what is learnt, trial by trial at the end of the run.
fn excess(ran: &Ran, variance: f64) -> Result<PerTrial, ReproduceError> {
    let (_, flattest) = end_and_flattest(&learnt(variance)?)?;
    let end = ran.linear(&name(variance))?.1.end(&SHARPNESS.key);
    Ok(end.with(&end, |end, _| end / flattest))
}

fn claims(ran: &Ran) -> Result<Vec<Claim>, ReproduceError> {
    let mut claims = Vec::new();
    let without = ran.compared(&name(VARIANCES[0]), &SLOW_FLOW)?;
    let without = without.limit(&SHARPNESS)?;
    for variance in VARIANCES {
        let (run, title) = (name(variance), format!("n = {variance}"));
        let (runs, flows) = (ran.linear(&run)?, ran.compared(&run, &SLOW_FLOW)?);
        let source = beyond("Theorem 1 for the problem that is learnt");
        for claim in [
            SHARPNESS.against_flow(&title, runs.1, &flows),
            SHARPNESS.against_limit(&title, source, runs, &flows)?,
        ] {
            claims.push(claim.told_from(without));
        }
    }
    let mut worst = (0.0, 1.0, 1.0);
    for variance in along() {
        let (found, by_output) = (condition(variance)?, condition_by_output(variance));
        let off: f64 = (found / by_output - 1.0f64).abs();
        if off >= worst.0 {
            worst = (off, found, by_output);
        }
    }
    claims.push(Claim::exact(
        "κ(Σε′) of what is learnt, where it is furthest from its closed form",
        beyond("Σε′ = Σε + V(Σx^{−1} + N^{−1})^{−1}V^{T}"),
        (worst.1, worst.2),
        "output by output",
        EXACT,
    ));
    let last = excess(ran, VARIANCES[VARIANCES.len() - 1])?;
    let none = excess(ran, VARIANCES[0])?;
    claims.push(Claim::ratio(
        format!(
            "SGD's T/T_{{min}} at n = {} over that without input noise",
            VARIANCES[VARIANCES.len() - 1]
        ),
        beyond(""),
        last.over(&none).geometric_mean(),
        Tolerance::Above {},
    ));
    Ok(claims)
}

fn variance_axis() -> Axis {
    Axis::linear("variance n of the noise on each input")
}

fn shape() -> Result<Panel, ReproduceError> {
    let points = along().map(|n| Ok(Point::exact(n, condition(n)?)));
    let points = points.collect::<Result<Vec<_>, ReproduceError>>()?;
    Ok(Panel::new(
        "the noise that is learnt",
        variance_axis(),
        Axis::linear("condition number κ(Σε′)").including(0.0),
    )
    .with("exact", points, Look::exact(0)))
}

fn ends(ran: &Ran) -> Result<Panel, ReproduceError> {
    let (mut of_sgd, mut of_flow) = (Vec::new(), Vec::new());
    for variance in VARIANCES {
        of_sgd.extend(excess(ran, variance)?.mean().map(|end| end.point(variance)));
        let flows = ran.compared(&name(variance), &SLOW_FLOW)?;
        let (_, flattest) = end_and_flattest(&learnt(variance)?)?;
        of_flow.push(Point::exact(
            variance,
            flows.mean_end(&SHARPNESS) / flattest,
        ));
    }
    let exact = along().map(|n| {
        let (end, flattest) = end_and_flattest(&learnt(n)?)?;
        Ok(Point::exact(n, end / flattest))
    });
    let exact = exact.collect::<Result<Vec<_>, ReproduceError>>()?;
    Ok(Panel::new(
        "where SGD ends",
        variance_axis(),
        Axis::linear("T / T_{min}"),
    )
    .with("exact", exact, Look::exact(0))
    .with("slow flow after as many steps", of_flow, Look::scattered(2))
    .with("SGD, mean of the last fifth", of_sgd, Look::scattered(1))
    .with_level("the flattest minimum", 1.0, Look::reference(Dash::Dashed)))
}
