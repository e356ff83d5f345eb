//! Modes against the dense way and the wide one, on networks small enough for all.

use faer::{Mat, Scale};

use super::{Axes, ModeFlow, Modes};
use crate::flow::{
    Drift, FlowSettings, Times, bdf,
    exact::ExactFlow,
    point::{Model, Point},
    rest,
    rosenbrock::{Integrator, Linear, Shifted, System},
    slow_flow,
    symmetric::SymmetricFlow,
    tests::{difference, forces, minimum, moved, norm, problems, velocity},
    walk::Walk,
    wide::WideFlow,
};
use crate::problem::{Basis, Problem, Weights, covariance};
use crate::recipe::Forces;
use crate::theory::{Curvature, functionals};

/// A network at a minimum, diagonal in a random basis of each space: entries `weights[k]`, spectra `inputs` and `noises`.
fn aligned(
    widths: &[usize],
    weights: &[&[f64]],
    inputs: &[f64],
    noises: &[f64],
) -> (Problem, Weights) {
    let basis = |k: usize| {
        Basis::Random {
            seed: 10 + k as u64,
        }
        .matrix(widths[k])
    };
    let bases: Vec<Mat<f64>> = (0..widths.len()).map(basis).collect();
    let diagonal = |rows: usize, columns: usize, entries: &[f64]| {
        Mat::from_fn(rows, columns, |i, j| {
            if i == j {
                entries.get(i).copied().unwrap_or(0.0)
            } else {
                0.0
            }
        })
    };
    let layers: Vec<Mat<f64>> = weights
        .iter()
        .enumerate()
        .map(|(k, entries)| {
            &bases[k + 1] * diagonal(widths[k + 1], widths[k], entries) * bases[k].transpose()
        })
        .collect();
    let mut teacher = layers[0].clone();
    for layer in &layers[1..] {
        teacher = layer * teacher;
    }
    let covariance = |basis: &Mat<f64>, values: &[f64]| {
        let full = basis * diagonal(values.len(), values.len(), values) * basis.transpose();
        (&full + full.transpose()) * Scale(0.5)
    };
    let problem = Problem::with_hidden_widths(
        covariance(&bases[0], inputs),
        teacher,
        covariance(&bases[widths.len() - 1], noises),
        widths.len() - 1,
        &widths[1..widths.len() - 1],
    )
    .unwrap();
    let weights = Weights::new(&problem, layers).unwrap();
    (problem, weights)
}

/// Different numbers everywhere; equal ones, so that no basis is the only one; more inputs than outputs, with a mode that ends half way and one
/// that begins there.
fn networks() -> [(Problem, Weights); 4] {
    [
        aligned(
            &[3, 3, 3],
            &[&[1.3, 0.7, 1.1], &[0.4, -1.2, 0.9]],
            &[1.0, 0.5, 0.3],
            &[1.0, 0.1, 0.02],
        ),
        aligned(
            &[4, 4, 4, 4],
            &[&[1.0; 4], &[1.5, 1.5, 1.5, 0.6], &[0.8; 4]],
            &[1.0; 4],
            &[1.0, 1.0, 0.2, 0.2],
        ),
        aligned(
            &[5, 4, 6, 3],
            &[
                &[1.1, 0.9, 0.8, 0.6],
                &[0.7, 1.2, 1.4, 0.5],
                &[1.5, 0.6, 0.0],
            ],
            &[1.2, 0.9, 0.7, 0.4, 0.2],
            &[0.6, 0.3, 0.1],
        ),
        aligned(
            &[2, 3, 2, 2, 2],
            &[&[0.9, 1.3], &[1.6, 0.0], &[0.8, 0.9], &[1.2, 0.5]],
            &[1.0, 0.4],
            &[1.0, 0.05],
        ),
    ]
}

#[test]
fn axes_are_found_where_they_are_shared_alone() {
    for (problem, weights) in networks() {
        let model = Model::new(&problem);
        let axes = Axes::shared(&model, weights.layers()).unwrap();
        for (found, layer) in axes.layers(&axes.weights).iter().zip(weights.layers()) {
            assert!((found - layer).norm_l2() < 1e-13 * layer.norm_l2());
        }
        let sorted = |mut values: Vec<f64>| {
            values.retain(|value| *value > 0.0);
            values.sort_by(f64::total_cmp);
            values
        };
        let expected = |matrix: faer::MatRef<'_, f64>| {
            sorted(matrix.self_adjoint_eigenvalues(faer::Side::Lower).unwrap())
        };
        let inputs = sorted(axes.inputs.clone());
        assert!(difference(&inputs, &expected(problem.input_covariance())) < 1e-13);
        let noises = sorted(axes.noises.clone());
        assert!(difference(&noises, &expected(problem.noise_covariance())) < 1e-13);
    }
    for problem in problems() {
        let weights = minimum(&problem);
        assert!(Axes::shared(&Model::new(&problem), weights.layers()).is_none());
    }
    // A layer that is turned by a ten thousandth is not diagonal.
    let (problem, weights) = &networks()[1];
    let mut layers = weights.layers().to_vec();
    let turn = Mat::from_fn(4, 4, |i, j| {
        if i == j {
            1.0
        } else {
            1e-4 * (i as f64 - j as f64)
        }
    });
    layers[1] = &layers[1] * turn;
    assert!(Axes::shared(&Model::new(problem), &layers).is_none());
}

