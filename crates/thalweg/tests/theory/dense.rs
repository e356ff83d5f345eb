//! The closed forms against the dense Hessian of the constructed weights.

use faer::Mat;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use thalweg::problem::{Problem, ProblemShape, Weights};
use thalweg::random::{Purpose, Stream};
use thalweg::theory::{Curvature, Minimum, functionals, predict};

use crate::network::{close, eigenvalues, fluctuation, hessian, problems};

/// Everything that is claimed of a minimum, on weights built from it.
fn check_minimum(minimum: &Minimum) -> Result<(), TestCaseError> {
    let problem = minimum.problem();
    let weights = minimum.weights().unwrap();
    let scale = problem.teacher().norm_l2().max(1e-300);
    prop_assert!((weights.product() - problem.teacher()).norm_l2() <= 1e-11 * scale);

    let closed = minimum.functionals();
    let dense = eigenvalues(&hessian(problem, weights.layers()));
    let trace: f64 = dense.iter().sum();
    prop_assert!(close(closed.sharpness, trace, 1e-10));
    prop_assert!(close(
        closed.fluctuation,
        fluctuation(problem, weights.layers()),
        1e-10
    ));

    let spectrum = minimum.spectrum().unwrap();
    prop_assert_eq!(
        spectrum.eigenvalues().len(),
        problem.output_dim() * problem.input_dim()
    );
    prop_assert_eq!(spectrum.parameters(), dense.len());
    let count = dense.len().max(spectrum.eigenvalues().len());
    for i in 0..count {
        let of = |values: &[f64]| values.get(i).copied().unwrap_or(0.0);
        prop_assert!((of(spectrum.eigenvalues()) - of(&dense)).abs() <= 1e-10 * dense[0]);
    }
    prop_assert!(
        close(minimum.lambda_max().unwrap(), dense[0].max(0.0), 1e-10) || dense[0] < 1e-12
    );

    let measured = functionals(problem, &weights).unwrap();
    for (claimed, found) in closed.layers.iter().zip(&measured.layers) {
        prop_assert!(close(claimed.sharpness, found.sharpness, 1e-10));
        prop_assert!(close(claimed.fluctuation, found.fluctuation, 1e-10));
    }
    let conditioning = minimum.layer_conditioning().unwrap();
    for (claimed, layer) in conditioning.iter().zip(weights.layers()) {
        let found = layer.singular_values().unwrap();
        for (i, value) in found.iter().enumerate() {
            let claimed = claimed.singular_values.get(i).copied().unwrap_or(0.0);
            prop_assert!((claimed - value).abs() <= 1e-11 * found[0]);
        }
        // Largest over smallest of those that are not zero, up to what the line above allows the smallest.
        let condition = claimed.condition_number;
        let Some(last) = claimed.singular_values.len().checked_sub(1) else {
            prop_assert_eq!(condition, 1.0);
            continue;
        };
        let doubt = 2e-11 * (1.0 + condition);
        prop_assert!((condition * found[last] - found[0]).abs() <= doubt * found[0]);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

    #[test]
    fn both_minima_are_what_is_claimed(problem in problems(1..=5)) {
        check_minimum(&Minimum::of_sgd(&problem).unwrap())?;
        check_minimum(&Minimum::flattest(&problem).unwrap())?;
    }

    /// tr(G_{k+1}) H_k = tr(H_{k−1}) G_k, H_k = c_k G_k with √c_k = (b/s) ρ^{−k}, k = 1 … D−1.
    #[test]
    fn layers_are_balanced(problem in problems(2..=5)) {
        let minimum = Minimum::of_sgd(&problem).unwrap();
        prop_assume!(minimum.rank() > 0);
        let weights = minimum.weights().unwrap();
        let (above, below) = (weights.above(), weights.below());
        let g = |k: usize| above[k - 1].transpose() * problem.noise_covariance() * &above[k - 1];
        let h = |k: usize| &below[k] * problem.input_covariance() * below[k].transpose();
        let trace = |m: Mat<f64>| (0..m.nrows()).map(|i| m[(i, i)]).sum::<f64>();
        let input = trace(problem.input_covariance().to_owned());
        for k in 1..problem.depth() {
            let left = h(k) * faer::Scale(trace(g(k + 1)));
            let right = g(k) * faer::Scale(trace(h(k - 1)));
            prop_assert!((&left - &right).norm_l2() <= 1e-10 * left.norm_l2());
            let c = (input / minimum.signal_trace() * minimum.rho().powi(-(k as i32))).powi(2);
            prop_assert!((h(k) - g(k) * faer::Scale(c)).norm_l2() <= 1e-10 * h(k).norm_l2());
        }
    }

    /// K's eigenvalues are the Gauss–Newton matrix's and T the Hessian's trace, at any weights.
    #[test]
    fn curvature_at_any_weights(problem in problems(1..=4), seed: u64) {
        let mut stream = Stream::new(seed, Purpose::Initial);
        let layers = problem.widths().windows(2)
            .map(|w| Mat::from_fn(w[1], w[0], |_, _| stream.normal()))
            .collect();
        let weights = Weights::new(&problem, layers).unwrap();
        let curvature = Curvature::new(&problem, &weights).unwrap();
        let trace: f64 = {
            let dense = hessian(&problem, weights.layers());
            (0..dense.nrows()).map(|i| dense[(i, i)]).sum()
        };
        let sharpness = functionals(&problem, &weights).unwrap().sharpness;
        prop_assert!(close(sharpness, trace, 1e-10));
        let spectrum = curvature.spectrum().unwrap();
        prop_assert!(close(spectrum.iter().sum(), trace, 1e-10));

        // A problem whose teacher is this very product has the Gauss–Newton matrix as its Hessian.
        let own = Problem::new(
            problem.input_covariance().to_owned(),
            weights.product(),
            problem.noise_covariance().to_owned(),
            problem.depth(),
        ).unwrap();
        let dense = eigenvalues(&hessian(&own, weights.layers()));
        for (i, value) in spectrum.iter().enumerate() {
            let expected = dense.get(i).copied().unwrap_or(0.0);
            prop_assert!((value - expected).abs() <= 1e-10 * dense[0]);
        }
        prop_assert!(close(curvature.lambda_max().unwrap(), dense[0], 1e-10));
    }
}

/// Behind hidden layers of less than half as many units as there are outputs, K is multiplied with by its factors.
#[test]
fn narrow_layers_have_the_largest_eigenvalue_of_their_spectrum() {
    let teacher = Mat::from_fn(5, 3, |i, j| ((i + 1) * (j + 1)) as f64);
    let (inputs, noise) = (Mat::identity(3, 3), Mat::identity(5, 5));
    let problem = Problem::with_hidden_widths(inputs, teacher, noise, 2, &[2]).unwrap();
    let mut stream = Stream::new(4, Purpose::Initial);
    let mut layer = |rows, columns| Mat::from_fn(rows, columns, |_, _| stream.normal());
    let weights = Weights::new(&problem, vec![layer(2, 3), layer(5, 2)]).unwrap();
    let curvature = Curvature::new(&problem, &weights).unwrap();
    let expected = eigenvalues(&curvature.matrix())[0];
    assert!(close(curvature.lambda_max().unwrap(), expected, 1e-12));
}

/// Large enough for Lanczos to run in both places, compared with all eigenvalues.
#[test]
fn lanczos_agrees_with_whole_spectra() {
    for (depth, seed) in [(2, 1), (3, 2), (6, 3)] {
        let shape = ProblemShape {
            input_dim: 90,
            output_dim: 80,
            rank: 70,
            depth,
        };
        let problem = Problem::random(shape, seed).unwrap();
        let prediction = predict(&problem).unwrap();
        let spectrum = prediction.minimum.spectrum().unwrap();
        assert!(close(
            prediction.lambda_max,
            spectrum.eigenvalues()[0],
            1e-12
        ));
        assert!(close(prediction.sharpness, spectrum.trace(), 1e-12));
        let weights = prediction.minimum.weights().unwrap();
        let measured = Curvature::new(&problem, &weights)
            .unwrap()
            .lambda_max()
            .unwrap();
        assert!(close(prediction.lambda_max, measured, 1e-11));
    }
}

/// Singular Σx: the weights reach V on its support, and everything else holds as it stands.
#[test]
fn singular_inputs() {
    let shape = ProblemShape {
        input_dim: 3,
        output_dim: 3,
        rank: 3,
        depth: 3,
    };
    let full = Problem::random(shape, 5).unwrap();
    let mut input = Mat::zeros(3, 3);
    (input[(0, 0)], input[(1, 1)], input[(0, 1)], input[(1, 0)]) = (2.0, 1.0, 0.5, 0.5);
    let problem = Problem::new(
        input,
        full.teacher().to_owned(),
        full.noise_covariance().to_owned(),
        3,
    )
    .unwrap();
    let prediction = predict(&problem).unwrap();
    assert_eq!(prediction.minimum.rank(), 2);
    let weights = prediction.minimum.weights().unwrap();
    let error = (weights.product() - problem.teacher()) * problem.input_covariance();
    assert!(error.norm_l2() < 1e-12);
    let dense = eigenvalues(&hessian(&problem, weights.layers()));
    assert!(close(prediction.lambda_max, dense[0], 1e-11));
    assert!(close(prediction.sharpness, dense.iter().sum(), 1e-11));
    assert!(close(
        prediction.fluctuation,
        fluctuation(&problem, weights.layers()),
        1e-11
    ));
}

/// Narrow hidden layers, down to the rank, change nothing but the number of zeros.
#[test]
fn narrow_layers() {
    let wide = Problem::random(
        ProblemShape {
            input_dim: 4,
            output_dim: 3,
            rank: 2,
            depth: 4,
        },
        9,
    )
    .unwrap();
    let narrow = Problem::with_hidden_widths(
        wide.input_covariance().to_owned(),
        wide.teacher().to_owned(),
        wide.noise_covariance().to_owned(),
        4,
        &[2, 5, 2],
    )
    .unwrap();
    let (a, b) = (predict(&wide).unwrap(), predict(&narrow).unwrap());
    assert_eq!(a.sharpness, b.sharpness);
    let spectrum = b.minimum.spectrum().unwrap();
    assert_eq!(
        spectrum.eigenvalues(),
        a.minimum.spectrum().unwrap().eigenvalues()
    );
    assert_eq!(spectrum.parameters(), 4 * 2 + 2 * 5 + 5 * 2 + 2 * 3);
    check_minimum(&b.minimum).unwrap();
}
