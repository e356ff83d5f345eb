//! The paper's slips, each shown by numbers beside what is right.

use faer::Scale;
use thalweg::problem::{Problem, ProblemShape};
use thalweg::theory::{
    Minimum, fluctuation_bounds, functionals, identity_deep_ratio, identity_min_sharpness, predict,
    printed_identity_deep_ratio, printed_identity_min_sharpness,
};

use super::exhibit::Exhibit;
use super::linear::identity_problem;
use super::ran::Ran;
use super::{Context, ReproduceError};
use crate::claims::{Citation, Claim, Origin};
use crate::claims::{EXACT, Tolerance};
use crate::plot::{Axis, Dash, Figure, Look, Panel, Point};

/// Depth at which the limit D → ∞ is looked at; the rest is of order 1/D.
const DEEP: usize = 2000;

/// Computes, draws and judges.
pub fn show(_: &Ran, context: Context<'_>) -> Result<Exhibit, ReproduceError> {
    let flattest = flattest()?;
    context.tell(0.3)?;
    let deep = deep()?;
    context.tell(0.6)?;
    let mut claims: Vec<Claim> = flattest_claims(&flattest).into();
    claims.extend(deep_claims(&deep));
    scaled_noise(&mut claims)?;
    condition_number(&mut claims)?;
    theorem_2(&mut claims)?;
    context.tell(1.0)?;
    Ok(Exhibit {
        caption: "Statements as printed in arXiv:2602.05065, against the exact value. A claim marked “as printed” \
                  is expected to disagree; the corrected one below it should agree."
            .to_owned(),
        settings: vec![("computed", "exactly, on constructed weights; no SGD".to_owned())],
        figure: Figure {
            description: "Two printed formulas against the exact values".to_owned(),
            panels: vec![flattest_panel(flattest), deep_panel(deep)],
            columns: 2,
            frame: (330.0, 240.0),
        },
        claims,
    })
}

/// What the paper prints, in error.
fn misprint(place: &str) -> Citation {
    Citation {
        origin: Origin::Misprint,
        place: place.to_owned(),
    }
}

/// What should stand there.
fn correction(place: &str) -> Citation {
    Citation {
        origin: Origin::Correction,
        place: place.to_owned(),
    }
}

/// Over depth or noise: the exact value, the corrected formula, the printed one.
type Curves = [Vec<Point>; 3];

/// T_min = D d², not D d^{(D+2)/D}: measured on the flattest minimum's own weights.
fn flattest() -> Result<Curves, ReproduceError> {
    let (mut built, mut right, mut printed) = (Vec::new(), Vec::new(), Vec::new());
    for depth in 2..=10 {
        let problem = identity_problem(&[1.0, 1.0], depth)?;
        let weights = Minimum::flattest(&problem)?.weights()?;
        let x = depth as f64;
        built.push(Point::exact(x, functionals(&problem, &weights)?.sharpness));
        right.push(Point::exact(x, identity_min_sharpness(2, depth)));
        printed.push(Point::exact(x, printed_identity_min_sharpness(2, depth)));
    }
    Ok([built, right, printed])
}

fn flattest_claims([built, right, printed]: &Curves) -> [Claim; 2] {
    // The curves begin at D = 2.
    let at_five = |curve: &[Point]| curve[3].y;
    [
        Claim::exact(
            "as printed: T_{min} = D d^{(D+2)/D} for V = Σx = I, here D = 5, d = 2",
            misprint("below eq. 17"),
            (at_five(built), at_five(printed)),
            "the printed formula",
            EXACT,
        ),
        Claim::exact(
            "corrected: T_{min} = D d²",
            correction("eq. 15"),
            (at_five(built), at_five(right)),
            "eq. 15 with V = Σx = I",
            EXACT,
        ),
    ]
}

fn flattest_panel([built, right, printed]: Curves) -> Panel {
    Panel::new(
        "V = Σx = I_{2}",
        Axis::linear("depth D"),
        Axis::linear("least sharpness T_{min}, loss/weight²").including(0.0),
    )
    .with("T_{min} of constructed weights", built, Look::scattered(0))
    .with("D d² (corrected)", right, Look::flow(0))
    .with(
        "D d^{(D+2)/D} (as printed)",
        printed,
        Look::reference(Dash::Dotted),
    )
}

/// T/T_min → (1+σ)²/4σ, not max(σ, 1/σ).
fn deep() -> Result<Curves, ReproduceError> {
    let (mut exact, mut right, mut printed) = (Vec::new(), Vec::new(), Vec::new());
    for i in 0..=32 {
        let sigma = 10f64.powf(f64::from(i) / 8.0 - 2.0);
        let problem = identity_problem(&[1.0, sigma], DEEP)?;
        let prediction = predict(&problem)?;
        let ratio = prediction.sharpness / prediction.min_sharpness;
        exact.push(Point::exact(sigma, ratio));
        right.push(Point::exact(sigma, identity_deep_ratio(sigma)));
        printed.push(Point::exact(sigma, printed_identity_deep_ratio(sigma)));
    }
    Ok([exact, right, printed])
}

