//! The paper's worked examples, and where its text is wrong about them.

use faer::{Mat, mat};
use thalweg::problem::{Basis, Problem, covariance};
use thalweg::theory::{
    deep_limit, functionals, identity_deep_ratio, identity_min_sharpness, identity_sharpness,
    predict, printed_identity_deep_ratio, printed_identity_min_sharpness,
};

use crate::network::close;

fn identity(deviations: &[f64], depth: usize) -> Problem {
    let d = deviations.len();
    let noise = covariance::from_deviations(deviations);
    Problem::new(Mat::identity(d, d), Mat::identity(d, d), noise, depth).unwrap()
}

/// eq. 17/18 and 21: with commuting matrices everything is a scalar formula.
#[test]
fn commuting_special_case() {
    for depth in [2, 3, 5, 20] {
        for sigma in [0.01, 0.1, 0.5, 1.0, 3.0, 100.0] {
            let prediction_of = identity(&[1.0, sigma], depth);
            let prediction = predict(&prediction_of).unwrap();
            assert!(close(
                prediction.sharpness,
                identity_sharpness(&[1.0, sigma], depth),
                1e-12
            ));
            assert!(close(
                prediction.min_sharpness,
                identity_min_sharpness(2, depth),
                1e-13
            ));

            let (s, a, layers) = (1.0 + sigma, 1.0 + sigma * sigma, depth as f64);
            let rho = (2.0 * a / (s * s)).powf(1.0 / layers);
            let outer = 2.0 / s * rho.powf(1.0 - layers);
            let mut expected = Vec::new();
            for out in [1.0, sigma] {
                for input in [1.0, sigma] {
                    expected
                        .push(((layers - 2.0) * rho * input + rho * s / 2.0) / out + outer * input);
                }
            }
            expected.sort_unstable_by(|x, y| y.total_cmp(x));
            assert!(close(prediction.lambda_max, expected[0], 1e-12));
            let spectrum = prediction.minimum.spectrum().unwrap();
            for (found, expected) in spectrum.eigenvalues().iter().zip(&expected) {
                assert!((found - expected).abs() < 1e-12 * prediction.lambda_max);
            }
        }
    }
}

#[test]
fn strong_anisotropy_keeps_its_digits() {
    let deviations = [1e4, 30.0, 1.0, 1e-2, 1e-4];
    for depth in [2, 3, 8] {
        let problem = identity(&deviations, depth);
        let found = predict(&problem).unwrap().sharpness;
        assert!(close(found, identity_sharpness(&deviations, depth), 1e-12));
    }
}

/// Strongly graded covariances and ones that are singular but for 4·10¹³, in turned bases, against the formulas in
/// 120 digits on the same doubles (eigendecompositions of Σε and Σx, eq. 14, the closed form of λ_max).
#[test]
fn weak_directions_in_turned_bases_keep_their_digits() {
    let noise = mat![
        [0.9597234327544356, 0.1966071346021727],
        [0.1966071346021727, 0.04027656724558933]
    ];
    let eye = Mat::<f64>::identity(2, 2);
    let turned = mat![[1.5, 0.5], [-0.25, 0.75]];
    let plain = mat![[2.0, 0.5], [0.5, 1.0]];
    let three = mat![[1.5, 0.5, -0.25], [0.5, -1.0, 0.75], [0.25, 0.5, 1.0]];
    let diagonal = |values: [f64; 3]| covariance::from_spectrum(&values, Basis::Canonical);
    let cases = [
        (
            eye.clone(),
            eye,
            noise.clone(),
            [15934228.016605494, 3.779763946661663, 11950667.232690672],
        ),
        (
            noise,
            turned,
            plain,
            [6.964283217390069, 12.293764256056358, 5.598308725867489],
        ),
        (
            Mat::identity(3, 3),
            three.clone(),
            diagonal([1.0, 1e-20, 1e-40]),
            [3.671166714359775e20, 8.1022241843512, 2.447444475782815e20],
        ),
        (
            diagonal([1e-20, 1.0, 1e-10]),
            three,
            diagonal([1e-20, 1e-40, 1.0]),
            [59528698260.50428, 1.1905507893333187, 59528499827.26358],
        ),
    ];
    for (input, teacher, noise, expected) in cases {
        let problem = Problem::new(input, teacher, noise, 3).unwrap();
        let found = predict(&problem).unwrap();
        let found = [found.sharpness, found.fluctuation, found.lambda_max];
        for (found, expected) in found.iter().zip(expected) {
            assert!(close(*found, expected, 1e-10), "{found:e} {expected:e}");
        }
    }
}

