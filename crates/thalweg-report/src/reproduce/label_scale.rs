//! Beyond the paper: the start's sharpness does not know the scale of the labels; the end's does.

use faer::{Mat, Scale};
use thalweg::problem::{Problem, Weights, covariance};
use thalweg::simulate::{InitialWeights, SimulateError};

use super::exhibit::{Exhibit, sgd_settings};
use super::linear::{EVEN, experiment, plain};
use super::plan::Plan;
use super::ran::Ran;
use super::shown::Shown as _;
use super::{Context, ReproduceError};
use crate::claims::{Claim, EXACT, SGD, Tolerance, beyond, paper};
use crate::plot::{Axis, Figure, Look, Panel};
use crate::results::Budget;
use thalweg_lab::compare::SLOW_FLOW;
use thalweg_lab::quantity::SHARPNESS;

const DEPTH: usize = 2;
const BATCH: usize = 10;
/// c of each run: labels are c y. The one in the middle leaves them alone.
const SCALES: [f64; 3] = [0.6, 1.0, 1.5];
const AS_THEY_ARE: f64 = SCALES[1];
/// Both layers start as √1.5 I, so that T = tr(W_2W_2ᵀ) tr Σx + d_y tr(W_1W_1ᵀ) is this.
const START: f64 = 12.0;

/// η and the steps.
fn clock(budget: Budget) -> (f64, u64) {
    let (learning_rate, steps) = budget.choose((0.01, 5_000_000), (0.005, 20_000_000));
    (learning_rate, budget.long(steps, steps))
}

fn name(scale: f64) -> String {
    format!("labels-times-{scale}")
}

fn title(scale: f64) -> String {
    format!("labels × {scale}")
}

/// y = V x + ε becomes c y: c V and c² Σε.
fn scaled(scale: f64) -> Result<Problem, ReproduceError> {
    let one = Mat::<f64>::identity(2, 2);
    let noise = covariance::from_deviations(&[scale, 0.2 * scale]);
    Ok(Problem::new(one.clone(), Scale(scale) * one, noise, DEPTH)?)
}

/// Every scale, from the same weights.
pub fn plan(budget: Budget) -> Result<Plan, ReproduceError> {
    let (learning_rate, steps) = clock(budget);
    let layer = Scale((START / 8.0).sqrt()) * Mat::<f64>::identity(2, 2);
    let mut plan = Plan::default();
    for scale in SCALES {
        let problem = scaled(scale)?;
        let start = Weights::new(&problem, vec![layer.clone(); DEPTH]);
        let start = InitialWeights::Given(start.map_err(SimulateError::from)?);
        let settings = plain(learning_rate, BATCH, start);
        plan.linear(
            name(scale),
            experiment(problem, settings, steps, EVEN, budget),
        );
    }
    Ok(plan)
}

/// Draws and judges the figure.
pub fn show(ran: &Ran, context: Context<'_>) -> Result<Exhibit, ReproduceError> {
    let (learning_rate, steps) = clock(context.budget);
    let mut settings = sgd_settings(
        "D = 2, d = 2, Σx = I, V = c I, √Σε = c (1, 0.2)",
        learning_rate,
        BATCH,
        steps,
        "W_{1} = W_{2} = √1.5 I, where T = 12",
        &context.budget.linear_seeds(),
    );
    settings.push(("c", "0.6, 1 and 1.5: labels are c y".to_owned()));
    Ok(Exhibit {
        caption: "One start, labels multiplied by c. The sharpness of the start is the network's own and does not know the labels; \
                  that of the end goes as c^{2 − 2/D}, as that of every minimum of the kind does. So from one start smaller labels \
                  flatten, larger ones sharpen, and the unit in which labels are given decides which."
            .to_owned(),
        settings,
        figure: Figure {
            description: "Sharpness against steps for labels of three scales, from one start".to_owned(),
            panels: vec![panel(ran)?],
            columns: 1,
            frame: (420.0, 280.0),
        },
        claims: claims(ran)?,
    })
}