/// Beside the two dense fields, of which that of SGD's own drift knows nothing of generators.
#[test]
fn motion_is_that_of_the_dense_fields() {
    for (problem, weights) in networks() {
        for forces in forces() {
            let model = Model::new(&problem).under(forces);
            let start = model.flatten(weights.layers());
            let axes = Axes::shared(&model, weights.layers()).unwrap();
            let (flow, state) = ModeFlow::new(&axes, forces);
            let rate = velocity(&flow, &state);
            let motion: Vec<f64> = flow
                .weights(&state)
                .iter()
                .zip(rate)
                .map(|(w, rate)| w * rate)
                .collect();
            let found = model.flatten(&axes.layers(&motion));
            let exact = ExactFlow::new(&model).velocity(&start).unwrap();
            assert!(difference(&found, &exact) < 1e-9 * norm(&exact));
            // Where a hidden direction is used by no layer the dense generators have no matrix to factor.
            if problem.widths()[1] == 3 && problem.depth() == 2 || problem.depth() == 3 {
                let dense = velocity(&SymmetricFlow { model: &model }, &start);
                assert!(difference(&found, &dense) < 1e-9 * norm(&dense));
            }
        }
    }
}

/// (σ − J) z = b with J z by finite differences.
#[test]
fn jacobian_is_that_of_the_motion() {
    for (problem, weights) in networks() {
        for forces in forces() {
            let model = Model::new(&problem);
            let axes = Axes::shared(&model, weights.layers()).unwrap();
            let (flow, mut state) = ModeFlow::new(&axes, forces);
            // Away from where anything is equal, or Λ at its first value.
            for (i, log) in state.iter_mut().enumerate() {
                *log += 0.1 * (i as f64).sin();
            }
            let b: Vec<f64> = (0..state.len())
                .map(|i| (3.0 * i as f64).cos())
                .zip(&axes.weights)
                .map(|(b, w)| if *w == 0.0 { 0.0 } else { b })
                .collect();
            let mut z = b.clone();
            let shift = 0.8;
            let linear = flow.linearise(&state).unwrap();
            linear.shifted(shift).unwrap().solve_in_place(&mut z);
            // To fourth order in the step: the motion goes as high powers of the weights.
            let step = 1e-4;
            let at = |factor: f64| velocity(&flow, &moved(&state, factor * step, &z));
            let (near, far) = ([at(1.0), at(-1.0)], [at(2.0), at(-2.0)]);
            let image: Vec<f64> = (0..b.len())
                .map(|i| {
                    let slope = 8.0 * (near[0][i] - near[1][i]) - (far[0][i] - far[1][i]);
                    shift * z[i] - slope / (12.0 * step)
                })
                .collect();
            let off = difference(&image, &b) / norm(&b);
            assert!(off < 1e-8, "{off}");
        }
    }
}

/// T, F, λ_max and the layers' conditioning, against what is computed from the weights.
#[test]
fn waypoints_are_those_of_the_weights() {
    for (problem, weights) in networks() {
        let model = Model::new(&problem);
        let modes = Modes::new(&model, &model.flatten(weights.layers())).unwrap();
        let walk = modes.walk(FlowSettings::default(), 1.0).unwrap();
        let here = walk.waypoint(&problem, 0.0).unwrap();
        let expected = functionals(&problem, &weights).unwrap();
        let lambda_max = Curvature::new(&problem, &weights)
            .unwrap()
            .lambda_max()
            .unwrap();
        for (found, expected) in [
            (here.sharpness, expected.sharpness),
            (here.fluctuation, expected.fluctuation),
            (here.lambda_max, lambda_max),
        ] {
            assert!((found / expected - 1.0).abs() < 1e-12, "{found} {expected}");
        }
        for (found, layer) in here.layer_conditions.iter().zip(weights.layers()) {
            let values = layer.singular_values().unwrap();
            let expected = values[0] / values[values.len() - 1];
            assert!(
                *found == f64::INFINITY && expected > 1e14
                    || (found / expected - 1.0).abs() < 1e-12
            );
        }
        assert!(here.distance < 1e-13, "{}", here.distance);
    }
}

