//! The product's fluctuation against the exact stationary covariance of SGD's linearised recursion.

use faer::{Mat, Scale, mat};
use thalweg::problem::{Problem, ProblemShape, Weights};
use thalweg::theory::{Minimum, predict};

use crate::network::{close, jacobian};

/// E‖δ‖² and E‖δ√Σx‖², δ = W_D … W_1 − V, for the recursion on all weights, w ← w − η ∇ with the
/// gradient linear in δ: δ ← δ − η JJᵀ vec(δ Σx − S_εx), by doubling P ← P + A P Aᵀ, A ← A².
fn stationary(problem: &Problem, weights: &Weights, rate: f64, batch: usize) -> (f64, f64) {
    let (outputs, inputs) = (problem.output_dim(), problem.input_dim());
    let size = outputs * inputs;
    let columns = jacobian(weights.layers());
    let jacobian = Mat::from_fn(size, columns.len(), |i, j| {
        columns[j][(i % outputs, i / outputs)]
    });
    let kernel = &jacobian * jacobian.transpose();
    let identity = Mat::<f64>::identity(outputs, outputs);
    let kron = |input: faer::MatRef<'_, f64>, output: faer::MatRef<'_, f64>| {
        Mat::from_fn(size, size, |i, j| {
            input[(i / outputs, j / outputs)] * output[(i % outputs, j % outputs)]
        })
    };
    let weight = kron(problem.input_covariance(), identity.as_ref());
    let noise = kron(problem.input_covariance(), problem.noise_covariance());
    let mut a = Mat::<f64>::identity(size, size) - &kernel * &weight * Scale(rate);
    let mut p = &kernel * noise * &kernel * Scale(rate * rate / batch as f64);
    // 2³⁰ steps: past every relaxation here, and too few for rounding to grow where K is zero.
    for _ in 0..30 {
        p = &p + &a * &p * a.transpose();
        a = &a * &a;
    }
    let trace = |m: Mat<f64>| (0..size).map(|i| m[(i, i)]).sum();
    (trace(p.clone()), trace(weight * p))
}

/// Three inputs that lie in a plane: nothing moves the network outside of it.
fn inputs_in_a_plane(depth: usize) -> Problem {
    let inputs = mat![[1.0, 0.0, 0.5], [0.0, 0.8, 0.4], [0.5, 0.4, 0.45]];
    let teacher = mat![[1.0, 0.2, 0.0], [0.1, 0.8, 0.3]];
    let noise = mat![[1.0, 0.3], [0.3, 0.4]];
    Problem::new(inputs, teacher, noise, depth).unwrap()
}

#[test]
fn product_fluctuation_to_leading_order() {
    let random = [
        (1, 3, 2, 2, 3),
        (2, 2, 3, 1, 2),
        (3, 2, 2, 2, 5),
        (4, 3, 2, 2, 1),
    ]
    .map(|(seed, input_dim, output_dim, rank, depth)| {
        let shape = ProblemShape {
            input_dim,
            output_dim,
            rank,
            depth,
        };
        Problem::random(shape, seed).unwrap()
    });
    for problem in random.into_iter().chain([1, 3].map(inputs_in_a_plane)) {
        let prediction = predict(&problem).unwrap();
        let weights = prediction.minimum.weights().unwrap();
        let error = |rate: f64| {
            let claimed = prediction.stability(rate, 7).unwrap();
            let (plain, weighted) = stationary(&problem, &weights, rate, 7);
            assert!(close(
                claimed.stability_number,
                rate * prediction.lambda_max / 2.0,
                1e-15
            ));
            let plain = (plain / claimed.unweighted_fluctuation - 1.0).abs();
            plain.max((weighted / claimed.weighted_fluctuation - 1.0).abs())
        };
        // The neglected term is of relative order η λ_max: small, and halved with η.
        let rate = 1e-3 / prediction.lambda_max;
        assert!(error(rate) < 1e-3, "{}", error(rate));
        assert!(close(error(rate) / error(rate / 2.0), 2.0, 0.02));
    }
}

/// η F/2B holds at any minimum, and F is least at SGD's.
#[test]
fn the_flattest_minimum_fluctuates_more() {
    let shape = ProblemShape {
        input_dim: 2,
        output_dim: 2,
        rank: 2,
        depth: 3,
    };
    let problem = Problem::random(shape, 8).unwrap();
    let prediction = predict(&problem).unwrap();
    let rate = 1e-4 / prediction.lambda_max;
    let flattest = Minimum::flattest(&problem).unwrap();
    let (_, weighted) = stationary(&problem, &flattest.weights().unwrap(), rate, 1);
    assert!(close(
        weighted,
        0.5 * rate * flattest.functionals().fluctuation,
        1e-3
    ));
    assert!(weighted > prediction.stability(rate, 1).unwrap().weighted_fluctuation * 1.001);
}

#[test]
fn bad_settings() {
    let problem = Problem::random(
        ProblemShape {
            input_dim: 2,
            output_dim: 2,
            rank: 2,
            depth: 3,
        },
        8,
    )
    .unwrap();
    let prediction = predict(&problem).unwrap();
    for (rate, batch) in [
        (0.0, 1),
        (-0.1, 1),
        (f64::NAN, 1),
        (f64::INFINITY, 1),
        (0.1, 0),
    ] {
        assert!(prediction.stability(rate, batch).is_err());
    }
}