fn deep_claims([exact, right, printed]: &Curves) -> [Claim; 2] {
    // The curves begin at σ = 0.01.
    let near = Tolerance::Within { relative: 0.02 };
    [
        Claim::exact(
            "as printed: T/T_{min} → max(σ, 1/σ) for D → ∞, here σ = 0.01, D = 2000",
            misprint("eq. 19"),
            (exact[0].y, printed[0].y),
            "the printed limit",
            near,
        ),
        Claim::exact(
            "corrected: T/T_{min} → (1 + σ)²/4σ, a quarter of it for strong imbalance",
            correction("eq. 14, 15"),
            (exact[0].y, right[0].y),
            "limit of eq. 14 over eq. 15",
            near,
        ),
    ]
}

fn deep_panel([exact, right, printed]: Curves) -> Panel {
    Panel::new(
        "√Σε = (1, σ), D = 2000",
        Axis::log("σ"),
        Axis::log("T / T_{min}"),
    )
    .with("exact (eq. 14 / eq. 15)", exact, Look::measured(1))
    .with("(1 + σ)²/4σ (corrected)", right, Look::flow(1))
    .with(
        "max(σ, 1/σ) (as printed)",
        printed,
        Look::reference(Dash::Dashed),
    )
}

/// Corollary 2 holds for Σε ∝ I.
fn scaled_noise(claims: &mut Vec<Claim>) -> Result<(), ReproduceError> {
    let mut worst = 0.0_f64;
    for seed in 1..=20 {
        let random = Problem::random(
            ProblemShape {
                input_dim: 5,
                output_dim: 4,
                rank: 3,
                depth: 4,
            },
            seed,
        )?;
        let noise = faer::Mat::<f64>::identity(4, 4) * Scale(10f64.powi(seed as i32 % 5 - 2));
        let (input, teacher) = (
            random.input_covariance().to_owned(),
            random.teacher().to_owned(),
        );
        let problem = Problem::new(input, teacher, noise, 4)?;
        let prediction = predict(&problem)?;
        worst = worst.max((prediction.sharpness / prediction.min_sharpness - 1.0).abs() + 1.0);
    }
    claims.push(Claim::exact(
        "corrected: Δ_{SGD} = 0 for every Σε = c I, c = 0.01 … 100, not for c = 1 alone (worst T/T_{min})",
        correction("Corollary 2"),
        (worst, 1.0),
        "T = T_{min}",
        EXACT,
    ));
    Ok(())
}

/// T grows with κ(Σε); the introduction says the opposite.
fn condition_number(claims: &mut Vec<Claim>) -> Result<(), ReproduceError> {
    let at = |kappa: f64| -> Result<f64, ReproduceError> {
        Ok(predict(&identity_problem(&[1.0, kappa.sqrt()], 3)?)?.sharpness)
    };
    let growth = at(1e4)? / at(1e2)?;
    let pair = (growth, 1.0);
    claims.push(Claim::exact(
        "as printed: T is inversely proportional to κ(Σε): T(κ = 10^{4})/T(κ = 10^{2}) falls",
        misprint("introduction"),
        pair,
        "no growth",
        Tolerance::Below {},
    ));
    claims.push(Claim::exact(
        "corrected: it grows",
        correction("Corollary 1"),
        pair,
        "no growth",
        Tolerance::Above {},
    ));
    Ok(())
}

/// λ_min T ≤ F ≤ λ_max T, the other way round than printed.
fn theorem_2(claims: &mut Vec<Claim>) -> Result<(), ReproduceError> {
    let (mut low, mut high) = (f64::INFINITY, 0.0_f64);
    for seed in 1..=50 {
        let problem = Problem::random(
            ProblemShape {
                input_dim: 4,
                output_dim: 4,
                rank: 4,
                depth: 3,
            },
            seed,
        )?;
        let weights = Minimum::flattest(&problem)?.weights()?;
        let values = functionals(&problem, &weights)?;
        let noise = problem
            .noise_covariance()
            .self_adjoint_eigenvalues(faer::Side::Lower);
        let Ok(noise) = noise else { continue };
        let bounds = fluctuation_bounds(values.sharpness, noise[0], noise[noise.len() - 1]);
        low = low.min(values.fluctuation / bounds.lower);
        high = high.max(values.fluctuation / bounds.upper);
    }
    let claim = |text: &str, source: Citation, value, tolerance| {
        Claim::exact(text, source, (value, 1.0), "the bound itself", tolerance)
    };
    let (least, most) = (Tolerance::AtLeast {}, Tolerance::AtMost {});
    claims.push(claim(
        "as printed: S ≤ λ_{min}(Σε) T (smallest S/λ_{min}T over 50 random minima)",
        misprint("Theorem 2"),
        low,
        most,
    ));
    claims.push(claim(
        "corrected: S ≥ λ_{min}(Σε) T",
        correction("Theorem 2, reversed"),
        low,
        least,
    ));
    claims.push(claim(
        "corrected: S ≤ λ_{max}(Σε) T (largest ratio)",
        correction("Theorem 2, reversed"),
        high,
        most,
    ));
    Ok(())
}
