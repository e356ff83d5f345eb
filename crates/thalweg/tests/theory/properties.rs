//! What must hold of any problem: order, equality, invariances, limits.

use faer::{Mat, Scale};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use thalweg::problem::{Basis, Problem, ProblemShape, covariance};
use thalweg::theory::{Minimum, Prediction, TheoryError, deep_limit, noise_mismatch, predict};

use crate::network::{close, problems, with_noise};

/// The numbers that must not depend on coordinates.
fn invariants(prediction: &Prediction) -> Vec<f64> {
    let mut numbers = vec![
        prediction.sharpness,
        prediction.min_sharpness,
        prediction.lambda_max,
    ];
    numbers.extend_from_slice(prediction.minimum.spectrum().unwrap().eigenvalues());
    numbers
}

fn same(a: &[f64], b: &[f64], tolerance: f64) -> bool {
    let scale = a.iter().copied().fold(0.0, f64::max);
    a.len() == b.len()
        && a.iter()
            .zip(b)
            .all(|(x, y)| (x - y).abs() <= tolerance * scale)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

    #[test]
    fn sharpness_is_least_exactly_for_matching_noise(problem in problems(2..=6), scale in 0.01..100.0) {
        let prediction = predict(&problem).unwrap();
        prop_assert!(prediction.sharpness >= prediction.min_sharpness * (1.0 - 1e-12));
        if prediction.minimum.rank() > 0 && noise_mismatch(&problem).unwrap() > 0.05 {
            prop_assert!(prediction.excess > 1e-7 * prediction.min_sharpness);
        }
        let d = problem.output_dim();
        let isotropic = with_noise(&problem, Mat::<f64>::identity(d, d) * Scale(scale));
        prop_assert!(noise_mismatch(&isotropic).unwrap() < 1e-12);
        let prediction = predict(&isotropic).unwrap();
        prop_assert!(prediction.excess <= 1e-12 * prediction.min_sharpness);
    }

    #[test]
    fn flattest_minimum_has_least_sharpness_and_more_fluctuation(problem in problems(1..=6)) {
        let prediction = predict(&problem).unwrap();
        let flattest = Minimum::flattest(&problem).unwrap().functionals();
        prop_assert!(close(flattest.sharpness, prediction.min_sharpness, 1e-11));
        prop_assert!(flattest.fluctuation >= prediction.fluctuation * (1.0 - 1e-12));
    }

    #[test]
    fn noise_scale_does_not_matter(problem in problems(1..=5), scale in 1e-6..1e6) {
        let scaled = with_noise(&problem, problem.noise_covariance() * Scale(scale));
        let (a, b) = (predict(&problem).unwrap(), predict(&scaled).unwrap());
        prop_assert!(same(&invariants(&a), &invariants(&b), 1e-11));
        // F ∝ a^{1/D} s^{2−2/D} and s ∝ √c: fluctuation scales as the noise itself.
        prop_assert!(close(a.fluctuation * scale, b.fluctuation, 1e-11));
    }

    #[test]
    fn rotations_do_not_matter(problem in problems(1..=5), seed: u64) {
        let inputs = Basis::Random { seed }.matrix(problem.input_dim());
        let outputs = Basis::Random { seed: seed ^ 1 }.matrix(problem.output_dim());
        let rotated = Problem::new(
            &inputs * problem.input_covariance() * inputs.transpose(),
            &outputs * problem.teacher() * inputs.transpose(),
            &outputs * problem.noise_covariance() * outputs.transpose(),
            problem.depth(),
        ).unwrap();
        let (a, b) = (predict(&problem).unwrap(), predict(&rotated).unwrap());
        prop_assert!(same(&invariants(&a), &invariants(&b), 1e-10));
        prop_assert!(close(a.fluctuation, b.fluctuation, 1e-10));
    }

    #[test]
    fn one_layer_has_no_freedom(problem in problems(1..=1)) {
        let prediction = predict(&problem).unwrap();
        let input: f64 = (0..problem.input_dim()).map(|i| problem.input_covariance()[(i, i)]).sum();
        let noise: f64 = (0..problem.output_dim()).map(|i| problem.noise_covariance()[(i, i)]).sum();
        prop_assert!(close(prediction.sharpness, problem.output_dim() as f64 * input, 1e-13));
        prop_assert!(close(prediction.sharpness, prediction.min_sharpness, 1e-13));
        prop_assert!(close(prediction.fluctuation, noise * input, 1e-13));
    }

    #[test]
    fn many_layers_approach_the_limit(problem in problems(2..=2)) {
        prop_assume!(predict(&problem).unwrap().minimum.rank() > 0);
        let limit = deep_limit(&problem).unwrap();
        let error = |depth: usize| {
            let deep = Problem::new(
                problem.input_covariance().to_owned(),
                problem.teacher().to_owned(),
                problem.noise_covariance().to_owned(),
                depth,
            ).unwrap();
            let prediction = predict(&deep).unwrap();
            let layers = depth as f64;
            (prediction.sharpness / layers / limit.sharpness_per_layer - 1.0).abs()
                + (prediction.min_sharpness / layers / limit.min_sharpness_per_layer - 1.0).abs()
        };
        // Corrections are of order 1/D.
        prop_assert!(error(2000) < 0.05);
        let rate = error(1000) / error(2000);
        prop_assert!(error(2000) < 1e-9 || (rate - 2.0).abs() < 0.1);
    }
}

