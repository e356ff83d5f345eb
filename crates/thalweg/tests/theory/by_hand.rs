//! Values worked out by hand for one problem that has no equal numbers in it: another exponent, factor or index gives others.

use faer::{Mat, mat};
use thalweg::problem::Problem;
use thalweg::theory::{
    condition_bounds, fluctuation_bounds, identity_deep_ratio, identity_min_sharpness,
    initial_sharpness, kaiming_variances, noise_mismatch, predict, printed_identity_deep_ratio,
    printed_identity_min_sharpness, xavier_variances,
};

use crate::network::close;

fn assert_close(found: f64, expected: f64) {
    assert!(
        close(found, expected, 1e-13),
        "{found}, but it is {expected}"
    );
}

/// V√Σx = diag(2, 3), b = tr Σx = 5, κ(Σε) = 9.
fn diagonal(depth: usize) -> Problem {
    let inputs = mat![[4.0, 0.0], [0.0, 1.0]];
    let teacher = mat![[1.0, 0.0], [0.0, 3.0]];
    Problem::new(inputs, teacher, mat![[9.0, 0.0], [0.0, 1.0]], depth).unwrap()
}

/// Widths 2 → 3 → 1: fan-in and fan-out differ at both layers, and from one layer to the next.
#[test]
fn initial_variances_and_the_sharpness_they_give() {
    let inputs = mat![[4.0, 0.0], [0.0, 1.0]];
    let problem =
        Problem::with_hidden_widths(inputs, Mat::zeros(1, 2), mat![[1.0]], 2, &[3]).unwrap();
    let cases = [
        (kaiming_variances(&problem, 1.0), [1.0 / 2.0, 1.0 / 3.0]),
        (kaiming_variances(&problem, 3.0), [9.0 / 2.0, 9.0 / 3.0]),
        (xavier_variances(&problem, 1.0), [2.0 / 5.0, 2.0 / 4.0]),
        (xavier_variances(&problem, 3.0), [18.0 / 5.0, 18.0 / 4.0]),
    ];
    for (found, expected) in cases {
        assert_eq!(found.len(), 2);
        for (found, expected) in found.iter().zip(expected) {
            assert_close(*found, expected);
        }
        // Three hidden units, each with σ₁² tr Σx through the second layer and σ₂² tr Σx through the first.
        let sharpness = initial_sharpness(&problem, &expected).unwrap();
        assert_close(sharpness, 3.0 * 5.0 * (expected[0] + expected[1]));
    }
}

/// v = 2, the smaller of V√Σx's singular values; T_min = D (2 + 3)^{2−2/D} (2 · 5)^{1/D}.
#[test]
fn constants_of_the_condition_bounds() {
    for (depth, lower, upper) in [
        (
            2,
            0.5 * 5.0_f64.sqrt() * 2.0,
            5.0_f64.powf(1.0) * 10.0_f64.sqrt(),
        ),
        (
            3,
            2.0 / 3.0 * 5.0_f64.cbrt() * 16.0_f64.cbrt(),
            625.0_f64.cbrt() * 10.0_f64.cbrt(),
        ),
        (
            4,
            0.75 * 5.0_f64.powf(0.25) * 8.0_f64.sqrt(),
            125.0_f64.sqrt() * 10.0_f64.powf(0.25),
        ),
    ] {
        let bounds = condition_bounds(&diagonal(depth)).unwrap();
        let d = depth as f64;
        assert_close(bounds.condition_number, 9.0);
        assert_close(bounds.lower_constant, lower);
        assert_close(bounds.upper_constant, upper);
        assert_close(bounds.lower, lower * d * 3.0);
        assert_close(bounds.upper, upper * d * 9.0);
        assert_close(predict(&diagonal(depth)).unwrap().min_sharpness, upper * d);
    }
}

#[test]
fn theorem_2_has_the_smaller_eigenvalue_below() {
    let bounds = fluctuation_bounds(10.0, 0.5, 3.0);
    assert_eq!((bounds.lower, bounds.upper), (5.0, 30.0));
}

/// On the diagonal, with a = tr Σε = 10: V′ = diag(6, 3), s = 9 and τ = 6/9 + 3/1, and at D = 2, where ρ = (a b/s²)^{1/2},
/// T = ρ s (τ + d_y s/a), F = 2 (a b)^{1/2} s.
#[test]
fn the_minimum_of_a_diagonal_problem() {
    let problem = diagonal(2);
    let found = predict(&problem).unwrap();
    let rho = 50.0_f64.sqrt() / 9.0;
    assert_close(found.sharpness, rho * 9.0 * (11.0 / 3.0 + 1.8));
    assert_close(found.fluctuation, 2.0 * 50.0_f64.sqrt() * 9.0);
    assert_close(found.min_sharpness, 2.0 * 5.0 * 10.0_f64.sqrt());
    assert_close(found.excess, found.sharpness - found.min_sharpness);
    // K = M ⊗ Σx/q₁ + q₁ I ⊗ N with M = diag(6/9, 3), N = diag(6, 3), q₁ = (b/s)/ρ.
    let q = 5.0 / 9.0 / rho;
    let eigenvalues = [
        (6.0 / 9.0) * 4.0 / q + q * 6.0,
        (6.0 / 9.0) / q + q * 3.0,
        3.0 * 4.0 / q + q * 6.0,
        3.0 / q + q * 3.0,
    ];
    let largest = eigenvalues.into_iter().fold(0.0, f64::max);
    assert_close(found.lambda_max, largest);
    assert_close(eigenvalues.iter().sum(), found.sharpness);
}

/// (d_y/tr Σε) Σε − I = diag(0.8, −0.8) where V uses both outputs, and 0.8 alone where it uses the noisier one.
#[test]
fn how_far_noise_is_from_what_makes_sgd_flat() {
    assert_close(noise_mismatch(&diagonal(3)).unwrap(), 0.8 * 2.0_f64.sqrt());
    let noise = mat![[9.0, 0.0], [0.0, 1.0]];
    let inputs = mat![[4.0, 0.0], [0.0, 1.0]];
    let teacher = mat![[2.0, 1.0], [0.0, 0.0]];
    let problem = Problem::new(inputs, teacher, noise, 3).unwrap();
    assert_close(noise_mismatch(&problem).unwrap(), 0.8);
}

/// V = Σx = I in d dimensions, what is right and what is printed.
#[test]
fn identity_problems() {
    assert_close(identity_min_sharpness(3, 5), 45.0);
    assert_close(printed_identity_min_sharpness(2, 4), 4.0 * 8.0_f64.sqrt());
    for sigma in [4.0, 0.25] {
        assert_close(identity_deep_ratio(sigma), 25.0 / 16.0);
        assert_close(printed_identity_deep_ratio(sigma), 4.0);
    }
}
