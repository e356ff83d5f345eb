//! Proposition 1: the mean sharpness of random initial weights.

use thalweg::problem::Problem;
use thalweg::simulate::{Ensemble, InitialWeights};
use thalweg::theory::{functionals, initial_sharpness, kaiming_variances, xavier_variances};

use super::exhibit::Exhibit;
use super::linear::plain;
use super::ran::Ran;
use super::{Context, ReproduceError};
use crate::claims::Tolerance;
use crate::claims::{Claim, paper};
use crate::plot::{Axis, Figure, Look, Panel, Point};
use crate::results::Budget;
use crate::statistics::{Measured, PerTrial};

/// Samples of initial weights, fixed beforehand: at the full budget enough for three standard errors to be below
/// [`ALLOWED`], at the tiny one for nothing.
fn samples(budget: Budget) -> u64 {
    match budget {
        Budget::Tiny => 50,
        Budget::Quick => 5000,
        Budget::Full => 20_000,
    }
}

/// Starts that are in memory together.
const AT_ONCE: usize = 500;

const DEPTHS: [usize; 5] = [2, 3, 4, 5, 6];
/// Nothing but chance may make a difference: this is what it takes to notice one.
const ALLOWED: Tolerance = Tolerance::Within { relative: 0.03 };

/// Name, equation, how weights are drawn, and the entries' variances.
type Scheme = (
    &'static str,
    &'static str,
    InitialWeights,
    fn(&Problem, f64) -> Vec<f64>,
);

/// One scheme at some widths: its mean T, measured and exact, at each of [`DEPTHS`].
struct Means {
    scheme: &'static str,
    source: &'static str,
    measured: Vec<Measured>,
    exact: Vec<f64>,
}

/// Draws initial weights, measures and judges.
pub fn show(_: &Ran, context: Context<'_>) -> Result<Exhibit, ReproduceError> {
    let kaiming: Scheme = (
        "Kaiming (linear)",
        "eq. 67",
        InitialWeights::Kaiming { gain: 1.0 },
        kaiming_variances,
    );
    let xavier: Scheme = (
        "Xavier",
        "eq. 68",
        InitialWeights::Xavier { gain: 1.0 },
        xavier_variances,
    );
    // At equal widths the two schemes are the same.
    let cases = [
        ("equal widths, 8", [8, 8, 8], vec![kaiming.clone()]),
        ("widths 4 → 16 → 6", [4, 16, 6], vec![kaiming, xavier]),
    ];
    let samples = samples(context.budget);
    let (mut panels, mut claims) = (Vec::new(), Vec::new());
    for (title, widths, schemes) in cases {
        let means = schemes
            .iter()
            .map(|scheme| means(scheme, widths, samples, context));
        let means = means.collect::<Result<Vec<_>, _>>()?;
        claims.extend(means.iter().flat_map(|means| self::claims(title, means)));
        panels.push(panel(title, samples, means));
    }
    Ok(Exhibit {
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

fn means(
    (scheme, source, init, variances): &Scheme,
    [inputs, hidden, outputs]: [usize; 3],
    samples: u64,
    context: Context<'_>,
) -> Result<Means, ReproduceError> {
    let seeds: Vec<u64> = (1..=samples).collect();
    let (mut measured, mut exact) = (Vec::new(), Vec::new());
    for depth in DEPTHS {
        context.tell(0.5)?;
        let problem = Problem::with_hidden_widths(
            faer::Mat::identity(inputs, inputs),
            faer::Mat::from_fn(outputs, inputs, |r, c| f64::from(u8::from(r == c))),
            faer::Mat::identity(outputs, outputs),
            depth,
            &vec![hidden; depth - 1],
        )?;
        let mut values = Vec::new();
        for seeds in seeds.chunks(AT_ONCE) {
            let ensemble = Ensemble::start(&problem, &plain(0.01, 1, init.clone()), seeds)?;
            for (start, &seed) in ensemble.weights().into_iter().zip(seeds) {
                let start = start.ok_or(ReproduceError::NoStart { seed })?;
                values.push(Ok(functionals(&problem, &start)?.sharpness));
            }
        }
        measured.extend(PerTrial(values).mean());
        exact.push(initial_sharpness(&problem, &variances(&problem, 1.0))?);
    }
    Ok(Means {
        scheme,
        source,
        measured,
        exact,
    })
}

fn claims(title: &str, means: &Means) -> Vec<Claim> {
    let numbers = means.measured.iter().zip(&means.exact).zip(DEPTHS);
    numbers
        .map(|((measured, &exact), depth)| {
            Claim::new(
                format!("{}, {title}, D = {depth}: mean initial T", means.scheme),
                paper(format!("Proposition 1, {}", means.source)),
                (Ok(measured.clone()), exact),
                "closed form",
                ALLOWED,
            )
        })
        .collect()
}

fn panel(title: &str, samples: u64, all: Vec<Means>) -> Panel {
    let panel = Panel::new(
        title,
        Axis::linear("depth D"),
        Axis::log("initial sharpness T, loss/weight²"),
    );
    all.into_iter()
        .enumerate()
        .fold(panel, |panel, (i, means)| {
            let depths = || DEPTHS.map(|depth| depth as f64).into_iter();
            let exact = depths()
                .zip(means.exact)
                .map(|(x, exact)| Point::exact(x, exact));
            let measured = depths()
                .zip(means.measured)
                .map(|(x, measured)| measured.point(x));
            panel
                .with(
                    format!("{}, exact", means.scheme),
                    exact.collect(),
                    Look::flow(i),
                )
                .with(
                    format!("{}, mean of {samples} starts ± s.e.", means.scheme),
                    measured.collect(),
                    Look::scattered(i),
                )
        })
}