/// The weights on the way by all three integrators.
#[test]
fn path_is_the_dense_one_and_the_wide_one() {
    for (problem, weights) in &networks()[..3] {
        for forces in forces() {
            let model = Model::new(problem).under(forces);
            let start = model.flatten(weights.layers());
            let dense = SymmetricFlow { model: &model };
            let mut dense = Integrator::new(&dense, start.clone(), 1e-9, 20_000, 1.0).unwrap();
            let flow = WideFlow::new(&model);
            let mut wide = bdf::Integrator::new(flow, start.clone(), 1e-6, 20_000, 1.0).unwrap();
            let modes = Modes::new(&model, &start).unwrap();
            let mut walk = modes.walk(FlowSettings::default(), 1.0).unwrap();
            for time in [0.01, 0.3, 3.0] {
                while dense.time < time {
                    dense.advance(time).unwrap();
                }
                while wide.time < time {
                    wide.advance(time).unwrap();
                }
                while walk.time() < time {
                    walk.advance(time).unwrap();
                }
                let found = walk.weights_at(time).unwrap();
                let exact = dense.state_at(time);
                let off = difference(&found, &exact) / norm(&exact);
                assert!(off < 2e-6, "{off}");
                let wide = wide.state_at(time);
                let off = difference(&found, &wide) / norm(&wide);
                assert!(off < 5e-6, "{off}");
                let point = Point::new(&model, model.layers(&found));
                assert!(point.residual.norm_l2() < 1e-13 * model.scale());
            }
        }
    }
}

/// A hundred modes from a start of their own, for long: Theorem 1's minimum.
#[test]
fn a_wide_network_ends_at_the_least_fluctuation() {
    let size = 100;
    let falling =
        |power: f64| -> Vec<f64> { (1..=size).map(|i| f64::from(i).powf(-power)).collect() };
    let uneven = |phase: f64| -> Vec<f64> {
        (0..size)
            .map(|i| 1.0 + 0.6 * (phase * f64::from(i)).sin())
            .collect()
    };
    let weights = [uneven(1.0), uneven(2.3), uneven(3.1), falling(0.3)];
    let weights: Vec<&[f64]> = weights.iter().map(Vec::as_slice).collect();
    let (problem, weights) = aligned(&[100; 5], &weights, &falling(0.5), &falling(1.0));
    let times = Times::Slow(vec![0.0, 1e3]);
    let settings = FlowSettings::default();
    let path = slow_flow(&problem, &weights, &times, &settings).unwrap();
    let [start, end] = &path.snapshots[..] else {
        panic!("{}", path.snapshots.len())
    };
    let limit = path.limit.unwrap();
    assert!(start.sharpness > 1.5 * limit.sharpness);
    for (found, expected) in [
        (end.sharpness, limit.sharpness),
        (end.fluctuation, limit.fluctuation),
        (end.lambda_max, limit.lambda_max),
    ] {
        assert!((found / expected - 1.0).abs() < 1e-6, "{found} {expected}");
    }
    // And by the exact drift, which no network of this size is followed by elsewhere.
    let exact = FlowSettings {
        drift: Drift::Exact,
        ..settings
    };
    let exact = slow_flow(&problem, &weights, &times, &exact).unwrap();
    assert_eq!(exact.snapshots, path.snapshots);
}

/// Ten equal copies of each mode have ten times its traces: under ten times the decay they end where one does, at a hundred times its T and F.
#[test]
fn copies_of_a_mode_end_under_decay_where_one_does() {
    let end = |copies: usize| {
        let size = 2 * copies;
        let deviations: Vec<f64> = (0..size)
            .map(|i| if i < copies { 1.0 } else { 0.2 })
            .collect();
        let noise = covariance::from_deviations(&deviations);
        let one = Mat::<f64>::identity(size, size);
        let problem = Problem::new(one.clone(), one, noise, 2).unwrap();
        let decay = 0.2 * copies as f64;
        let settings = FlowSettings {
            forces: Forces {
                decay,
                ..Forces::default()
            },
            ..FlowSettings::default()
        };
        rest(&problem, &settings).unwrap()
    };
    // The first by dense matrices, the second by modes.
    let (few, many) = (end(1), end(10));
    assert!((many.sharpness / (100.0 * few.sharpness) - 1.0).abs() < 1e-6);
    assert!((many.fluctuation / (100.0 * few.fluctuation) - 1.0).abs() < 1e-6);
    assert!((few.sharpness - 8.750).abs() < 1e-3, "{}", few.sharpness);
}
