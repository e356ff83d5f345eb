//! Checks of the flows' inner workings against plain formulas and finite differences.

use faer::Mat;

use super::{
    FlowError, FlowSettings, descend,
    downhill::GradientFlow,
    exact::ExactFlow,
    gradient::Force,
    lift::Lift,
    point::Model,
    rosenbrock::{Linear, Shifted, System},
    symmetric::SymmetricFlow,
};
use crate::{
    problem::{Problem, ProblemShape, Weights},
    random::{Purpose, Stream},
    recipe::Forces,
    theory::functionals,
};

pub(super) fn problem(input_dim: usize, output_dim: usize, depth: usize) -> Problem {
    let shape = ProblemShape {
        input_dim,
        output_dim,
        rank: input_dim.min(output_dim),
        depth,
    };
    Problem::random(shape, 8).unwrap()
}

pub(super) fn problems() -> [Problem; 4] {
    [
        problem(2, 2, 2),
        problem(2, 2, 3),
        problem(3, 2, 4),
        problem(2, 4, 5),
    ]
}

/// Plain noise, and noise of another strength beside a decay of the weights.
pub(super) fn forces() -> [Forces; 2] {
    let plain = Forces::default();
    let decaying = Forces {
        noise: 0.7,
        decay: 0.3,
        ..plain
    };
    [plain, decaying]
}

pub(super) fn minimum(problem: &Problem) -> Weights {
    let mut stream = Stream::new(2, Purpose::Initial);
    let layers = problem.widths().windows(2).map(|pair| {
        Mat::from_fn(pair[1], pair[0], |i, j| {
            0.7 * stream.normal() + f64::from(u8::from(i == j))
        })
    });
    let start = Weights::new(problem, layers.collect()).unwrap();
    descend(problem, &start, &FlowSettings::default())
        .unwrap()
        .weights
}

pub(super) fn velocity(flow: &impl System, state: &[f64]) -> Vec<f64> {
    let mut out = vec![0.0; state.len()];
    flow.rhs(state, &mut out).unwrap();
    out
}

pub(super) fn moved(state: &[f64], step: f64, direction: &[f64]) -> Vec<f64> {
    state
        .iter()
        .zip(direction)
        .map(|(w, d)| w + step * d)
        .collect()
}

pub(super) fn norm(x: &[f64]) -> f64 {
    x.iter().map(|x| x * x).sum::<f64>().sqrt()
}

pub(super) fn difference(a: &[f64], b: &[f64]) -> f64 {
    norm(&a.iter().zip(b).map(|(a, b)| a - b).collect::<Vec<_>>())
}

fn fluctuation(problem: &Problem, model: &Model, state: &[f64]) -> f64 {
    let weights = Weights::new(problem, model.layers(state)).unwrap();
    functionals(problem, &weights).unwrap().fluctuation
}

/// dQ_k for a motion `change` of `layers`.
fn imbalance_rates(layers: &[Mat<f64>], change: &[Mat<f64>]) -> Vec<Mat<f64>> {
    (0..layers.len() - 1)
        .map(|k| {
            let low = &change[k] * layers[k].transpose();
            let high = change[k + 1].transpose() * &layers[k + 1];
            &low + low.transpose() - &high - high.transpose()
        })
        .collect()
}

/// R_k = tr(H_{k−1}) G_k − tr(G_{k+1}) H_k, from the definitions.
fn noise_drift(problem: &Problem, weights: &Weights) -> Vec<Mat<f64>> {
    let trace = |m: &Mat<f64>| (0..m.nrows()).map(|i| m[(i, i)]).sum::<f64>();
    let inputs: Vec<Mat<f64>> = weights
        .below()
        .iter()
        .map(|b| b * problem.input_covariance() * b.transpose())
        .collect();
    let outputs: Vec<Mat<f64>> = weights
        .above()
        .iter()
        .map(|a| a.transpose() * problem.noise_covariance() * a)
        .collect();
    (0..weights.depth() - 1)
        .map(|k| {
            faer::Scale(trace(&inputs[k])) * &outputs[k]
                - faer::Scale(trace(&outputs[k + 1])) * &inputs[k + 1]
        })
        .collect()
}

