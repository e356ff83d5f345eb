//! The programs under `examples/` run, and print numbers that are found here by other ways.

#![expect(clippy::unwrap_used, reason = "the helpers are tests too")]

#[path = "../examples/own_operator.rs"]
mod own_operator;
#[path = "../examples/predict_from_matrices.rs"]
mod predict_from_matrices;
#[path = "../examples/train_and_measure.rs"]
mod train_and_measure;

use std::f64::consts::PI;

use faer::{Mat, Side};
use thalweg::curvature::CurvatureError;
use thalweg::problem::{Problem, Weights};
use thalweg::random::{Purpose, Stream};
use thalweg::theory::predict;

fn assert_close(found: f64, right: f64, tolerance: f64) {
    let off = (found - right).abs();
    assert!(off <= tolerance * right.abs(), "{found}, not {right}");
}

/// ∂²f/∂x_i∂x_j by central differences.
fn hessian(f: impl Fn(&[f64]) -> f64, at: &[f64], h: f64) -> Mat<f64> {
    let moved = |i: usize, by: f64, j: usize, and: f64| {
        let mut x = at.to_vec();
        x[i] += by;
        x[j] += and;
        f(&x)
    };
    Mat::from_fn(at.len(), at.len(), |i, j| {
        let same = moved(i, h, j, h) + moved(i, -h, j, -h);
        let other = moved(i, h, j, -h) + moved(i, -h, j, h);
        (same - other) / (4.0 * h * h)
    })
}

fn largest_eigenvalue(matrix: &Mat<f64>) -> f64 {
    let values = matrix.self_adjoint_eigenvalues(Side::Lower).unwrap();
    values[values.len() - 1]
}

fn trace(matrix: &Mat<f64>) -> f64 {
    (0..matrix.nrows()).map(|i| matrix[(i, i)]).sum()
}

/// The weights, with `numbers` row by row in their place.
fn filled(shapes: &[Mat<f64>], numbers: &[f64]) -> Vec<Mat<f64>> {
    let mut rest = numbers;
    let fill = |w: &Mat<f64>| {
        let (own, after) = rest.split_at(w.nrows() * w.ncols());
        rest = after;
        Mat::from_fn(w.nrows(), w.ncols(), |i, j| own[i * w.ncols() + j])
    };
    shapes.iter().map(fill).collect()
}

fn product(layers: &[Mat<f64>], size: usize) -> Mat<f64> {
    layers.iter().fold(Mat::identity(size, size), |p, w| w * p)
}

/// E‖∇ℓ‖² of one sample at a minimum, where ∂ℓ/∂W_k = −A_kᵀ ε (B_k x)ᵀ.
fn fluctuation(problem: &Problem, layers: &[Mat<f64>]) -> f64 {
    (0..layers.len())
        .map(|k| {
            let below = product(&layers[..k], problem.input_dim());
            let above = product(&layers[k + 1..], layers[k].nrows());
            trace(&(above.transpose() * problem.noise_covariance() * &above))
                * trace(&(&below * problem.input_covariance() * below.transpose()))
        })
        .sum()
}

#[test]
fn a_prediction_is_the_least_fluctuation_and_its_hessian() {
    let problem = predict_from_matrices::problem().unwrap();
    let prediction = predict(&problem).unwrap();
    let weights = prediction.minimum.weights().unwrap();
    let layers = weights.layers();
    let flat: Vec<f64> = layers
        .iter()
        .flat_map(|w| {
            w.row_iter()
                .flat_map(|row| row.iter().copied().collect::<Vec<_>>())
        })
        .collect();

    // T and λ_max from the population's loss ½ tr (P − V) Σx (P − V)ᵀ alone.
    let loss = |numbers: &[f64]| {
        let off = product(&filled(layers, numbers), 3) - problem.teacher();
        0.5 * trace(&(&off * problem.input_covariance() * off.transpose()))
    };
    assert!(loss(&flat) < 1e-20);
    let hessian = hessian(loss, &flat, 1e-4);
    assert_close(prediction.sharpness, trace(&hessian), 1e-6);
    assert_close(prediction.lambda_max, largest_eigenvalue(&hessian), 1e-6);
    let stability = predict_from_matrices::stability(&problem).unwrap();
    assert_close(
        stability.stability_number,
        0.0015 * largest_eigenvalue(&hessian),
        1e-6,
    );

    // F there, and at other minima: W_2 → G W_2 and W_3 → W_3 G⁻¹ leave the product as it is.
    assert_close(prediction.fluctuation, fluctuation(&problem, layers), 1e-10);
    let mut stream = Stream::new(1, Purpose::Problem);
    for k in [1, 2] {
        for _ in 0..20 {
            let n = layers[k].ncols();
            let step = Mat::from_fn(n, n, |_, _| 1e-3 * stream.normal());
            let mut other = layers.to_vec();
            // (I + S)(I − S + S²) = I to third order.
            other[k - 1] = &layers[k - 1] + &step * &layers[k - 1];
            other[k] = &layers[k] - &layers[k] * &step + &layers[k] * &step * &step;
            let other = Weights::new(&problem, other).unwrap();
            assert!((other.product() - problem.teacher()).norm_l2() < 1e-6);
            assert!(fluctuation(&problem, other.layers()) > prediction.fluctuation);
        }
    }
    predict_from_matrices::main().unwrap();
}

