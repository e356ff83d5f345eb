//! The same tapes on dual numbers and on lanes of seeds.

use std::fmt::Debug;

use thalweg::loss::Objective;
use thalweg::tensor::{Block, Dual, LinesMut, Real};

use super::case::{Case, assert_close, dot};
use super::reference::Network;
use crate::for_random_cases;

/// `x` along one direction.
fn along<T: Copy>(x: &[T], v: &[T]) -> Vec<Dual<T, 1>> {
    let pairs = x.iter().zip(v);
    let tangent = |(&value, &v)| Dual {
        value,
        tangents: [v],
    };
    pairs.map(tangent).collect()
}

/// Forward over reverse, along two directions at once, against exact second derivatives.
fn second<M: Network + Debug>(mut case: Case<M>) {
    let n = case.parameters.len();
    let directions = [case.draw.normals(n), case.draw.normals(n)];
    let parameters: Vec<_> = (0..n)
        .map(|i| Dual {
            value: case.parameters[i],
            tangents: [0, 1].map(|k: usize| directions[k][i]),
        })
        .collect();
    let mut gradient = vec![Dual::default(); n];
    case.objective::<Dual<f64, 2>>()
        .gradient(&parameters, &mut gradient);
    for (k, v) in directions.iter().enumerate() {
        let values: Vec<_> = gradient.iter().map(|g| g.value).collect();
        let products: Vec<_> = gradient.iter().map(|g| g.tangents[k]).collect();
        let (exact_gradient, exact_hessian) = case.gradient_and_hessian(v);
        assert_close(&case.name(), &values, &exact_gradient, 1e-12);
        assert_close(&case.name(), &products, &exact_hessian, 1e-11);
    }
}

#[test]
fn dual_gradients_are_hessian_products() {
    for_random_cases!(25, second);
}

/// In single precision, whose sums over the batch have other parts; and a Gauss–Newton product at a dual point,
/// whose values are the plain one.
fn single<M: Network + Debug>(mut case: Case<M>) {
    let n = case.parameters.len();
    let v = case.draw.normals(n);
    let lists = [&case.parameters, &v];
    let [parameters, direction] = lists.map(|x| x.iter().map(|&x| x as f32).collect::<Vec<_>>());
    let mut objective = case.objective::<Dual<f32, 1>>();
    let point = along(&parameters, &direction);
    let mut gradient = vec![Dual::default(); n];
    objective.gradient(&point, &mut gradient);
    let products: Vec<_> = gradient.iter().map(|g| f64::from(g.tangents[0])).collect();
    let name = case.name();
    assert_close(&name, &products, &case.gradient_and_hessian(&v).1, 2e-3);
    let still = along(&direction, &vec![0.0; n]);
    objective.gauss_newton(&point, &still, &mut gradient);
    let products: Vec<_> = gradient.iter().map(|g| f64::from(g.value)).collect();
    assert_close(&name, &products, &case.gauss_newton(&v), 2e-3);
}

#[test]
fn duals_in_single_precision_agree() {
    for_random_cases!(25, single);
}

/// ∇³L[v, w, ·] in three ways: duals of duals, the derivative along v of replayed products with w, and along w
/// of those with v.
fn third<M: Network + Debug>(mut case: Case<M>) {
    let n = case.parameters.len();
    let [v, w] = [case.draw.normals(n), case.draw.normals(n)];
    let zeros = vec![0.0; n];
    let nested = along(&along(&case.parameters, &v), &along(&w, &zeros)[..]);
    let mut gradient = vec![Dual::default(); n];
    case.objective::<Dual<Dual<f64, 1>, 1>>()
        .gradient(&nested, &mut gradient);
    let twice: Vec<f64> = gradient.iter().map(|g| g.tangents[0].tangents[0]).collect();
    let replayed = |v: &[f64], w: &[f64]| -> Vec<f64> {
        let mut objective = case.objective::<Dual<f64, 1>>();
        let parameters = along(&case.parameters, v);
        let mut products = vec![Dual::default(); n];
        objective.gradient(&parameters, &mut products);
        objective.hessian(&parameters, &along(w, &zeros), &mut products);
        products.iter().map(|p| p.tangents[0]).collect()
    };
    assert_close(&case.name(), &replayed(&v, &w), &twice, 1e-10);
    assert_close(&case.name(), &replayed(&w, &v), &twice, 1e-10);
}

#[test]
fn third_derivatives_are_symmetric() {
    for_random_cases!(15, third);
}