#[test]
fn force_and_its_hessian_are_derivatives_of_the_fluctuation() {
    for problem in problems() {
        let model = Model::new(&problem);
        let state = model.flatten(minimum(&problem).layers());
        let force = Force::new(&model, model.layers(&state));
        let flat = model.flatten(&force.layers);
        let mut hessian = Mat::<f64>::zeros(model.dim(), model.dim());
        force.each_hessian_block(|k, j, block| {
            let (rows, columns) = (model.range(k), model.range(j));
            hessian
                .submatrix_mut(rows.start, columns.start, rows.len(), columns.len())
                .copy_from(&block);
        });
        let step = 1e-5;
        for i in 0..state.len() {
            let mut unit = vec![0.0; state.len()];
            unit[i] = 1.0;
            let (after, before) = (moved(&state, step, &unit), moved(&state, -step, &unit));
            let slope = (fluctuation(&problem, &model, &after)
                - fluctuation(&problem, &model, &before))
                / (2.0 * step);
            assert!((flat[i] + slope / 4.0).abs() < 1e-7 * norm(&flat));
            let force_at =
                |state: &[f64]| model.flatten(&Force::new(&model, model.layers(state)).layers);
            let column: Vec<f64> = force_at(&after)
                .iter()
                .zip(force_at(&before))
                .map(|(a, b)| (a - b) / (2.0 * step))
                .collect();
            assert!(difference(&column, hessian.col_as_slice(i)) < 1e-7 * hessian.norm_l2());
        }
    }
}

/// The defining equations: dQ_k/du = R_k, no motion of the product, and dF/du = −4 Σ_k ‖dW_k/du‖².
#[test]
fn symmetric_drift_solves_its_equations() {
    for problem in problems() {
        let model = Model::new(&problem);
        let weights = minimum(&problem);
        let state = model.flatten(weights.layers());
        let flat = velocity(&SymmetricFlow { model: &model }, &state);
        let change = model.layers(&flat);
        let drift = noise_drift(&problem, &weights);
        for (found, expected) in imbalance_rates(weights.layers(), &change)
            .iter()
            .zip(&drift)
        {
            assert!((found - expected).norm_l2() < 1e-9 * expected.norm_l2());
        }
        let product = |state: &[f64]| {
            Weights::new(&problem, model.layers(state))
                .unwrap()
                .product()
        };
        let step = 1e-6 / norm(&flat);
        let (after, before) = (moved(&state, step, &flat), moved(&state, -step, &flat));
        let shift = (product(&after) - product(&before)).norm_l2() / (2.0 * step);
        assert!(shift < 1e-8 * norm(&flat) * problem.teacher().norm_l2());
        let slope = (fluctuation(&problem, &model, &after)
            - fluctuation(&problem, &model, &before))
            / (2.0 * step);
        assert!((slope / (-4.0 * norm(&flat).powi(2)) - 1.0).abs() < 1e-7);
    }
}

/// EᵀE by its blocks, and its block solver, against E as a dense matrix.
#[test]
fn lift_is_its_dense_matrix() {
    for problem in problems() {
        let model = Model::new(&problem);
        let weights = minimum(&problem);
        let lift = Lift::new(weights.layers());
        let mut dense = Mat::zeros(model.dim(), lift.unknowns());
        lift.add_to(&model, &mut dense);
        let mut stream = Stream::new(3, Purpose::Initial);
        let x: Vec<f64> = (0..lift.unknowns()).map(|_| stream.normal()).collect();
        let column = Mat::from_fn(x.len(), 1, |i, _| x[i]);
        let image = &dense * &column;
        assert!(
            difference(&model.flatten(&lift.apply(&x)), image.col_as_slice(0))
                < 1e-13 * image.norm_l2()
        );
        let gram = dense.transpose() * &dense;
        assert!((&gram - lift.gram_matrix()).norm_l2() < 1e-12 * gram.norm_l2());
        let mut back = vec![0.0; lift.unknowns()];
        lift.transpose_apply(&model, image.col_as_slice(0), &mut back);
        let product = &gram * &column;
        assert!(difference(product.col_as_slice(0), &back) < 1e-12 * norm(&back));
        let mut solved = back;
        lift.gram().unwrap().solve_in_place(&mut solved);
        assert!(difference(&solved, &x) < 1e-8 * norm(&x));
    }
}

