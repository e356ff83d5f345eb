//! The paper's worked examples, and where its text is wrong about them.

use faer::Mat;
use thalweg::problem::{Problem, covariance};
use thalweg::theory::{
    deep_limit, identity_deep_ratio, identity_min_sharpness, identity_sharpness, predict,
    printed_identity_deep_ratio, printed_identity_min_sharpness,
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
