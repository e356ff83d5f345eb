//! Corollary 1: sharpness grows with the noise's condition number, between two bounds.

use thalweg::problem::{Problem, ProblemShape};
use thalweg::theory::{condition_bounds, predict};

use super::exhibit::Exhibit;
use super::linear::identity_problem;
use super::ran::Ran;
use super::{Context, ReproduceError};
use crate::claims::Tolerance;
use crate::claims::{Claim, paper};
use crate::plot::{Axis, Dash, Figure, Look, Panel, Point};

/// Random problems of each depth.
const RANDOM: u64 = 40;
const DEPTHS: [usize; 3] = [2, 3, 5];
/// κ from 1 to 10⁶.
const KAPPAS: usize = 49;

/// At one depth, over κ and per layer: sharpness and its two bounds.
struct Growth {
    depth: usize,
    sharpness: Vec<Point>,
    lower: Vec<Point>,
    upper: Vec<Point>,
}

/// Computes, draws and judges; nothing is sampled but the random problems, whose seeds are fixed.
pub fn show(_: &Ran, context: Context<'_>) -> Result<Exhibit, ReproduceError> {
    let growths = DEPTHS
        .map(growth)
        .into_iter()
        .collect::<Result<Vec<_>, _>>()?;
    context.tell(0.5)?;
    let scatter = scatter()?;
    let count = scatter[0].len();
    Ok(Exhibit {
        caption: "Left: sharpness per layer grows as √κ. Right: both bounds hold on random problems, with the \
                  constants c_{1}, c_{2} derived here."
            .to_owned(),
        settings: vec![
            ("problems", format!("d = 2 by κ; {count} random of d = 4, seeds 1 to {RANDOM}, D = 2, 3, 5")),
            ("computed", "exactly, no SGD".to_owned()),
        ],
        claims: claims(&growths, &scatter),
        figure: Figure {
            description: "Sharpness against the condition number of the noise".to_owned(),
            panels: vec![growth_panel(growths), scatter_panel(scatter)],
            columns: 2,
            frame: (330.0, 240.0),
        },
    })
}

fn kappa(i: usize) -> f64 {
    10f64.powf(6.0 * i as f64 / (KAPPAS - 1) as f64)
}

fn growth(depth: usize) -> Result<Growth, ReproduceError> {
    let (mut sharpness, mut lower, mut upper) = (Vec::new(), Vec::new(), Vec::new());
    for i in 0..KAPPAS {
        let problem = identity_problem(&[1.0, kappa(i).sqrt()], depth)?;
        let bounds = condition_bounds(&problem)?;
        let per_layer = |value: f64| Point::exact(kappa(i), value / depth as f64);
        sharpness.push(per_layer(predict(&problem)?.sharpness));
        lower.push(per_layer(bounds.lower));
        upper.push(per_layer(bounds.upper));
    }
    Ok(Growth {
        depth,
        sharpness,
        lower,
        upper,
    })
}

/// Sharpness over its lower and over its upper bound, of random problems over their κ.
fn scatter() -> Result<[Vec<Point>; 2], ReproduceError> {
    let (mut above, mut below) = (Vec::new(), Vec::new());
    for seed in 1..=RANDOM {
        for depth in DEPTHS {
            let shape = ProblemShape {
                input_dim: 4,
                output_dim: 4,
                rank: 4,
                depth,
            };
            let problem = Problem::random(shape, seed)?;
            let bounds = condition_bounds(&problem)?;
            let sharpness = predict(&problem)?.sharpness;
            let point = |bound| Point::exact(bounds.condition_number, sharpness / bound);
            above.push(point(bounds.lower));
            below.push(point(bounds.upper));
        }
    }
    Ok([above, below])
}

fn claims(growths: &[Growth], [above, below]: &[Vec<Point>; 2]) -> Vec<Claim> {
    let exponent = |growth: &Growth| {
        let (from, to) = (growth.sharpness[KAPPAS - 9], growth.sharpness[KAPPAS - 1]);
        let slope = (to.y / from.y).ln() / (to.x / from.x).ln();
        Claim::exact(
            format!(
                "D = {}: exponent of T in κ for κ → 10^{{6}} (Corollary 1 allows ½ to 1)",
                growth.depth
            ),
            paper("Corollary 1"),
            (slope, 0.5),
            "lower bound's exponent",
            Tolerance::Within { relative: 0.05 },
        )
    };
    let bound = |text: &str, value, tolerance| {
        Claim::exact(
            format!("{text} over {} random problems", above.len()),
            paper("Corollary 1"),
            (value, 1.0),
            "the bound itself",
            tolerance,
        )
    };
    let least = above.iter().map(|p| p.y).fold(f64::INFINITY, f64::min);
    let most = below.iter().map(|p| p.y).fold(0.0, f64::max);
    let mut claims: Vec<Claim> = growths.iter().map(exponent).collect();
    claims.push(bound(
        "smallest T/(c_{1} D √κ)",
        least,
        Tolerance::AtLeast {},
    ));
    claims.push(bound("largest T/(c_{2} D κ)", most, Tolerance::AtMost {}));
    claims
}

fn growth_panel(growths: Vec<Growth>) -> Panel {
    let mut panel = Panel::new(
        "V = Σx = I_{2}, √Σε = (1, √κ)",
        Axis::log("κ(Σε)"),
        Axis::log("T / D, loss/weight²"),
    );
    for (n, growth) in growths.into_iter().enumerate() {
        let name = format!("T, D = {}", growth.depth);
        panel = panel.with(name, growth.sharpness, Look::measured(n));
        if n == 0 {
            panel = panel
                .with(
                    "c_{1} √κ, D = 2",
                    growth.lower,
                    Look::reference(Dash::Dashed),
                )
                .with("c_{2} κ", growth.upper, Look::reference(Dash::Dotted));
        }
    }
    panel
}

fn scatter_panel([above, below]: [Vec<Point>; 2]) -> Panel {
    Panel::new(
        "random problems, d = 4",
        Axis::log("κ(Σε)"),
        Axis::log("T / bound"),
    )
    .with("T / lower bound", above, Look::scattered(0))
    .with("T / upper bound", below, Look::scattered(1))
    .with_level("bound", 1.0, Look::reference(Dash::DashDot))
}