fn claims(ran: &Ran) -> Result<Vec<Claim>, ReproduceError> {
    let exponent = 2.0 - 2.0 / DEPTH as f64;
    let end = |scale| -> Result<_, ReproduceError> {
        Ok(ran.linear(&name(scale))?.1.end(&SHARPNESS.key))
    };
    let mut claims = Vec::new();
    for scale in SCALES {
        let (title, run) = (title(scale), name(scale));
        let (runs, flows) = (ran.linear(&run)?, ran.compared(&run, &SLOW_FLOW)?);
        let first = runs.1.at(0, &SHARPNESS.key);
        // The start is given, the same in every trial.
        let of_one = first.0.iter().flatten().next().copied();
        claims.push(Claim::exact(
            format!("{title}: T at the start"),
            paper("eq. 44: T holds no labels"),
            (of_one.unwrap_or(f64::NAN), START),
            "the given weights",
            EXACT,
        ));
        claims.push(SHARPNESS.against_flow(&title, runs.1, &flows));
        claims.push(SHARPNESS.against_limit(&title, paper("Theorem 1 (eq. 14)"), runs, &flows)?);
        if scale == AS_THEY_ARE {
            continue;
        }
        let ratio = end(scale)?.over(&end(AS_THEY_ARE)?);
        claims.push(Claim::new(
            format!("{title}: SGD's T at the end over that with labels as they are"),
            beyond("V → cV, Σε → c²Σε in eq. 14"),
            (ratio.mean(), scale.powf(exponent)),
            "c^{2 − 2/D}",
            SGD,
        ));
        let (what, tolerance) = if scale < AS_THEY_ARE {
            ("flatten", Tolerance::Below {})
        } else {
            ("sharpen", Tolerance::Above {})
        };
        claims.push(Claim::ratio(
            format!("{title} {what}: T at the end over T at the start"),
            paper("its remark on the scale of labels"),
            end(scale)?.over(&first).geometric_mean(),
            tolerance,
        ));
    }
    Ok(claims)
}

fn panel(ran: &Ran) -> Result<Panel, ReproduceError> {
    let mut panel = Panel::new(
        "one start, three scales of labels",
        Axis::linear("step t"),
        Axis::linear(SHARPNESS.with_unit()),
    );
    for (i, scale) in SCALES.into_iter().enumerate() {
        let (_, trials) = ran.linear(&name(scale))?;
        let flows = ran.compared(&name(scale), &SLOW_FLOW)?;
        let title = title(scale);
        panel = panel.with(
            title.clone(),
            trials.curve(&SHARPNESS.key),
            Look::measured(i),
        );
        let called = |theory: &str| format!("{title}: {theory}");
        panel = flows.drawn_on(panel, called, &SHARPNESS, i).with_level(
            format!("{title}: exact limit"),
            flows.limit(&SHARPNESS)?,
            Look::exact(i),
        );
    }
    Ok(panel)
}

#[cfg(test)]
mod tests {
    use super::super::linear::end_and_flattest;
    use super::*;

    /// With two layers T goes as c if signal and noise are scaled alike. At c = 1 it is Σ 2 (s + 1/s), s = √0.52/σ, of σ = 1 and 0.2.
    #[test]
    fn scaled_labels_scale_the_end_alone() {
        let by_hand: f64 = [1.0, 0.2]
            .map(|deviation: f64| 0.52f64.sqrt() / deviation)
            .iter()
            .map(|s| 2.0 * (s + 1.0 / s))
            .sum();
        for scale in SCALES {
            let (end, flattest) = end_and_flattest(&scaled(scale).unwrap()).unwrap();
            assert!((end - by_hand * scale).abs() < 1e-12 * end, "{end}");
            assert!((flattest - 8.0 * scale).abs() < 1e-12, "{flattest}");
        }
    }
}