/// Derivatives of the losses themselves.
fn losses<M: Network + Debug>(mut case: Case<M>) {
    let n = case.parameters.len();
    let v = case.draw.normals(n);
    let mut losses = vec![Dual::default(); case.inputs.len()];
    case.objective::<Dual<f64, 1>>()
        .sample_losses(&along(&case.parameters, &v), &mut losses);
    let slope = losses.iter().map(|l| l.tangents[0]).sum::<f64>() / losses.len() as f64;
    let (gradient, _) = case.gradient_and_hessian(&v);
    let exact = dot(&gradient, &v);
    assert_close(&case.name(), &[slope], &[exact], 1e-11);
}

#[test]
fn dual_losses_have_slopes() {
    for_random_cases!(25, losses);
}

/// Everything that an objective computes, one list after another.
fn everything<T: thalweg::tensor::Number>(
    objective: &mut Objective<T>,
    parameters: &[T],
    directions: &[T],
) -> Vec<T> {
    let (n, batch) = (parameters.len(), objective.batch());
    let mut all = Vec::new();
    let mut one = vec![T::ZERO; n];
    let mut two = vec![T::ZERO; 2 * n];
    objective.gradient(parameters, &mut one);
    all.extend_from_slice(&one);
    objective.hessian(parameters, directions, &mut two);
    all.extend_from_slice(&two);
    objective.gauss_newton(parameters, directions, &mut two);
    all.extend_from_slice(&two);
    objective.gradient_moment(parameters, directions, &mut two);
    all.extend_from_slice(&two);
    objective.mean_squares(&mut one);
    all.extend_from_slice(&one);
    let blocks = objective.tape().parameters().len();
    let mut norms = Block::zeros(blocks, batch);
    objective.sample_squared_norms(&mut norms);
    for block in 0..blocks {
        all.extend_from_slice(norms.lines().line(block));
    }
    let mut losses = vec![T::ZERO; batch];
    objective.losses(&mut losses);
    all.extend_from_slice(&losses);
    all
}

/// What a lane's seed has in place of `x`.
fn own(x: f64, lane: usize) -> f64 {
    x * (1.0 + 0.25 * lane as f64)
}

fn lanes<T: Real, M: Network + Debug>(case: &mut Case<M>) {
    let n = case.parameters.len();
    let directions = case.draw.normals(2 * n);
    let width = T::Seeds::default().as_ref().len();
    let plain =
        |x: &[f64], lane| -> Vec<T> { x.iter().map(|&x| T::from_f64(own(x, lane))).collect() };
    let joined = |x: &[f64]| -> Vec<T::Seeds> {
        let entry = |&x: &f64| {
            let mut joined = T::Seeds::default();
            for (lane, to) in joined.as_mut().iter_mut().enumerate() {
                *to = T::from_f64(own(x, lane));
            }
            joined
        };
        x.iter().map(entry).collect()
    };
    // The inputs of each lane are its own too.
    let mut together = case.objective::<T::Seeds>();
    change(together.inputs_mut(), |seeds| {
        for (lane, x) in seeds.as_mut().iter_mut().enumerate() {
            *x = T::from_f64(own(x.to_f64(), lane));
        }
    });
    let found = everything(
        &mut together,
        &joined(&case.parameters),
        &joined(&directions),
    );
    for lane in 0..width {
        let mut alone = case.objective::<T>();
        change(alone.inputs_mut(), |x| {
            *x = T::from_f64(own(x.to_f64(), lane));
        });
        let exact = everything(
            &mut alone,
            &plain(&case.parameters, lane),
            &plain(&directions, lane),
        );
        let found: Vec<T> = found.iter().map(|seeds| seeds.as_ref()[lane]).collect();
        assert_eq!(found, exact, "{}, lane {lane}", case.name());
    }
}

fn change<T: thalweg::tensor::Number>(mut lines: LinesMut<'_, T>, mut f: impl FnMut(&mut T)) {
    for line in 0..lines.count() {
        lines.line(line).iter_mut().for_each(&mut f);
    }
}

fn both_precisions<M: Network + Debug>(mut case: Case<M>) {
    // Some batches are longer than what loops with temporaries treat at once.
    if case.draw.share() < 0.2 {
        while case.inputs.len() < 67 {
            let b = case.draw.from(0..=case.inputs.len() - 1);
            case.inputs.push(case.inputs[b].clone());
            case.targets.push(case.targets[b].clone());
        }
    }
    lanes::<f32, M>(&mut case);
    lanes::<f64, M>(&mut case);
}

#[test]
fn a_lane_is_its_seed_alone() {
    for_random_cases!(25, both_precisions);
}
