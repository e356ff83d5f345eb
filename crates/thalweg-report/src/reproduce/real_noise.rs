//! Beyond the paper: the label noise of real data, and what uneven classes make of it.

use std::path::{Path, PathBuf};

use thalweg_lab::diagnose::{Columns, DIGITS, Diagnosis, Gathered, Interval, Settings, open_rows};
use thalweg_lab::texts::ALICE;

use super::exhibit::Exhibit;
use super::imbalance::{CLASSES, exact, found};
use super::ran::Ran;
use super::{Context, ReproduceError};
use crate::claims::{Claim, SGD, Tolerance, beyond};
use crate::plot::{Axis, Figure, Look, Panel, Point};
use crate::results::Budget;
use crate::statistics::PerTrial;

/// A claim of a test is decided at this p-value.
const LEVEL: f64 = 0.05;
/// b, the part of the rows that are of the third class.
const SHARES: [f64; 5] = [0.02, 0.1, 1.0 / 3.0, 0.6, 0.9];
/// Points of the exact curve.
const CURVE: usize = 60;

/// Data, most of which come with the program.
#[derive(Clone, Copy)]
struct Set {
    title: &'static str,
    name: &'static str,
    targets: &'static [&'static str],
    without: &'static [&'static str],
    /// Whether rows depend on those before them, of which the tests know nothing.
    series: bool,
}

const SETS: [Set; 4] = [
    Set {
        title: "penguins, three sizes",
        name: "penguins",
        targets: &["bill_length_mm", "bill_depth_mm", "flipper_length_mm"],
        without: &["year"],
        series: false,
    },
    Set {
        title: "penguins, species",
        name: "penguins",
        targets: &["species"],
        without: &["year"],
        series: false,
    },
    Set {
        title: "voters, seven parties",
        name: "elections",
        targets: &["party"],
        without: &[],
        series: false,
    },
    Set {
        title: "economy, three rates",
        name: "economy",
        targets: &["infl", "unemp", "tbilrate"],
        // The last is a function of two targets.
        without: &["year", "quarter", "realint"],
        series: true,
    },
];

/// Hundreds of inputs take a minute, dozens of characters a quarter of one.
const LARGE: [Set; 2] = [
    Set {
        title: "MNIST, ten digits",
        name: DIGITS,
        targets: &[],
        without: &[],
        series: false,
    },
    Set {
        title: "text, character by character",
        name: ALICE,
        targets: &[],
        without: &[],
        series: false,
    },
];

/// Names the folder of Fashion-MNIST's four files, which do not come with the program, where it is to be in the figure.
const FASHION: &str = "THALWEG_FASHION_MNIST";

/// What is diagnosed, and where it lies.
#[expect(
    clippy::disallowed_methods,
    reason = "which data lie on a machine is the machine's to say, and no number of the others depends on it"
)]
fn sets(budget: Budget) -> Vec<(Set, PathBuf)> {
    let mut sets = Vec::from(SETS);
    if budget == Budget::Full {
        sets.extend(LARGE);
    }
    let mut sets: Vec<_> = sets.into_iter().map(|set| (set, set.name.into())).collect();
    if let (Budget::Full, Some(folder)) = (budget, std::env::var_os(FASHION)) {
        let set = Set {
            title: "Fashion-MNIST, ten things",
            ..LARGE[0]
        };
        sets.push((set, folder.into()));
    }
    sets
}

fn diagnosis(set: &Set, path: &Path) -> Result<Diagnosis, ReproduceError> {
    let words = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    let asked = Columns {
        targets: words(set.targets),
        without: words(set.without),
        classes: false,
    };
    let mut rows = open_rows(path, &asked)?;
    let gathered = Gathered::new(&mut *rows, Settings::default().seed)?;
    Ok(Diagnosis::new(&gathered, &Settings::default())?)
}

/// κ of labels drawn with each share of the third class, in each trial.
fn drawn(context: Context<'_>) -> Result<Vec<PerTrial>, ReproduceError> {
    let rows = match context.budget {
        Budget::Tiny => 2_000,
        Budget::Quick => 50_000,
        Budget::Full => 400_000,
    };
    let seeds = context.budget.linear_seeds();
    let of = |b| -> Result<PerTrial, ReproduceError> {
        let each = seeds.iter().map(|&seed| Ok(Ok(found(b, rows, seed)?)));
        Ok(PerTrial(each.collect::<Result<_, ReproduceError>>()?))
    };
    SHARES.into_iter().map(of).collect()
}

