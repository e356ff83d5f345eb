//! Corollary 4: the sums against the general theory, the exponents against the sums.

use thalweg::problem::{Basis, Problem, covariance, spectrum, teacher};
use thalweg::theory::{PowerLaw, predict};

use crate::network::close;

#[test]
fn sums_agree_with_the_general_theory() {
    for (depth, noise, input, teacher) in
        [(2, 1.5, 0.5, 0.3), (3, 0.0, 1.0, 1.0), (5, 2.0, 0.0, 0.7)]
    {
        let dimension = 12;
        let law = PowerLaw {
            dimension,
            depth,
            noise,
            input,
            teacher,
        };
        let diagonal =
            |a| covariance::from_spectrum(&spectrum::power_law(dimension, a), Basis::Canonical);
        let singular = spectrum::power_law(dimension, teacher);
        let axes = Basis::Canonical;
        let problem = Problem::new(
            diagonal(input),
            teacher::from_singular_values(dimension, dimension, &singular, axes, axes),
            diagonal(noise),
            depth,
        )
        .unwrap();
        let prediction = predict(&problem).unwrap();
        assert!(close(prediction.sharpness, law.sharpness(), 1e-12));
        assert!(close(prediction.min_sharpness, law.min_sharpness(), 1e-12));
    }
}

/// The measured slope d ln T/d ln d from 10⁵ to 2·10⁵ approaches the exponent; corrections fall as
/// d^{−|1−p|} for each sum's p, all at least 0.6 from 1 here, so that they are below 1 %.
#[test]
fn exponents_are_the_measured_slopes() {
    for (depth, noise, input, teacher) in [
        (1, 0.4, 0.4, 0.0),
        (2, 0.4, 0.2, 0.1),
        (3, 3.0, 0.4, 0.0),
        (4, 2.4, 2.0, 2.0),
        (3, 0.0, 0.4, 0.2),
        (6, 4.0, 0.0, 1.6),
    ] {
        let at = |dimension| PowerLaw {
            dimension,
            depth,
            noise,
            input,
            teacher,
        };
        let (small, large) = (at(100_000), at(200_000));
        let slope = (large.sharpness() / small.sharpness()).log2();
        assert!(
            (slope - small.sharpness_exponent()).abs() < 0.01,
            "{small:?} {slope}"
        );
        let slope = (large.min_sharpness() / small.min_sharpness()).log2();
        assert!(
            (slope - small.min_sharpness_exponent()).abs() < 0.01,
            "{small:?} {slope}"
        );
    }
}

/// Only the noise's exponent makes T grow beyond T_min.
#[test]
fn noise_alone_drives_the_excess() {
    let gap = |noise| {
        let law = PowerLaw {
            dimension: 100,
            depth: 3,
            noise,
            input: 0.5,
            teacher: 0.5,
        };
        law.sharpness_exponent() - law.min_sharpness_exponent()
    };
    assert_eq!(gap(0.0), 0.0);
    assert!(gap(2.0) > 0.0 && gap(4.0) > gap(2.0));
}
