//! Hessians that can be written down.

use std::sync::Arc;

use thalweg::loss::{Convention, Loss, Objective};
use thalweg::model::Mlp;
use thalweg::tensor::Activation;

use super::case::{Draw, assert_close};

/// The dense Hessian of a linear map W (row after row) under `loss`, with inputs and targets drawn; and
/// the inputs and outputs, feature by sample.
struct Linear {
    hessian: Vec<f64>,
    x: Vec<Vec<f64>>,
    f: Vec<Vec<f64>>,
}

fn linear(loss: Loss, inputs: usize, outputs: usize, batch: usize, seed: u64) -> Linear {
    let mut draw = Draw::new(seed);
    let tape = Mlp {
        widths: vec![inputs, outputs],
        activation: Activation::Identity,
        biases: false,
    };
    let mut objective = Objective::new(Arc::new(tape.tape().unwrap()), loss, batch);
    let x = draw.table(inputs, batch);
    for (line, row) in x.iter().enumerate() {
        objective.inputs_mut().line(line).copy_from_slice(row);
    }
    // Hard labels.
    for sample in 0..batch {
        let label = draw.from(0..=outputs - 1);
        objective.targets_mut().line(label)[sample] = 1.0;
    }
    let n = inputs * outputs;
    let w = draw.normals(n);
    let identity: Vec<f64> = (0..n * n)
        .map(|i| if i / n == i % n { 1.0 } else { 0.0 })
        .collect();
    let (mut gradient, mut hessian) = (vec![0.0; n], vec![0.0; n * n]);
    objective.gradient(&w, &mut gradient);
    objective.hessian(&w, &identity, &mut hessian);
    let mut gauss_newton = hessian.clone();
    objective.gauss_newton(&w, &identity, &mut gauss_newton);
    assert_close(
        "Gauss–Newton of a linear map",
        &gauss_newton,
        &hessian,
        1e-14,
    );
    let f = (0..outputs)
        .map(|r| {
            let entry = |b: usize| (0..inputs).map(|c| w[r * inputs + c] * x[c][b]).sum();
            (0..batch).map(entry).collect()
        })
        .collect();
    Linear { hessian, x, f }
}

/// (1/B) Σ_b Λ_b ⊗ x_b x_bᵀ, with Λ_b from the outputs of sample b.
fn kronecker(case: &Linear, output: impl Fn(&[f64], usize, usize) -> f64) -> Vec<f64> {
    let (inputs, outputs, batch) = (case.x.len(), case.f.len(), case.x[0].len());
    let n = inputs * outputs;
    let mut hessian = vec![0.0; n * n];
    for b in 0..batch {
        let f: Vec<_> = case.f.iter().map(|row| row[b]).collect();
        for i in 0..n {
            for j in 0..n {
                let inner = case.x[i % inputs][b] * case.x[j % inputs][b];
                hessian[i * n + j] += output(&f, i / inputs, j / inputs) * inner / batch as f64;
            }
        }
    }
    hessian
}

/// H = I ⊗ (1/B) Σ x xᵀ.
#[test]
fn linear_regression() {
    let case = linear(Loss::SquaredError(Convention::Half), 5, 3, 23, 1);
    let identity = |_: &[f64], r, s| if r == s { 1.0 } else { 0.0 };
    assert_close(
        "regression",
        &case.hessian,
        &kronecker(&case, identity),
        1e-13,
    );
}

/// PyTorch's convention is 2/d_y times the paper's.
#[test]
fn conventions_differ_by_a_factor() {
    let half = linear(Loss::SquaredError(Convention::Half), 4, 3, 7, 2);
    let mean = linear(Loss::SquaredError(Convention::Mean), 4, 3, 7, 2);
    let scaled: Vec<_> = half.hessian.iter().map(|h| 2.0 / 3.0 * h).collect();
    assert_close("conventions", &mean.hessian, &scaled, 1e-14);
}

/// With two classes Λ = σ(1 − σ) [[1, −1], [−1, 1]], σ the logistic function of f_1 − f_2.
#[test]
fn logistic_regression() {
    let case = linear(Loss::CrossEntropy, 4, 2, 19, 3);
    let lambda = |f: &[f64], r, s| {
        let p = 1.0 / (1.0 + (f[1] - f[0]).exp());
        p * (1.0 - p) * if r == s { 1.0 } else { -1.0 }
    };
    assert_close("logistic", &case.hessian, &kronecker(&case, lambda), 1e-13);
}

/// Λ = diag p − p pᵀ.
#[test]
fn softmax_regression() {
    let case = linear(Loss::CrossEntropy, 3, 5, 70, 4);
    let lambda = |f: &[f64], r: usize, s: usize| {
        let total: f64 = f.iter().map(|x| x.exp()).sum();
        let p = |i: usize| f[i].exp() / total;
        if r == s {
            p(r) - p(r) * p(r)
        } else {
            -p(r) * p(s)
        }
    };
    assert_close("softmax", &case.hessian, &kronecker(&case, lambda), 1e-13);
}
