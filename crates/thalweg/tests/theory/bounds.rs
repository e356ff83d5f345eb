//! Corollary 1 and Theorem 2 on random problems.

use faer::Mat;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use thalweg::problem::{Basis, Problem, Weights, covariance};
use thalweg::random::{Purpose, Stream};
use thalweg::theory::{TheoryError, condition_bounds, fluctuation_bounds, functionals, predict};

use crate::network::{eigenvalues, problems, with_noise};

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

    #[test]
    fn sharpness_lies_between_the_bounds(problem in problems(1..=6), orders in 0.0..8.0, seed: u64) {
        // Stretch the noise over `orders` powers of ten, in a random basis.
        let d = problem.output_dim();
        let step: f64 = orders / (d.max(2) - 1) as f64;
        let variances: Vec<f64> = (0..d).map(|i| 10.0_f64.powf(-step * i as f64)).collect();
        let problem = with_noise(&problem, covariance::from_spectrum(&variances, Basis::Random { seed }));
        let sharpness = predict(&problem).unwrap().sharpness;
        let bounds = condition_bounds(&problem).unwrap();
        prop_assert!(bounds.lower <= sharpness * (1.0 + 1e-9), "{bounds:?} {sharpness}");
        prop_assert!(sharpness <= bounds.upper * (1.0 + 1e-9), "{bounds:?} {sharpness}");
    }

    #[test]
    fn fluctuation_lies_between_the_bounds(problem in problems(1..=5), seed: u64) {
        let mut stream = Stream::new(seed, Purpose::Initial);
        let layers = problem.widths().windows(2)
            .map(|w| Mat::from_fn(w[1], w[0], |_, _| stream.normal()))
            .collect();
        let weights = Weights::new(&problem, layers).unwrap();
        let found = functionals(&problem, &weights).unwrap();
        let noise = eigenvalues(&problem.noise_covariance().to_owned());
        let bounds = fluctuation_bounds(found.sharpness, noise[noise.len() - 1], noise[0]);
        prop_assert!(bounds.lower <= found.fluctuation * (1.0 + 1e-12));
        prop_assert!(found.fluctuation <= bounds.upper * (1.0 + 1e-12));
    }
}

/// T grows with κ(Σε), as √κ where one output is quiet: it is not inversely proportional to it.
#[test]
fn sharpness_grows_with_the_condition_number() {
    let sharpness = |kappa: f64| {
        let noise = covariance::from_spectrum(&[1.0, 1.0 / kappa], Basis::Canonical);
        let problem = Problem::new(Mat::identity(2, 2), Mat::identity(2, 2), noise, 3).unwrap();
        predict(&problem).unwrap().sharpness
    };
    let slope = (sharpness(1e12) / sharpness(1e8)).log10() / 4.0;
    assert!((slope - 0.5).abs() < 1e-3, "{slope}");
}

#[test]
fn no_condition_number_without_noise_everywhere() {
    let noise = covariance::from_spectrum(&[1.0, 0.0], Basis::Canonical);
    let problem = Problem::new(Mat::identity(2, 2), Mat::identity(2, 2), noise, 2).unwrap();
    let expected = TheoryError::InfiniteCondition {
        rank: 1,
        dimension: 2,
    };
    assert_eq!(condition_bounds(&problem), Err(expected));
}
