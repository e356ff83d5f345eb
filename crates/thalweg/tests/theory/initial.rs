//! Proposition 1 against an exact expectation over random signs.

use faer::Mat;
use thalweg::problem::{Basis, Problem, Weights, covariance};
use thalweg::theory::{functionals, initial_sharpness, kaiming_variances, xavier_variances};

use crate::network::close;

fn problem(hidden: &[usize]) -> Problem {
    let input = covariance::from_spectrum(&[2.0, 0.5], Basis::Random { seed: 3 });
    let depth = hidden.len() + 1;
    Problem::with_hidden_widths(input, Mat::zeros(2, 2), Mat::identity(2, 2), depth, hidden)
        .unwrap()
}

/// The mean of T over every choice of signs, entries of layer k being ±σ_k.
fn enumerated(problem: &Problem, variances: &[f64]) -> f64 {
    let count = problem.parameters();
    let total: f64 = (0..1_u32 << count)
        .map(|signs| {
            let mut bit = 0;
            let mut layers = Vec::new();
            for (w, variance) in problem.widths().windows(2).zip(variances) {
                layers.push(Mat::from_fn(w[1], w[0], |_, _| {
                    bit += 1;
                    if signs >> (bit - 1) & 1 == 1 {
                        variance.sqrt()
                    } else {
                        -variance.sqrt()
                    }
                }));
            }
            let weights = Weights::new(problem, layers).unwrap();
            functionals(problem, &weights).unwrap().sharpness
        })
        .sum();
    total / f64::from(1_u32 << count)
}

#[test]
fn expectation_over_signs() {
    for hidden in [vec![], vec![3], vec![2, 1], vec![1, 2, 1]] {
        let problem = problem(&hidden);
        let depth = problem.depth();
        let uneven: Vec<f64> = (0..depth).map(|k| 0.3 + 0.4 * k as f64).collect();
        for variances in [
            uneven,
            kaiming_variances(&problem, 1.0),
            xavier_variances(&problem, 1.4),
        ] {
            let expected = enumerated(&problem, &variances);
            assert!(close(
                initial_sharpness(&problem, &variances).unwrap(),
                expected,
                1e-12
            ));
        }
    }
}

/// Kaiming-linear and Xavier at equal widths: D d_y tr Σx.
#[test]
fn equal_widths() {
    let problem = problem(&[2, 2, 2]);
    for variances in [
        kaiming_variances(&problem, 1.0),
        xavier_variances(&problem, 1.0),
    ] {
        assert!(close(
            initial_sharpness(&problem, &variances).unwrap(),
            4.0 * 2.0 * 2.5,
            1e-13
        ));
    }
}

#[test]
fn bad_variances() {
    let problem = problem(&[2]);
    assert!(initial_sharpness(&problem, &[1.0]).is_err());
    assert!(initial_sharpness(&problem, &[1.0, -1.0]).is_err());
    assert!(initial_sharpness(&problem, &[1.0, f64::NAN]).is_err());
}
