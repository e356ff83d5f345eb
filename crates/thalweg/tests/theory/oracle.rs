//! The closed forms against reference numbers from an independent implementation.

use crate::cases::{Case, cases};
use thalweg::problem::Problem;
use thalweg::theory::{Minimum, predict};

const TOLERANCE: f64 = 1e-9;

/// What a formula set says of a problem: T, T_min, F, λ_max and the spectrum, descending.
struct Answer {
    numbers: [f64; 4],
    spectrum: Vec<f64>,
}

fn exact(problem: &Problem) -> Answer {
    let prediction = predict(problem).unwrap();
    Answer {
        numbers: [
            prediction.sharpness,
            prediction.min_sharpness,
            prediction.fluctuation,
            prediction.lambda_max,
        ],
        spectrum: prediction
            .minimum
            .spectrum()
            .unwrap()
            .eigenvalues()
            .to_vec(),
    }
}

/// The first disagreement beyond 1e-9, relative to the number itself; spectra, which hold exact
/// zeros, relative to their largest value.
fn disagreement(case: &Case, answer: &Answer) -> Option<String> {
    let expected = [
        case.sharpness,
        case.min_sharpness,
        case.fluctuation,
        case.lambda_max,
    ];
    let names = ["sharpness", "min_sharpness", "fluctuation", "lambda_max"];
    for ((name, found), expected) in names.iter().zip(answer.numbers).zip(expected) {
        if (found - expected).abs() > TOLERANCE * expected {
            return Some(format!("{}: {name} {found} for {expected}", case.name));
        }
    }
    if answer.spectrum.len() != case.spectrum.len() {
        return Some(format!(
            "{}: {} eigenvalues",
            case.name,
            answer.spectrum.len()
        ));
    }
    for (found, expected) in answer.spectrum.iter().zip(&case.spectrum) {
        if (found - expected).abs() > TOLERANCE * case.lambda_max {
            return Some(format!("{}: eigenvalue {found} for {expected}", case.name));
        }
    }
    None
}

#[test]
fn every_case_and_field_agrees() {
    let cases = cases();
    assert_eq!(cases.len(), 21);
    for case in cases {
        assert_eq!(disagreement(&case, &exact(&case.problem)), None);
    }
}

/// The comparison itself is tested: it must reject each of these wrong formulas.
#[test]
fn wrong_formulas_are_rejected() {
    type Change = fn(&Problem, &mut Answer);
    let wrong: [(&str, Change); 7] = [
        ("T with the exponent of ρ doubled", |p, a| {
            let minimum = Minimum::of_sgd(p).unwrap();
            a.numbers[0] *= minimum.rho();
        }),
        ("T with D in place of D − 1", |p, a| {
            let minimum = Minimum::of_sgd(p).unwrap();
            a.numbers[0] += minimum.rho() * minimum.signal_trace() * minimum.tau();
        }),
        ("T_min as printed below eq. 17", |p, a| {
            let (d, depth) = (p.output_dim() as f64, p.depth() as f64);
            a.numbers[1] = depth * d.powf((depth + 2.0) / depth);
        }),
        ("F with s to the power 2 − 1/D", |p, a| {
            let s = Minimum::of_sgd(p).unwrap().signal_trace();
            a.numbers[2] *= s.powf(1.0 / p.depth() as f64);
        }),
        ("λ_max of a depth one less", |p, a| {
            let shallower = Problem::new(
                p.input_covariance().to_owned(),
                p.teacher().to_owned(),
                p.noise_covariance().to_owned(),
                p.depth() - 1,
            );
            a.numbers[3] = predict(&shallower.unwrap()).unwrap().lambda_max;
        }),
        ("the spectrum of the flattest minimum", |p, a| {
            a.spectrum = Minimum::flattest(p)
                .unwrap()
                .spectrum()
                .unwrap()
                .eigenvalues()
                .to_vec();
        }),
        ("one part in 10⁸", |_, a| a.numbers[0] *= 1.0 + 1e-8),
    ];
    let cases = cases();
    for (name, change) in wrong {
        let rejected = cases.iter().any(|case| {
            let mut answer = exact(&case.problem);
            change(&case.problem, &mut answer);
            disagreement(case, &answer).is_some()
        });
        assert!(rejected, "accepted: {name}");
    }
}