/// Rank-deficient teachers can be fitted flatly under anisotropic noise.
#[test]
fn anisotropic_noise_can_match_a_rank_deficient_teacher() {
    let teacher = Mat::from_fn(2, 2, |_, _| 0.5);
    let problem = |noise: [f64; 2], depth| {
        let noise = covariance::from_spectrum(&noise, Basis::Canonical);
        Problem::new(Mat::identity(2, 2), teacher.clone(), noise, depth).unwrap()
    };
    for depth in 2..6 {
        let matching = problem([3.0, 1.0], depth);
        assert!(noise_mismatch(&matching).unwrap() < 1e-14);
        let prediction = predict(&matching).unwrap();
        assert!(prediction.excess < 1e-13 * prediction.min_sharpness);
    }
    // Tilted, the same noise no longer has its average variance along the teacher.
    let tilted = Mat::from_fn(2, 2, |i, j| [[2.0, 1.0], [1.0, 2.0]][i][j]);
    let tilted = with_noise(&problem([3.0, 1.0], 3), tilted);
    assert!(predict(&tilted).unwrap().excess > 0.01);
}

#[test]
fn zero_teacher_is_fitted_by_zero() {
    for depth in 2..5 {
        let problem = Problem::new(
            Mat::identity(3, 3),
            Mat::zeros(2, 3),
            Mat::identity(2, 2),
            depth,
        )
        .unwrap();
        let prediction = predict(&problem).unwrap();
        assert_eq!(
            (
                prediction.sharpness,
                prediction.lambda_max,
                prediction.fluctuation
            ),
            (0.0, 0.0, 0.0)
        );
        assert_eq!(
            prediction.minimum.spectrum().unwrap().eigenvalues(),
            [0.0; 6]
        );
        assert_eq!(
            prediction.minimum.weights().unwrap().product(),
            Mat::<f64>::zeros(2, 3)
        );
        assert_eq!(
            prediction.stability(0.1, 1).unwrap().unweighted_fluctuation,
            0.0
        );
    }
}

#[test]
fn singular_noise() {
    let noise = |third: f64| covariance::from_spectrum(&[4.0, 1.0, third], Basis::Canonical);
    let mut teacher = Mat::zeros(3, 2);
    (teacher[(0, 0)], teacher[(1, 1)], teacher[(1, 0)]) = (1.0, 2.0, 0.5);
    let problem = |teacher: &Mat<f64>, noise| {
        Problem::new(Mat::identity(2, 2), teacher.clone(), noise, 3).unwrap()
    };

    // The quiet output is unused: the answer is the limit of ever less noise there.
    let singular = problem(&teacher, noise(0.0));
    let almost = problem(&teacher, noise(1e-10));
    let (a, b) = (predict(&singular).unwrap(), predict(&almost).unwrap());
    assert!(same(&invariants(&a), &invariants(&b), 1e-8));

    // A leak of rounding's size is none, though it adds to the rank of V.
    let leaking = |leak: f64| {
        let mut wide = Mat::zeros(3, 3);
        wide.subcols_mut(0, 2).copy_from(&teacher);
        wide[(2, 2)] = leak;
        Problem::new(Mat::identity(3, 3), wide, noise(0.0), 3).unwrap()
    };
    let (none, small) = (leaking(0.0), leaking(1e-12));
    let expected = predict(&none).unwrap().sharpness;
    assert!(close(predict(&small).unwrap().sharpness, expected, 1e-9));

    // It is used: no minimum is selected.
    teacher[(2, 0)] = 0.1;
    let used = problem(&teacher, noise(0.0));
    match predict(&used) {
        Err(TheoryError::NoiseSingular {
            rank,
            dimension,
            leak,
        }) => {
            assert_eq!((rank, dimension), (2, 3));
            assert!(close(
                leak,
                0.1 / (1.0_f64 + 4.0 + 0.25 + 0.01).sqrt(),
                1e-12
            ));
        }
        other => panic!("{other:?}"),
    }
    assert!(matches!(
        predict(&problem(&teacher, Mat::zeros(3, 3))),
        Err(TheoryError::NoNoise)
    ));
    let shallow = Problem::new(Mat::identity(2, 2), teacher, Mat::zeros(3, 3), 1).unwrap();
    assert_eq!(predict(&shallow).unwrap().sharpness, 6.0);
}

#[test]
fn density_counts_every_eigenvalue() {
    let shape = ProblemShape {
        input_dim: 4,
        output_dim: 5,
        rank: 2,
        depth: 3,
    };
    let problem = Problem::random(shape, 3).unwrap();
    let spectrum = Minimum::of_sgd(&problem).unwrap().spectrum().unwrap();
    let histogram = spectrum.log_histogram(7, 1e-6).unwrap();
    assert_eq!(histogram.edges.len(), 8);
    assert_eq!(histogram.counts.iter().sum::<usize>() + histogram.below, 20);
    // Rank 2 leaves (5 − 2)·(4 − 2) zeros.
    assert_eq!(histogram.below, 6);
    for (i, count) in histogram.counts.iter().enumerate() {
        let inside = |x: &&f64| {
            let above = **x >= histogram.edges[i] * (1.0 - 1e-12);
            let last = i == 6;
            above && (last || **x < histogram.edges[i + 1])
        };
        assert_eq!(spectrum.eigenvalues().iter().filter(inside).count(), *count);
    }
    assert!(spectrum.log_histogram(7, 0.0).is_err());
    assert!(spectrum.log_histogram(0, 0.1).is_err());
}