/// What a problem says its numbers may be off by covers what they are off by when entries move by half a unit in
/// their last place, and not by much.
#[test]
fn the_uncertainty_of_nearly_singular_noise_is_a_bound() {
    let noise = mat![
        [0.9597234327544356, 0.1966071346021727],
        [0.1966071346021727, 0.04027656724558933]
    ];
    let eye = || Mat::<f64>::identity(2, 2);
    let sharpness = |noise: Mat<f64>| {
        let problem = Problem::new(eye(), eye(), noise, 3).unwrap();
        (predict(&problem).unwrap().sharpness, problem.uncertainty())
    };
    let digits = |noise: Mat<f64>| Problem::new(eye(), eye(), noise, 3).unwrap().known_digits();
    let (before, uncertainty) = sharpness(noise.clone());
    // 7·10⁻⁴ leaves three digits; with 80 digits, T is 15936560.4677.
    assert_eq!(digits(noise.clone()), 3);
    assert!((before / 15_936_560.467_7 - 1.0).abs() < uncertainty);
    assert_eq!(digits(eye()), 10);
    let half = 0.5 * f64::EPSILON;
    let mut moved = noise;
    // The largest entry that doubles resolve: one whole unit, half of which the bound is for.
    moved[(1, 1)] = f64::from_bits(moved[(1, 1)].to_bits() + 1);
    let change = (sharpness(moved.clone()).0 / before - 1.0).abs();
    let share = moved[(1, 1)] * half / 2f64.powi(-57);
    assert!(
        change * share < uncertainty && uncertainty < 20.0 * change,
        "{change:e} {uncertainty:e}"
    );
    // Ordinary covariances, and graded ones, have all their digits.
    let graded = covariance::from_deviations(&[1.0, 1e-20]);
    assert!(sharpness(graded).1 < 1e-15);
    assert_eq!(sharpness(eye()).1, 0.0);
}

/// A width below the rank of V but not below that of V√Σx changes nothing at the minimum: by hand, V√Σx = e₁e₁ᵀ and
/// Σε = diag(1, ½) leave a = 3/2, b = s = τ = 1 and D = 2, so T = √a (1 + 2/a), F = 2 √a, T_min = 2 √2,
/// λ_max = √a + 1/√a.
#[test]
fn widths_of_the_rank_on_the_inputs_that_occur_are_enough() {
    for width in [1, 2] {
        let problem = Problem::with_hidden_widths(
            mat![[1.0, 0.0], [0.0, 0.0]],
            Mat::identity(2, 2),
            mat![[1.0, 0.0], [0.0, 0.5]],
            2,
            &[width],
        )
        .unwrap();
        let found = predict(&problem).unwrap();
        let root = 1.5f64.sqrt();
        assert!(close(found.sharpness, root * (1.0 + 2.0 / 1.5), 1e-14));
        assert!(close(found.fluctuation, 2.0 * root, 1e-14));
        assert!(close(found.min_sharpness, 8f64.sqrt(), 1e-14));
        assert!(close(found.lambda_max, root + 1.0 / root, 1e-14));
        let weights = found.minimum.weights().unwrap();
        let at = functionals(&problem, &weights).unwrap();
        assert!(close(at.sharpness, found.sharpness, 1e-14));
        assert!(close(at.fluctuation, found.fluctuation, 1e-14));
    }
}

/// Below eq. 17: D d², not D d^{(D+2)/D}.
#[test]
fn corrected_minimum() {
    for dimension in [1, 2, 3, 7] {
        for depth in [1, 2, 3, 6] {
            let exact = predict(&identity(&vec![1.0; dimension], depth))
                .unwrap()
                .min_sharpness;
            assert!(close(
                exact,
                identity_min_sharpness(dimension, depth),
                1e-13
            ));
            let printed = printed_identity_min_sharpness(dimension, depth);
            assert_eq!(close(exact, printed, 1e-6), depth == 2 || dimension == 1);
        }
    }
}

/// eq. 19: max(σ, 1/σ)/4, not max(σ, 1/σ).
#[test]
fn corrected_deep_ratio() {
    for sigma in [1e-3, 0.02, 50.0, 1e3] {
        let limit = deep_limit(&identity(&[1.0, sigma], 2)).unwrap().ratio;
        assert!(close(limit, identity_deep_ratio(sigma), 1e-12));
        let prediction_of = identity(&[1.0, sigma], 20_000);
        let prediction = predict(&prediction_of).unwrap();
        assert!(close(
            prediction.sharpness / prediction.min_sharpness,
            limit,
            1e-3
        ));
        let printed = printed_identity_deep_ratio(sigma);
        assert!(close(limit / printed, 0.25, 0.1));
    }
}
