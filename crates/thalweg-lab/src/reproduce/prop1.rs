//! Proposition 1: the mean sharpness of random initial weights.

use thalweg::problem::{Problem, Weights};
use thalweg::simulate::{Ensemble, Init};
use thalweg::theory::{functionals, initial_sharpness, kaiming_variances, xavier_variances};

use super::claim::{Claim, paper};
use super::linear::plain;
use super::made::Made;
use super::ran::Ran;
use super::statistics::Measured;
use super::tolerance::Tolerance;
use super::{Budget, Context, ReproduceError};
use crate::plot::{Axis, Figure, Look, Panel, Point};
use crate::run::Estimate;

/// Samples of initial weights, fixed beforehand: enough for three standard errors to be below [`ALLOWED`].
const SAMPLES: u64 = 20_000;
/// Of them at the tiny budget, which decides nothing.
const TINY: u64 = 50;
const DEPTHS: [usize; 5] = [2, 3, 4, 5, 6];
/// Nothing but chance may make a difference: this is what it takes to notice one.
const ALLOWED: Tolerance = Tolerance::Within { relative: 0.03 };

/// Name, equation, how weights are drawn, and the entries' variances.
type Scheme = (
    &'static str,
    &'static str,
    Init,
    fn(&Problem, f64) -> Vec<f64>,
);

/// Draws initial weights, measures and judges.
pub fn show(_: &Ran, context: Context<'_>) -> Result<Made, ReproduceError> {
    let kaiming: Scheme = (
        "Kaiming (linear)",
        "eq. 67",
        Init::Kaiming { gain: 1.0 },
        kaiming_variances,
    );
    let xavier: Scheme = (
        "Xavier",
        "eq. 68",
        Init::Xavier { gain: 1.0 },
        xavier_variances,
    );
    // At equal widths the two schemes are the same.
    let cases = [
        ("equal widths, 8", [8, 8, 8], vec![kaiming.clone()]),
        ("widths 4 → 16 → 6", [4, 16, 6], vec![kaiming, xavier]),
    ];
    let samples = if context.budget == Budget::Tiny {
        TINY
    } else {
        SAMPLES
    };
    let seeds: Vec<u64> = (1..=samples).collect();
    let (mut panels, mut claims) = (Vec::new(), Vec::new());
    for (title, [inputs, hidden, outputs], schemes) in cases {
        let mut panel = Panel::new(
            title,
            Axis::linear("depth D"),
            Axis::log("initial sharpness T"),
        );
        for (i, (name, source, init, variances)) in schemes.iter().enumerate() {
            let (mut means, mut exact) = (Vec::new(), Vec::new());
            for depth in DEPTHS {
                context.tell(claims.len() as f64 / 15.0)?;
                let problem = Problem::with_hidden_widths(
                    faer::Mat::identity(inputs, inputs),
                    faer::Mat::from_fn(outputs, inputs, |r, c| f64::from(u8::from(r == c))),
                    faer::Mat::identity(outputs, outputs),
                    depth,
                    &vec![hidden; depth - 1],
                )?;
                let predicted = initial_sharpness(&problem, &variances(&problem, 1.0))?;
                let ensemble = Ensemble::start(&problem, &plain(0.01, 1, init.clone()), &seeds)?;
                let starts = ensemble.weights();
                let sharpness = |start: &Weights| Ok(functionals(&problem, start)?.sharpness);
                let values: Result<Vec<f64>, ReproduceError> =
                    starts.iter().flatten().map(sharpness).collect();
                let values = values?;
                let Some(Estimate {
                    mean,
                    standard_error,
                    ..
                }) = Estimate::of(&values)
                else {
                    continue;
                };
                let x = depth as f64;
                means.push(Point {
                    x,
                    y: mean,
                    error: standard_error.unwrap_or(0.0),
                });
                exact.push(Point::exact(x, predicted));
                let measured = Measured {
                    error: standard_error,
                    trials: values.len(),
                    ..Measured::exact(mean)
                };
                claims.push(Claim::new(
                    format!("{name}, {title}, D = {depth}: mean initial T"),
                    paper(format!("Proposition 1, {source}")),
                    (Ok(measured), predicted),
                    "closed form",
                    ALLOWED,
                ));
            }
            panel = panel
                .with(format!("{name}, exact"), exact, Look::flow(i))
                .with(
                    format!("{name}, mean of {samples} starts ± s.e."),
                    means,
                    Look::scattered(i),
                );
        }
        panels.push(panel);
    }
    Ok(Made {
        caption: "Mean sharpness of random initial weights against Proposition 1; at equal widths both schemes \
                  give D d_{y} tr Σx."
            .to_owned(),
        settings: vec![
            ("problem", "Σx = I, weights only".to_owned()),
            ("samples", format!("{samples} starts for each point, seeds 1 to {samples}")),
        ],
        figure: Figure {
            description: "Mean initial sharpness against depth for two schemes".to_owned(),
            panels,
            columns: 2,
            frame: (330.0, 240.0),
        },
        claims,
    })
}