/// (σ − J) applied by finite differences undoes the structured solve, of both flows, on the minima and
/// off them: the stages are off, and gradient flow starts there.
#[test]
fn structured_solves_invert_the_shifted_jacobian() {
    for problem in problems() {
        let model = Model::new(&problem);
        let state = model.flatten(minimum(&problem).layers());
        for distance in [0.0, 0.01, 0.1] {
            let state: Vec<f64> = (0..state.len())
                .map(|i| state[i] + distance * (i as f64).sin())
                .collect();
            inverts(&GradientFlow { model: &model }, &state, [50.0, 500.0]);
            let flow = SymmetricFlow { model: &model };
            let speed = norm(&velocity(&flow, &state)) / norm(&state);
            if distance < 0.02 {
                inverts(&flow, &state, [3.0 * speed, 30.0 * speed]);
            }
        }
    }
}

fn inverts(flow: &impl System, state: &[f64], shifts: [f64; 2]) {
    let linear = flow.linearise(state).unwrap();
    let mut stream = Stream::new(4, Purpose::Initial);
    for shift in shifts {
        let b: Vec<f64> = (0..state.len()).map(|_| stream.normal()).collect();
        let mut x = b.clone();
        linear.shifted(shift).unwrap().solve_in_place(&mut x);
        let step = 1e-5 / norm(&x);
        let after = velocity(flow, &moved(state, step, &x));
        let before = velocity(flow, &moved(state, -step, &x));
        let back: Vec<f64> = (0..b.len())
            .map(|i| shift * x[i] - (after[i] - before[i]) / (2.0 * step))
            .collect();
        let off = difference(&back, &b) / norm(&b);
        assert!(off < 1e-6, "{off}");
    }
}

/// Where the loss curves downwards more steeply than σ upwards there is no factorisation, and no step.
#[test]
fn too_long_a_step_out_of_a_saddle_is_refused() {
    let problem = problem(2, 2, 2);
    let model = Model::new(&problem);
    // At W = 0 the Hessian has the eigenvalues ±(singular values of V Σx).
    let state = vec![0.0; model.dim()];
    let steepest = (problem.teacher() * problem.input_covariance())
        .singular_values()
        .unwrap()[0];
    let flow = GradientFlow { model: &model };
    let linear = flow.linearise(&state).unwrap();
    assert!(linear.shifted(1.001 * steepest).is_ok());
    let refused = linear.shifted(0.999 * steepest).err();
    assert!(matches!(refused, Some(FlowError::Decomposition { .. })));
}

/// The exact drift moves Q_k by R_k too, and keeps the product; for isotropic noise it is the gradient of
/// −F/4 along the manifold, so that dF/du = −4 Σ_k ‖dW_k/du‖², and for other noise it is not.
#[test]
fn exact_drift_solves_its_equations() {
    for problem in problems() {
        let isotropic = Problem::with_hidden_widths(
            problem.input_covariance().to_owned(),
            problem.teacher().to_owned(),
            Mat::identity(problem.output_dim(), problem.output_dim()),
            problem.depth(),
            &problem.widths()[1..problem.depth()],
        )
        .unwrap();
        for (problem, gradient) in [(&problem, false), (&isotropic, true)] {
            let model = Model::new(problem);
            let weights = minimum(problem);
            let state = model.flatten(weights.layers());
            let flat = ExactFlow::new(&model).velocity(&state).unwrap();
            let drift = noise_drift(problem, &weights);
            let found = imbalance_rates(weights.layers(), &model.layers(&flat));
            for (found, expected) in found.iter().zip(&drift) {
                assert!((found - expected).norm_l2() < 1e-9 * expected.norm_l2());
            }
            let step = 1e-6 / norm(&flat);
            let (after, before) = (moved(&state, step, &flat), moved(&state, -step, &flat));
            let slope = (fluctuation(problem, &model, &after)
                - fluctuation(problem, &model, &before))
                / (2.0 * step);
            let off = (slope / (-4.0 * norm(&flat).powi(2)) - 1.0).abs();
            assert_eq!(off < 1e-6, gradient, "{off}");
        }
    }
}
