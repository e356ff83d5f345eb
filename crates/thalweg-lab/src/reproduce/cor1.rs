//! Corollary 1: sharpness grows with the noise's condition number, between two bounds.

use thalweg::problem::{Problem, Shape};
use thalweg::theory::{condition_bounds, predict};

use super::claim::{Claim, paper};
use super::linear::identity_problem;
use super::made::Made;
use super::ran::Ran;
use super::tolerance::Tolerance;
use super::{Context, ReproduceError};
use crate::plot::{Axis, Dash, Figure, Look, Panel, Point};

/// Random problems of each depth.
const RANDOM: u64 = 40;
const DEPTHS: [usize; 3] = [2, 3, 5];
/// κ from 1 to 10⁶.
const KAPPAS: usize = 49;

/// Computes, draws and judges; nothing is sampled but the random problems, whose seeds are fixed.
pub fn show(_: &Ran, context: Context<'_>) -> Result<Made, ReproduceError> {
    let kappa = |i: usize| 10f64.powf(6.0 * i as f64 / (KAPPAS - 1) as f64);
    let mut growth = Panel::new(
        "V = Σx = I_{2}, √Σε = (1, √κ)",
        Axis::log("κ(Σε)"),
        Axis::log("T / D"),
    );
    let mut claims = Vec::new();
    for (n, depth) in DEPTHS.into_iter().enumerate() {
        let mut points = Vec::new();
        let (mut lowers, mut uppers) = (Vec::new(), Vec::new());
        for i in 0..KAPPAS {
            let problem = identity_problem(&[1.0, kappa(i).sqrt()], depth)?;
            let bounds = condition_bounds(&problem)?;
            let per_layer = |value: f64| Point::exact(kappa(i), value / depth as f64);
            points.push(per_layer(predict(&problem)?.sharpness));
            lowers.push(per_layer(bounds.lower));
            uppers.push(per_layer(bounds.upper));
        }
        let last = |points: &[Point]| points[KAPPAS - 1].y.ln() - points[KAPPAS - 9].y.ln();
        let slope = last(&points) / (kappa(KAPPAS - 1) / kappa(KAPPAS - 9)).ln();
        claims.push(Claim::exact(
            format!("D = {depth}: exponent of T in κ for κ → 10^{{6}} (Corollary 1 allows ½ to 1)"),
            paper("Corollary 1"),
            (slope, 0.5),
            "lower bound's exponent",
            Tolerance::Within { relative: 0.05 },
        ));
        growth = growth.with(format!("T, D = {depth}"), points, Look::measured(n));
        if n == 0 {
            growth = growth
                .with("c_{1} √κ, D = 2", lowers, Look::reference(Dash::Dashed))
                .with("c_{2} κ", uppers, Look::reference(Dash::Dotted));
        }
        context.tell(0.5 * (n + 1) as f64 / DEPTHS.len() as f64)?;
    }
    let mut scatter = Panel::new(
        "random problems, d = 4",
        Axis::log("κ(Σε)"),
        Axis::log("T / bound"),
    );
    let (mut above, mut below) = (Vec::new(), Vec::new());
    for seed in 1..=RANDOM {
        for depth in DEPTHS {
            let shape = Shape {
                input_dim: 4,
                output_dim: 4,
                rank: 4,
                depth,
            };
            let problem = Problem::random(shape, seed)?;
            let bounds = condition_bounds(&problem)?;
            let sharpness = predict(&problem)?.sharpness;
            above.push(Point::exact(
                bounds.condition_number,
                sharpness / bounds.lower,
            ));
            below.push(Point::exact(
                bounds.condition_number,
                sharpness / bounds.upper,
            ));
        }
    }
    context.tell(1.0)?;
    let least = above.iter().map(|p| p.y).fold(f64::INFINITY, f64::min);
    let most = below.iter().map(|p| p.y).fold(0.0, f64::max);
    let count = above.len();
    let bound = |text: &str, value, tolerance| {
        let statement = format!("{text} over {count} random problems");
        Claim::exact(
            statement,
            paper("Corollary 1"),
            (value, 1.0),
            "the bound itself",
            tolerance,
        )
    };
    claims.push(bound(
        "smallest T/(c_{1} D √κ)",
        least,
        Tolerance::AtLeast {},
    ));
    claims.push(bound("largest T/(c_{2} D κ)", most, Tolerance::AtMost {}));
    scatter = scatter
        .with("T / lower bound", above, Look::scattered(0))
        .with("T / upper bound", below, Look::scattered(1))
        .with_level("bound", 1.0, Look::reference(Dash::DashDot));
    Ok(Made {
        caption: "Left: sharpness per layer grows as √κ. Right: both bounds hold on random problems, with the \
                  constants c_{1}, c_{2} derived here."
            .to_owned(),
        settings: vec![
            ("problems", format!("d = 2 by κ; {count} random of d = 4, seeds 1 to {RANDOM}, D = 2, 3, 5")),
            ("computed", "exactly, no SGD".to_owned()),
        ],
        figure: Figure {
            description: "Sharpness against the condition number of the noise".to_owned(),
            panels: vec![growth, scatter],
            columns: 2,
            frame: (330.0, 240.0),
        },
        claims,
    })
}
