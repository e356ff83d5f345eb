//! Observables against brute force: finite differences and Monte Carlo. What one step conserves.

use faer::{Mat, Side};

use crate::problem::{Problem, Weights};
use crate::random::Purpose;

use super::law::Law;
use super::law_tests::z_score;
use super::reference::{Batch, gradients};
use super::{Data, Ensemble, InitialWeights, Observation, SimulateSettings};

/// A problem of unequal widths and weights away from its minimum.
fn case() -> (Problem, Weights) {
    let covariance =
        |d: usize| Mat::from_fn(d, d, |i, j| if i == j { 1.0 + i as f64 } else { 0.3 });
    let teacher = Mat::from_fn(2, 3, |i, j| 0.5 + i as f64 - j as f64);
    let problem =
        Problem::with_hidden_widths(covariance(3), teacher, covariance(2), 3, &[4, 3]).unwrap();
    let start = Ensemble::start(&problem, &SimulateSettings::new(0.1, 1), &[11]).unwrap();
    let weights = start.weights().remove(0).unwrap();
    (problem, weights)
}

fn loss(problem: &Problem, layers: &[Mat<f64>]) -> f64 {
    let weights = Weights::new(problem, layers.to_vec()).unwrap();
    Observation::new(problem, &Data::default(), &weights).loss
}

/// The loss is quadratic in each single weight, so second differences of any width are exact.
#[test]
fn sharpness_is_the_trace_of_the_hessian() {
    let (problem, weights) = case();
    let mut trace = 0.0;
    for k in 0..weights.depth() {
        for r in 0..weights.layers()[k].nrows() {
            for c in 0..weights.layers()[k].ncols() {
                let moved = |by: f64| {
                    let mut layers = weights.layers().to_vec();
                    layers[k][(r, c)] += by;
                    loss(&problem, &layers)
                };
                trace += moved(1.0) - 2.0 * moved(0.0) + moved(-1.0);
            }
        }
    }
    let observed = Observation::new(&problem, &Data::default(), &weights).sharpness;
    assert!(
        (observed - trace).abs() < 1e-11 * trace,
        "{observed} {trace}"
    );
}

/// The product is linear in each single weight, so first differences give the Jacobian exactly.
#[test]
fn lambda_max_is_that_of_the_gauss_newton_matrix() {
    let (problem, weights) = case();
    let factor = crate::problem::cholesky(problem.input_covariance());
    let mut jacobian: Vec<Mat<f64>> = Vec::new();
    for k in 0..weights.depth() {
        for r in 0..weights.layers()[k].nrows() {
            for c in 0..weights.layers()[k].ncols() {
                let mut layers = weights.layers().to_vec();
                layers[k][(r, c)] += 1.0;
                let moved = Weights::new(&problem, layers).unwrap().product();
                jacobian.push((moved - weights.product()) * &factor);
            }
        }
    }
    let n = jacobian.len();
    let gauss_newton = Mat::from_fn(n, n, |i, j| {
        (jacobian[i].transpose() * &jacobian[j])
            .diagonal()
            .column_vector()
            .iter()
            .sum::<f64>()
    });
    let largest = gauss_newton.self_adjoint_eigenvalues(Side::Lower).unwrap()[n - 1];
    let observed = Observation::new(&problem, &Data::default(), &weights)
        .lambda_max
        .unwrap();
    assert!(
        (observed - largest).abs() < 1e-11 * largest,
        "{observed} {largest}"
    );
}

/// 20 000 single-sample gradients, fixed seeds; each |z| below 3.89, two-sided 1e-4.
#[test]
fn gradient_second_moment_and_fluctuation_match_monte_carlo() {
    let (problem, weights) = case();
    for heteroscedasticity in [0.0, 0.6] {
        let mut settings = SimulateSettings::new(0.1, 1);
        settings.data.heteroscedasticity = heteroscedasticity;
        settings.data.sample_by_sample = true;
        let law = Law::new(&problem, &settings).unwrap();
        let observed = Observation::new(&problem, &settings.data, &weights);
        let squared = |layers: &[Mat<f64>], batch: &Batch| -> f64 {
            gradients(&law, layers, batch)
                .iter()
                .map(Mat::squared_norm_l2)
                .sum()
        };
        let (mut whole, mut label) = (Vec::new(), Vec::new());
        let none = Mat::<f64>::zeros(2, 1);
        for seed in 0..20_000 {
            let batch = Batch::at(&law, &settings, seed, 0, Purpose::Batches);
            whole.push(squared(weights.layers(), &batch));
            // The label noise's part of the gradient is what is left without the residual's.
            let quiet = Batch {
                inputs: batch.inputs.clone(),
                noise: none.clone(),
            };
            let (with, without) = (
                gradients(&law, weights.layers(), &batch),
                gradients(&law, weights.layers(), &quiet),
            );
            label.push(
                with.iter()
                    .zip(&without)
                    .map(|(a, b)| (a - b).squared_norm_l2())
                    .sum(),
            );
        }
        let z = z_score(whole.iter().copied(), observed.gradient_second_moment);
        assert!(z.abs() < 3.89, "second moment: z = {z}");
        let z = z_score(label.iter().copied(), observed.fluctuation);
        assert!(z.abs() < 3.89, "fluctuation: z = {z}");
    }
}

/// One step of SGD changes Q_k = W_kW_kᵀ − W_{k+1}ᵀW_{k+1} by η²(g_k g_kᵀ − g_{k+1}ᵀ g_{k+1}), exactly.
#[test]
fn a_step_changes_the_conserved_quantities_at_second_order_only() {
    let (problem, weights) = case();
    let rate = 0.05;
    let settings = SimulateSettings {
        init: InitialWeights::Given(weights.clone()),
        ..SimulateSettings::new(rate, 4)
    };
    let mut ensemble = Ensemble::start(&problem, &settings, &[5]).unwrap();
    ensemble.run_to(1);
    let after = ensemble.weights().remove(0).unwrap();
    let q = |w: &[Mat<f64>], k: usize| &w[k] * w[k].transpose() - w[k + 1].transpose() * &w[k + 1];
    let moved: Vec<Mat<f64>> = after
        .layers()
        .iter()
        .zip(weights.layers())
        .map(|(a, b)| a - b)
        .collect();
    for k in 0..2 {
        let change = q(after.layers(), k) - q(weights.layers(), k);
        let exact = q(&moved, k);
        assert!(exact.norm_l2() > 1e-6);
        assert!((&change - &exact).norm_l2() < 1e-12, "{change:?} {exact:?}");
    }
}
