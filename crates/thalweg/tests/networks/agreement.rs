//! Deep linear networks through the differentiable core, against the simulator's exact sharpness and
//! the theory's spectrum.

use std::sync::Arc;

use faer::Mat;
use thalweg::loss::{Convention, Loss, Objective};
use thalweg::model::Mlp;
use thalweg::problem::{Problem, Weights};
use thalweg::simulate::{Ensemble, SimulateSettings};
use thalweg::tensor::Activation;
use thalweg::theory::Minimum;

use super::case::{assert_close, problem};

/// The Hessian of the noiseless loss on d_x samples whose second moment is Σx, column by column.
fn hessian(problem: &Problem, weights: &Weights) -> Mat<f64> {
    let mlp = Mlp {
        widths: problem.widths().to_vec(),
        activation: Activation::Identity,
        biases: false,
    };
    let batch = problem.input_dim();
    let lower = problem.input_covariance().llt(faer::Side::Lower).unwrap();
    let x = faer::Scale((batch as f64).sqrt()) * lower.L();
    let y = problem.teacher() * &x;
    let loss = Loss::SquaredError(Convention::Half);
    let mut objective = Objective::new(Arc::new(mlp.tape().unwrap()), loss, batch);
    for b in 0..batch {
        for r in 0..x.nrows() {
            objective.inputs_mut().line(r)[b] = x[(r, b)];
        }
        for r in 0..y.nrows() {
            objective.targets_mut().line(r)[b] = y[(r, b)];
        }
    }
    let parameters: Vec<f64> = weights
        .layers()
        .iter()
        .flat_map(|w| (0..w.nrows()).flat_map(move |i| (0..w.ncols()).map(move |j| w[(i, j)])))
        .collect();
    let n = parameters.len();
    let identity: Vec<f64> = (0..n * n)
        .map(|i| if i / n == i % n { 1.0 } else { 0.0 })
        .collect();
    let (mut gradient, mut products) = (vec![0.0; n], vec![0.0; n * n]);
    objective.gradient(&parameters, &mut gradient);
    objective.hessian(&parameters, &identity, &mut products);
    Mat::from_fn(n, n, |i, j| products[j * n + i])
}

/// At the weights an SGD run passes through: T is linear in each layer's own Hessian block, so it is
/// exact away from minima, too.
#[test]
fn sharpness_is_the_simulators() {
    for depth in 1..=4 {
        let problem = problem(depth);
        let mut ensemble =
            Ensemble::start(&problem, &SimulateSettings::new(0.01, 5), &[1, 2]).unwrap();
        for step in [0, 50] {
            ensemble.run_to(step);
            for (weights, observed) in ensemble.weights().iter().zip(ensemble.observe()) {
                let hessian = hessian(&problem, weights.as_ref().unwrap());
                let trace = (0..hessian.nrows()).map(|i| hessian[(i, i)]).sum();
                let exact = observed.unwrap().sharpness;
                assert_close(&format!("depth {depth}"), &[trace], &[exact], 1e-12);
            }
        }
    }
}

#[test]
fn spectrum_at_sgds_minimum_is_the_theorys() {
    for depth in 1..=4 {
        let problem = problem(depth);
        let minimum = Minimum::of_sgd(&problem).unwrap();
        let hessian = hessian(&problem, &minimum.weights().unwrap());
        let mut found = hessian.self_adjoint_eigenvalues(faer::Side::Lower).unwrap();
        found.reverse();
        let mut exact = minimum.spectrum().unwrap().eigenvalues().to_vec();
        exact.resize(found.len(), 0.0);
        assert_close(&format!("depth {depth}"), &found, &exact, 1e-10);
    }
}
