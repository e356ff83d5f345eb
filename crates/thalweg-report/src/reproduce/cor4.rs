//! Corollary 4: with power-law spectra, the noise's exponent alone makes SGD sharper than need be.

use thalweg::problem::{Basis, Problem, covariance, spectrum};
use thalweg::theory::{PowerLaw, predict};

use super::exhibit::Exhibit;
use super::ran::Ran;
use super::{Context, ReproduceError};
use crate::claims::{Claim, paper};
use crate::claims::{EXACT, Tolerance};
use crate::plot::{Axis, Figure, Look, Panel, Point};

const DEPTH: usize = 3;
const DIMENSION: usize = 1000;
/// Where the growth with d is fitted: over the last decade.
const LARGE: [usize; 2] = [100_000, 1_000_000];
/// Exponents of the noise whose growth with d is shown.
const NOISES: [f64; 3] = [0.0, 0.6, 2.0];

/// Computes, draws and judges.
pub fn show(_: &Ran, context: Context<'_>) -> Result<Exhibit, ReproduceError> {
    let claims = claims()?;
    context.tell(0.5)?;
    Ok(Exhibit {
        caption: "Power-law spectra i^{−a} of the noise, i^{−b} of the input, i^{−c} of the teacher. Without \
                  anisotropy of the noise no input or teacher spectrum makes SGD sharper than the flattest minimum."
            .to_owned(),
        settings: vec![
            ("problem", "Σε, Σx, V diagonal, D = 3".to_owned()),
            ("computed", "exactly, no SGD".to_owned()),
        ],
        figure: Figure {
            description: "Sharpness for power-law spectra".to_owned(),
            panels: vec![ratio_panel(), growth_panel()],
            columns: 2,
            frame: (330.0, 240.0),
        },
        claims,
    })
}

fn law(dimension: usize, noise: f64, input: f64, teacher: f64) -> PowerLaw {
    PowerLaw {
        dimension,
        depth: DEPTH,
        noise,
        input,
        teacher,
    }
}

fn relative(law: PowerLaw) -> f64 {
    law.sharpness() / law.min_sharpness()
}

fn claims() -> Result<Vec<Claim>, ReproduceError> {
    let mut claims: Vec<Claim> = NOISES.into_iter().map(growth).collect();
    let exponents = [1.2, 0.7, 0.4];
    let [a, b, c] = exponents;
    claims.push(Claim::exact(
        "d = 40, a = 1.2, b = 0.7, c = 0.4: T by sums of powers",
        paper("Corollary 4"),
        (law(40, a, b, c).sharpness(), by_matrices(exponents)?),
        "Theorem 1 on the matrices",
        EXACT,
    ));
    let isotropic = [(0.5, 0.5), (2.0, 0.0), (0.0, 2.0)]
        .map(|(b, c)| relative(law(DIMENSION, 0.0, b, c)))
        .into_iter()
        .fold(0.0, f64::max);
    claims.push(Claim::exact(
        "at a = 0 the largest T/T_{min} over (b, c) = (½, ½), (2, 0), (0, 2)",
        paper("Corollaries 2 and 4"),
        (isotropic, 1.0),
        "isotropic noise seeks flatness",
        EXACT,
    ));
    Ok(claims)
}

/// T's growth with d for one exponent of the noise.
fn growth(noise: f64) -> Claim {
    let at = |d: usize| law(d, noise, 0.25, 0.25);
    let [small, large] = LARGE.map(|d| at(d).sharpness().ln());
    let fitted = (large - small) / (LARGE[1] as f64 / LARGE[0] as f64).ln();
    Claim::exact(
        format!("a = {noise}, b = c = ¼: exponent of T in d, fitted over 10^{{5}} to 10^{{6}}"),
        paper("Corollary 4"),
        (fitted, at(1).sharpness_exponent()),
        "asymptotic exponent",
        Tolerance::Within { relative: 0.05 },
    )
}

/// T of 40 dimensions with these exponents, from the matrices themselves.
fn by_matrices([noise, input, teacher]: [f64; 3]) -> Result<f64, ReproduceError> {
    let diagonal = |e| covariance::from_spectrum(&spectrum::power_law(40, e), Basis::Canonical);
    let problem = Problem::new(diagonal(input), diagonal(teacher), diagonal(noise), DEPTH)?;
    Ok(predict(&problem)?.sharpness)
}

fn ratio_panel() -> Panel {
    let sweep = |of: fn(f64) -> PowerLaw| -> Vec<Point> {
        let exponents = (0..=40).map(|i| 0.05 * f64::from(i));
        exponents
            .map(|e| Point::exact(e, relative(of(e))))
            .collect()
    };
    Panel::new(
        "d = 1000, D = 3, one exponent at a time",
        Axis::linear("exponent"),
        Axis::log("T / T_{min}"),
    )
    .with(
        "a of the noise Σε (b = c = ½)",
        sweep(|a| law(DIMENSION, a, 0.5, 0.5)),
        Look::measured(0),
    )
    .with(
        "b of the input Σx (a = c = ½)",
        sweep(|b| law(DIMENSION, 0.5, b, 0.5)),
        Look::measured(1),
    )
    .with(
        "c of the teacher V (a = b = ½)",
        sweep(|c| law(DIMENSION, 0.5, 0.5, c)),
        Look::measured(2),
    )
}

fn growth_panel() -> Panel {
    let panel = Panel::new(
        "growth with dimension, b = c = ¼",
        Axis::log("d"),
        Axis::log("T, loss/weight²"),
    );
    NOISES
        .into_iter()
        .enumerate()
        .fold(panel, |panel, (n, noise)| {
            let dimensions =
                (0..=20).map(|i| 10f64.powf(1.0 + 0.2 * f64::from(i)).round() as usize);
            let points = dimensions
                .map(|d| Point::exact(d as f64, law(d, noise, 0.25, 0.25).sharpness()))
                .collect();
            panel.with(format!("a = {noise}"), points, Look::measured(n + 3))
        })
}
