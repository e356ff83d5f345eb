//! Observables against brute force: finite differences and Monte Carlo. What one step conserves.

use faer::{Mat, Side};

use crate::lanes::{Isa, dispatch_on};
use crate::problem::{Problem, Weights};
use crate::random::Purpose;

use super::lanczos::RESIDUAL;
use super::law::Law;
use super::law_tests::z_score;
use super::meter::Meter;
use super::reference::{Batch, gradients};
use super::room::Rooms;
use super::run::Run;
use super::together::Together;
use super::{Data, Ensemble, InitialWeights, Observation, Outcome, SimulateSettings};
use crate::lanes::condition::condition;

/// A problem of unequal widths, weights away from its minimum, and an ensemble that has them.
fn case() -> (Problem, Weights, Ensemble) {
    let covariance =
        |d: usize| Mat::from_fn(d, d, |i, j| if i == j { 1.0 + i as f64 } else { 0.3 });
    let teacher = Mat::from_fn(2, 3, |i, j| 0.5 + i as f64 - j as f64);
    let problem =
        Problem::with_hidden_widths(covariance(3), teacher, covariance(2), 3, &[4, 3]).unwrap();
    let start = Ensemble::start(&problem, &SimulateSettings::new(0.1, 1), &[11]).unwrap();
    let weights = start.weights().remove(0).unwrap();
    (problem, weights, start)
}

/// What is measured of the weights alone, and of a seed among seeds.
fn both(problem: &Problem, weights: &Weights, ensemble: &Ensemble) -> [Observation; 2] {
    let alone = Observation::new(problem, &Data::default(), weights);
    [alone, ensemble.observe().remove(0).unwrap()]
}

fn loss(problem: &Problem, layers: &[Mat<f64>]) -> f64 {
    let weights = Weights::new(problem, layers.to_vec()).unwrap();
    Observation::new(problem, &Data::default(), &weights).loss
}

/// The loss is quadratic in each single weight, so second differences of any width are exact.
#[test]
fn sharpness_is_the_trace_of_the_hessian() {
    let (problem, weights, ensemble) = case();
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
    for observed in both(&problem, &weights, &ensemble) {
        let observed = observed.sharpness;
        assert!(
            (observed - trace).abs() < 1e-11 * trace,
            "{observed} {trace}"
        );
    }
}

/// The product is linear in each single weight, so first differences give the Jacobian exactly.
#[test]
fn lambda_max_is_that_of_the_gauss_newton_matrix() {
    let (problem, weights, ensemble) = case();
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
    let spectrum = gauss_newton.self_adjoint_eigenvalues(Side::Lower).unwrap();
    for observed in both(&problem, &weights, &ensemble) {
        within_what_is_stated(observed.lambda_max.unwrap(), &spectrum);
    }
}

/// A Ritz value is never too large, and too small by the residual's square over the distance to the next eigenvalue, and by the residual,
/// at most.
fn within_what_is_stated(found: f64, spectrum: &[f64]) {
    let largest = spectrum[spectrum.len() - 1];
    let next = spectrum.iter().rev().nth(1).copied().unwrap_or(0.0);
    let error = RESIDUAL.min(RESIDUAL * RESIDUAL * largest / (largest - next));
    let (above, below) = (found - largest, largest - found);
    assert!(above < 1e-12 * largest, "{found} {largest}");
    assert!(
        below < error * largest + 1e-12 * largest,
        "{found} {largest} {next}"
    );
}

/// The spectrum of K as a dense matrix.
fn spectrum(problem: &Problem, weights: &Weights) -> Vec<f64> {
    let factor = crate::problem::cholesky(problem.input_covariance());
    let (rows, columns) = (problem.output_dim(), problem.input_dim());
    let mut dense = Mat::<f64>::zeros(rows * columns, rows * columns);
    for (a, b) in weights.above().iter().zip(weights.below()) {
        let below = b * &factor;
        let (left, right) = (a * a.transpose(), below.transpose() * &below);
        dense += Mat::from_fn(rows * columns, rows * columns, |i, j| {
            left[(i % rows, j % rows)] * right[(i / rows, j / rows)]
        });
    }
    dense.self_adjoint_eigenvalues(Side::Lower).unwrap()
}