/// Draws and judges the figure.
pub fn show(_: &Ran, context: Context<'_>) -> Result<Exhibit, ReproduceError> {
    let mut real = Vec::new();
    let sets = sets(context.budget);
    for (done, (set, path)) in sets.iter().enumerate() {
        context.tell(done as f64 / (sets.len() + 1) as f64)?;
        real.push((*set, diagnosis(set, path)?));
    }
    let drawn = drawn(context)?;
    let mut settings = vec![(
        "noise",
        "what a linear fit leaves, over its degrees of freedom, with T and T_{min} of two linear layers".to_owned(),
    )];
    for (at, (set, found)) in real.iter().enumerate() {
        settings.push((NUMBERS[at], format!("{}: {}", set.title, words(set, found))));
    }
    Ok(Exhibit {
        caption: "Left: the condition number of the label noise of real data, with an error by resampled rows; the numbers are explained \
                  below. Right: labels of three classes of which inputs say nothing, the third with the part b of the rows. A rare \
                  class makes the noise as unequal as it is rare, κ = 1/(Kb); a common one at most K times. So a diagnosis of uneven \
                  classes should look for the rarest."
            .to_owned(),
        settings,
        claims: claims(&real, &drawn),
        figure: Figure {
            description: "Condition number of the label noise of real data, and over the share of one class".to_owned(),
            panels: vec![sets_panel(&real), shares_panel(&drawn)],
            columns: 2,
            frame: (330.0, 240.0),
        },
    })
}

/// The names of the settings that explain the left panel.
const NUMBERS: [&str; 7] = ["1", "2", "3", "4", "5", "6", "7"];

fn words(set: &Set, found: &Diagnosis) -> String {
    let shown = |of: &Interval| {
        let [low, high] = of.interval;
        format!("{:.4} ({low:.4} … {high:.4})", of.value)
    };
    let tests = match set.series {
        true => "a time series, whose rows depend on each other: intervals are too narrow, and the tests do not hold".to_owned(),
        false => format!(
            "p of isotropy {}, of noise that does not depend on the inputs {}",
            found.isotropy.p_value, found.heteroscedasticity.p_value
        ),
    };
    format!(
        "{}; κ = {}; T/T_min = {:.4}; {tests}",
        found.size(),
        shown(&found.condition_number),
        found.sharpness.value / found.min_sharpness.value,
    )
}

fn claims(real: &[(Set, Diagnosis)], drawn: &[PerTrial]) -> Vec<Claim> {
    let mut claims = Vec::new();
    for (Set { title, .. }, found) in real.iter().filter(|(set, _)| !set.series) {
        claims.push(Claim::exact(
            format!("{title}: p of noise that is the same and uncorrelated on all outputs"),
            beyond("real label noise is anisotropic"),
            (found.isotropy.p_value, LEVEL),
            "the level of the test",
            Tolerance::Below {},
        ));
        claims.push(Claim::exact(
            format!(
                "{title}: p of noise that does not depend on the inputs, as the closed forms assume"
            ),
            beyond("the model’s own assumption"),
            (found.heteroscedasticity.p_value, LEVEL),
            "the level of the test",
            Tolerance::Above {},
        ));
    }
    for (b, drawn) in SHARES.into_iter().zip(drawn) {
        claims.push(Claim::new(
            format!(
                "a class with {:.0} % of the rows: κ(Σε) that a diagnosis finds",
                100.0 * b
            ),
            beyond("Σε = diag q − qq^{T}"),
            (drawn.geometric_mean(), exact(b)),
            "max(Kb, 1/(Kb))",
            SGD,
        ));
    }
    claims
}

fn sets_panel(real: &[(Set, Diagnosis)]) -> Panel {
    let point = |(at, (_, found)): (usize, &(Set, Diagnosis))| {
        let Interval { value, interval } = found.condition_number;
        // 95 % are 1.96 standard errors to either side.
        let error = value * (interval[1] / interval[0]).ln() / (2.0 * 1.96);
        Point {
            x: (at + 1) as f64,
            y: value,
            error: if error.is_finite() { error } else { 0.0 },
        }
    };
    let ratio = |(at, (_, found)): (usize, &(Set, Diagnosis))| {
        let ratio = found.sharpness.value / found.min_sharpness.value;
        Point::exact((at + 1) as f64, ratio)
    };
    Panel::new(
        "real data",
        Axis::linear("data, numbered below")
            .including(0.5)
            .including(real.len() as f64 + 0.5),
        Axis::log("condition number, relative sharpness").including(1.0),
    )
    .with(
        "κ(Σε)",
        real.iter().enumerate().map(point).collect(),
        Look::scattered(0),
    )
    .with(
        "T/T_{min} predicted",
        real.iter().enumerate().map(ratio).collect(),
        Look::scattered(1),
    )
}

fn shares_panel(drawn: &[PerTrial]) -> Panel {
    let [low, high] = [0.01_f64, 0.99];
    let curve = (0..=CURVE).map(|i| {
        let b = low * (high / low).powf(i as f64 / CURVE as f64);
        Point::exact(b, exact(b))
    });
    let points = SHARES.into_iter().zip(drawn);
    let points = points.filter_map(|(b, drawn)| Some(drawn.geometric_mean().ok()?.point(b)));
    Panel::new(
        format!("{CLASSES} classes, one of them uneven"),
        Axis::log("part b of the rows"),
        Axis::log("noise condition number κ(Σε)").including(1.0),
    )
    .with("exact", curve.collect(), Look::exact(2))
    .with(
        "diagnosed, drawn labels",
        points.collect(),
        Look::scattered(2),
    )
}
