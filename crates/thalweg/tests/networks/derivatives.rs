//! Gradients, Hessian and Gauss–Newton products of random networks under random losses.

use std::fmt::Debug;

use thalweg::model::Mlp;
use thalweg::tensor::Activation;

use super::case::{Case, Draw, assert_close, dot};
use super::reference::Network;
use crate::for_random_cases;

/// Two directions at once, against exact second derivatives in hyper-dual numbers.
fn exact<M: Network + Debug>(mut case: Case<M>) {
    let n = case.parameters.len();
    let directions = case.draw.normals(2 * n);
    let mut objective = case.objective::<f64>();
    let mut gradient = vec![0.0; n];
    let (mut hessian, mut gauss_newton) = (vec![0.0; 2 * n], vec![0.0; 2 * n]);
    objective.gradient(&case.parameters, &mut gradient);
    objective.hessian(&case.parameters, &directions, &mut hessian);
    objective.gauss_newton(&case.parameters, &directions, &mut gauss_newton);
    for k in 0..2 {
        let span = k * n..(k + 1) * n;
        let v = &directions[span.clone()];
        let (exact_gradient, exact_hessian) = case.gradient_and_hessian(v);
        let name = case.name();
        assert_close(&name, &gradient, &exact_gradient, 1e-12);
        assert_close(&name, &hessian[span.clone()], &exact_hessian, 1e-11);
        assert_close(&name, &gauss_newton[span], &case.gauss_newton(v), 1e-11);
    }
}

#[test]
fn all_derivatives_are_exact() {
    for_random_cases!(25, exact);
}

/// Products so large that they go other ways, with inputs that are mostly 0 and with others.
#[test]
fn wide_derivatives_are_exact() {
    for seed in 0..4 {
        let mut draw = Draw::new(3000 + seed);
        let model = Mlp {
            widths: vec![110, 10, 2],
            activation: Activation::Tanh,
            biases: seed % 2 == 0,
        };
        let tape = model.tape().unwrap();
        let share = if seed < 2 { 0.8 } else { 0.1 };
        let zeros: Vec<bool> = (0..110 * 19).map(|_| draw.share() < share).collect();
        let mut case = Case::new(model, tape, draw);
        for (sample, table) in case.inputs.iter_mut().enumerate() {
            for (line, x) in table.iter_mut().flatten().enumerate() {
                if zeros[sample * 110 + line] {
                    *x = 0.0;
                }
            }
        }
        exact(case);
    }
}

/// Against central differences of the reference in f64, of fourth order along a unit direction: their
/// errors are h⁴ times a fifth or sixth derivative, and ε/h² of the loss. Kinks have no such bound.
fn differences<M: Network + Debug>(mut case: Case<M>) {
    if !case.model.smooth() {
        return;
    }
    let n = case.parameters.len();
    let v = case.draw.normals(n);
    let norm = dot(&v, &v).sqrt();
    let v: Vec<_> = v.iter().map(|x| x / norm).collect();
    let mut objective = case.objective::<f64>();
    let (mut gradient, mut hessian) = (vec![0.0; n], vec![0.0; n]);
    objective.gradient(&case.parameters, &mut gradient);
    objective.hessian(&case.parameters, &v, &mut hessian);
    let h = 1e-3;
    let at = |steps: f64| {
        let pairs = case.parameters.iter().zip(&v);
        let moved: Vec<_> = pairs.map(|(p, v)| p + steps * h * v).collect();
        case.mean_loss(&moved)
    };
    let [far_back, back, centre, on, far_on] = [-2.0, -1.0, 0.0, 1.0, 2.0].map(at);
    let slope = (8.0 * (on - back) - (far_on - far_back)) / (12.0 * h);
    let bend = (16.0 * (on + back) - (far_on + far_back) - 30.0 * centre) / (12.0 * h * h);
    let found = [dot(&gradient, &v), dot(&hessian, &v), centre];
    assert_close(&case.name(), &found, &[slope, bend, centre], 1e-7);
}

#[test]
fn differences_agree() {
    for_random_cases!(40, differences);
}

/// Single precision gives what double does, and losses what the reference does.
fn precision<M: Network + Debug>(mut case: Case<M>) {
    let n = case.parameters.len();
    let v = case.draw.normals(n);
    let single = |x: &[f64]| x.iter().map(|&x| x as f32).collect::<Vec<_>>();
    let (parameters, direction) = (single(&case.parameters), single(&v));
    let mut objective = case.objective::<f32>();
    let (mut gradient, mut hessian) = (vec![0.0; n], vec![0.0; n]);
    objective.gradient(&parameters, &mut gradient);
    objective.hessian(&parameters, &direction, &mut hessian);
    let double = |x: &[f32]| x.iter().map(|&x| f64::from(x)).collect::<Vec<_>>();
    let (exact_gradient, exact_hessian) = case.gradient_and_hessian(&v);
    assert_close(&case.name(), &double(&gradient), &exact_gradient, 2e-4);
    assert_close(&case.name(), &double(&hessian), &exact_hessian, 2e-3);

    let mut losses = vec![0.0; case.inputs.len()];
    case.objective::<f64>()
        .sample_losses(&case.parameters, &mut losses);
    let mean = losses.iter().sum::<f64>() / losses.len() as f64;
    assert_close(
        &case.name(),
        &[mean],
        &[case.mean_loss(&case.parameters)],
        1e-12,
    );
}

#[test]
fn single_precision_agrees() {
    for_random_cases!(25, precision);
}

/// Batches of unequal size, weighted by their size, give the whole batch.
fn unequal<M: Network + Debug>(mut case: Case<M>) {
    let (n, batch) = (case.parameters.len(), case.inputs.len());
    let v = case.draw.normals(n);
    let take = |objective: &mut thalweg::loss::Objective<f64>| {
        let (mut gradient, mut hessian) = (vec![0.0; n], vec![0.0; n]);
        objective.gradient(&case.parameters, &mut gradient);
        objective.hessian(&case.parameters, &v, &mut hessian);
        [gradient, hessian].concat()
    };
    let mut objective = case.objective();
    let whole = take(&mut objective);
    let mut mean = vec![0.0; 2 * n];
    let cut = (batch / 3).max(1);
    // Small after large, so that what the large batch left behind would show.
    for samples in [cut..batch, 0..cut] {
        if samples.is_empty() {
            continue;
        }
        let weight = samples.len() as f64 / batch as f64;
        case.fill(&mut objective, samples);
        for (mean, part) in mean.iter_mut().zip(take(&mut objective)) {
            *mean += weight * part;
        }
    }
    assert_close(&case.name(), &mean, &whole, 1e-12);
}

#[test]
fn unequal_batches_make_one() {
    for_random_cases!(25, unequal);
}