/// Narrow and wide networks, deep ones and ones of a few outputs, at their start and when they have learnt: all that λ_max may be
/// sought in.
#[test]
fn lambda_max_errs_by_no_more_than_is_stated() {
    for (widths, steps) in [
        (&[6, 6, 6, 6][..], 0),
        (&[6, 6, 6, 6], 3000),
        (&[20, 20, 20, 20], 500),
        (&[12, 40, 10], 0),
        (&[30, 30, 1], 200),
        (&[1, 30, 9], 0),
        (&[9, 28, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9], 0),
        (&[18, 28, 18, 18, 18, 18, 18], 0),
        (&[14, 29], 0),
    ] {
        let problem = super::tests::problem(widths, 3);
        let settings = SimulateSettings::new(1e-3, 4);
        let seeds: Vec<u64> = (0..6).collect();
        let mut ensemble = Ensemble::start(&problem, &settings, &seeds).unwrap();
        ensemble.run_to(steps);
        for (weights, seen) in ensemble.weights().iter().zip(ensemble.observe()) {
            let (Some(weights), Some(seen)) = (weights, seen) else {
                continue;
            };
            let spectrum = spectrum(&problem, weights);
            let alone = Observation::new(&problem, &settings.data, weights);
            within_what_is_stated(seen.lambda_max.unwrap(), &spectrum);
            within_what_is_stated(alone.lambda_max.unwrap(), &spectrum);
        }
    }
}