/// The path's eigenvalues are 2 − 2 cos(πk/n), k = 0 … n − 1; its degrees 2, and 1 at both ends.
#[test]
fn an_operator_of_ones_own_has_its_known_spectrum() {
    let n = 400;
    let operator = |budget| own_operator::PathLaplacian { nodes: n, budget };
    let mut whole = operator(10_000);
    let found = own_operator::answers(&mut whole).unwrap();
    for (k, value) in (1..=3).zip(&found.top) {
        let right = 2.0 - 2.0 * (PI * (n - k) as f64 / n as f64).cos();
        assert!(value.converged());
        assert_close(value.value, right, 1e-6);
    }
    // Fixed seeds; four standard errors: a false alarm in 16,000.
    for (estimate, right) in [
        (found.trace, 2.0 * n as f64 - 2.0),
        (
            found.second_moment,
            (4.0 * (n - 2) as f64 + 2.0 + 2.0 * (n - 1) as f64) / n as f64,
        ),
    ] {
        let error = estimate.standard_error().unwrap();
        assert!(error < 0.05 * right);
        assert!(
            (estimate.value - right).abs() < 4.0 * error,
            "{estimate:?}, not {right}"
        );
    }

    let used = 10_000 - whole.budget;
    own_operator::answers(&mut operator(used)).unwrap();
    let stopped = own_operator::answers(&mut operator(used - 1)).err();
    assert_eq!(
        stopped,
        Some(CurvatureError::Operator(own_operator::BudgetSpent))
    );
    own_operator::main().unwrap();
}

/// W_2 tanh(W_1 x) of four hidden units, and what it hides.
fn forward(theta: &[f64], x: [f64; 2]) -> ([f64; 4], [f64; 2]) {
    let (first, second) = theta.split_at(8);
    let hidden = std::array::from_fn(|i| (first[2 * i] * x[0] + first[2 * i + 1] * x[1]).tanh());
    let output = std::array::from_fn(|c| (0..4).map(|i| second[4 * c + i] * hidden[i]).sum());
    (hidden, output)
}

#[test]
fn a_trained_network_is_measured_as_by_hand() {
    let end = train_and_measure::measured(2000, 3).unwrap();
    let samples = &end.samples;
    let n = samples.inputs.ncols();
    let sample = |b: usize| {
        [&samples.inputs, &samples.targets].map(|matrix| [matrix[(0, b)], matrix[(1, b)]])
    };

    let loss = |theta: &[f64]| {
        let one = |b: usize| {
            let [x, y] = sample(b);
            let f = forward(theta, x).1;
            0.5 * ((y[0] - f[0]).powi(2) + (y[1] - f[1]).powi(2))
        };
        (0..n).map(one).sum::<f64>() / n as f64
    };
    let hessian = hessian(loss, &end.parameters, 1e-3);
    assert!(end.sharpness.converged() && end.lambda_max.converged());
    assert_close(end.sharpness.value, trace(&hessian), 1e-5);
    assert_close(end.lambda_max.value, largest_eigenvalue(&hessian), 1e-5);

    // F by each sample's gradient: −(y − f) ⊗ h in W_2, −W_2ᵀ(y − f)(1 − h²) ⊗ x in W_1.
    let mut squared = 0.0;
    for b in 0..n {
        let [x, y] = sample(b);
        let (hidden, f) = forward(&end.parameters, x);
        let r = [f[0] - y[0], f[1] - y[1]];
        let second = &end.parameters[8..];
        for i in 0..4 {
            let back = (r[0] * second[i] + r[1] * second[4 + i]) * (1.0 - hidden[i] * hidden[i]);
            squared += back * back * (x[0] * x[0] + x[1] * x[1]);
            squared += (r[0] * r[0] + r[1] * r[1]) * hidden[i] * hidden[i];
        }
    }
    assert_eq!(end.fluctuation.samples, n);
    assert_close(end.fluctuation.value, squared / n as f64, 1e-12);
    train_and_measure::main().unwrap();
}