/// 20 000 single-sample gradients, fixed seeds; each |z| below 3.89, two-sided 1e-4.
#[test]
fn gradient_second_moment_and_fluctuation_match_monte_carlo() {
    let (problem, weights, _) = case();
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

/// With diagonal weights K is diagonal, and each of its entries an eigenvalue at which a search by rank could come to rest.
#[test]
fn lambda_max_of_diagonal_weights_is_the_largest_entry() {
    let d = 30;
    let problem = Problem::new(
        Mat::identity(d, d),
        Mat::identity(d, d),
        Mat::identity(d, d),
        3,
    )
    .unwrap();
    let mut stream = crate::random::Stream::new(3, Purpose::Problem);
    let mut layer = || -> Vec<f64> { (0..d).map(|_| (1.5 * stream.normal()).exp()).collect() };
    let mut cases: Vec<_> = (0..20).map(|_| [layer(), layer(), layer()]).collect();
    // The largest entry, 200, lies where neither its row nor its column is the largest on average: those meet at 170.
    let only = |entries: &[(usize, f64)]| {
        let mut layer = vec![1e-3; d];
        for (at, square) in entries {
            layer[*at] = square.sqrt();
        }
        layer
    };
    cases.push([
        only(&[(0, 14.14), (2, 0.11)]),
        only(&[(1, 1000.0), (2, 1000.0)]),
        only(&[(0, 14.14), (1, 0.06)]),
    ]);
    for [a, b, c] in &cases {
        let diagonal = |e: &[f64]| Mat::from_fn(d, d, |i, j| if i == j { e[i] } else { 0.0 });
        let layers = vec![diagonal(a), diagonal(b), diagonal(c)];
        let entry = |i: usize, j: usize| {
            (c[i] * b[i]).powi(2) + (c[i] * a[j]).powi(2) + (b[j] * a[j]).powi(2)
        };
        let all = (0..d).flat_map(|i| (0..d).map(move |j| (i, j)));
        let mut spectrum: Vec<f64> = all.map(|(i, j)| entry(i, j)).collect();
        spectrum.sort_by(f64::total_cmp);
        let weights = Weights::new(&problem, layers).unwrap();
        let observed = Observation::new(&problem, &Data::default(), &weights);
        within_what_is_stated(observed.lambda_max.unwrap(), &spectrum);
    }
}

/// One step of SGD changes Q_k = W_kW_kᵀ − W_{k+1}ᵀW_{k+1} by η²(g_k g_kᵀ − g_{k+1}ᵀ g_{k+1}), exactly.
#[test]
fn a_step_changes_the_conserved_quantities_at_second_order_only() {
    let (problem, weights, _) = case();
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

/// Every number of an observation but λ_max.
fn numbers(seen: &Observation) -> Vec<f64> {
    let mut all = vec![
        seen.sharpness,
        seen.fluctuation,
        seen.gradient_second_moment,
        seen.loss,
        seen.product_error,
    ];
    all.extend(seen.condition_numbers.iter().map(|c| c.unwrap()));
    all
}

/// Eleven seeds of each shape: those in lanes and the one by dense algebra see the same, to rounding, but for λ_max, which
/// each iterates in its own way.
#[test]
fn seeds_side_by_side_are_measured_as_one_alone() {
    for widths in [
        &[2, 2, 2][..],
        &[1, 1],
        &[3, 5, 4, 2],
        &[2, 6, 9],
        &[8, 8, 8, 8],
        &[17, 12],
    ] {
        let problem = super::tests::problem(widths, 3);
        let mut settings = SimulateSettings::new(1e-3, 4);
        settings.data.heteroscedasticity = 0.3;
        let seeds: Vec<u64> = (0..11).collect();
        let mut ensemble = Ensemble::start(&problem, &settings, &seeds).unwrap();
        ensemble.run_to(3);
        for (weights, seen) in ensemble.weights().iter().zip(ensemble.observe()) {
            let alone = Observation::new(&problem, &settings.data, weights.as_ref().unwrap());
            for (seen, alone) in numbers(&seen.unwrap()).iter().zip(numbers(&alone)) {
                assert!(
                    (seen - alone).abs() < 1e-10 * alone,
                    "{widths:?}: {seen} {alone}"
                );
            }
        }
    }
}

/// A seed's numbers are the same to the last bit in every instruction set, and whoever else is measured with it.
#[test]
fn measurements_depend_on_the_seed_alone() {
    let problem = super::tests::problem(&[5, 7, 3], 3);
    let settings = SimulateSettings::new(1e-3, 4);
    let seeds: Vec<u64> = (0..11).collect();
    let mut ensemble = Ensemble::start(&problem, &settings, &seeds).unwrap();
    ensemble.run_to(3);
    let all = ensemble.observe();
    let law = Law::new(&problem, &settings).unwrap();
    let meter = Meter::new(&problem, &settings.data);
    for (seed, together) in seeds.iter().zip(&all) {
        let mut alone = Ensemble::start(&problem, &settings, &[*seed]).unwrap();
        alone.run_to(3);
        assert_eq!(&alone.observe()[0], together);
        let weights = &alone.snapshot().runs[0].weights;
        let weights = weights.iter().map(|&w| f64::from_bits(w)).collect();
        let run = Run::new(
            &law,
            &settings,
            *seed,
            Outcome::Running,
            weights,
            Vec::new(),
            None,
        );
        for isa in Isa::available() {
            let (meter, runs) = (&meter, std::slice::from_ref(&run));
            let rooms = &Rooms::default();
            let seen = dispatch_on(isa, Together { meter, runs, rooms });
            assert_eq!(&seen[0], together, "{isa:?}");
        }
    }
}

/// Singular, strongly graded and vanishing layers, whose condition numbers are known.
#[test]
fn condition_numbers_of_known_layers() {
    let (cosine, sine) = (0.6, 0.8);
    let turned = |ratio: f64| vec![cosine, -ratio * sine, sine, ratio * cosine];
    let cases = [
        (turned(1.0), 2, 1.0),
        (turned(1e-9), 2, 1e9),
        (vec![3.0, 0.0, 0.0, 0.0], 2, f64::INFINITY),
        (vec![2.0, 0.0, 0.0, 0.0, 5.0, 0.0], 3, 2.5),
        (vec![2.0, 0.0, 0.0, 5.0, 0.0, 0.0], 2, 2.5),
        (vec![7.0], 1, 1.0),
    ];
    for (layer, rows, wanted) in cases {
        let found = condition::<f64>(&layer, rows);
        let close = found == wanted || (found - wanted).abs() < 1e-13 * wanted;
        assert!(close, "{layer:?}: {found} {wanted}");
    }
    assert!(condition::<f64>(&[0.0; 4], 2).is_nan());
}
