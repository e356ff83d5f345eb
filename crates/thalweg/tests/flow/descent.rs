//! Gradient flow: it reaches a minimum, keeps what it must keep, and says when it cannot.

use faer::Mat;
use thalweg::flow::{FlowError, FlowSettings, descend};
use thalweg::problem::{Problem, Shape, Weights};

use crate::{diagonal, random_weights};

/// Q_k = W_kW_kᵀ − W_{k+1}ᵀW_{k+1}, k = 1 … D − 1.
fn imbalances(weights: &Weights) -> Vec<Mat<f64>> {
    weights
        .layers()
        .windows(2)
        .map(|pair| &pair[0] * pair[0].transpose() - pair[1].transpose() * &pair[1])
        .collect()
}

#[test]
fn reaches_a_minimum_and_keeps_the_imbalances() {
    for (seed, (input_dim, output_dim, rank, depth)) in
        [(2, 2, 2, 2), (3, 2, 2, 4), (2, 4, 1, 3), (5, 5, 3, 3)]
            .into_iter()
            .enumerate()
    {
        let shape = Shape {
            input_dim,
            output_dim,
            rank,
            depth,
        };
        let problem = Problem::random(shape, seed as u64).unwrap();
        let start = random_weights(&problem, seed as u64);
        let found = descend(&problem, &start, &FlowSettings::default()).unwrap();
        let root = problem.input_factor().matrix();
        let missing = (found.weights.product() - problem.teacher()) * root;
        assert!(missing.norm_l2() < 1e-13 * (problem.teacher() * root).norm_l2());
        for (before, after) in imbalances(&start).iter().zip(imbalances(&found.weights)) {
            assert!((before - &after).norm_l2() < 1e-6 * before.norm_l2());
        }
    }
}

/// The largest relative difference of a layer.
fn distance(a: &Weights, b: &Weights) -> f64 {
    let layers = a.layers().iter().zip(b.layers());
    layers
        .map(|(a, b)| (a - b).norm_l2() / b.norm_l2())
        .fold(0.0, f64::max)
}

/// Eight layers of width eight pass by seven saddles, the last at t = 4000 and later, on the way to the minima.
#[test]
fn depth_and_width_cost_few_steps_and_no_accuracy() {
    let identity = Mat::<f64>::identity(8, 8);
    let problem = Problem::new(identity.clone(), identity.clone(), identity, 8).unwrap();
    let start = random_weights(&problem, 0);
    let run = |tolerance: f64| {
        let settings = FlowSettings {
            tolerance,
            ..FlowSettings::default()
        };
        descend(&problem, &start, &settings).unwrap()
    };
    let (found, fine) = (run(1e-6), run(1e-8));
    assert!(distance(&found.weights, &fine.weights) < 2e-5);
    assert!(
        found.statistics.factorisations < 400,
        "{:?}",
        found.statistics
    );
    assert!(5 * found.statistics.rejected < found.statistics.accepted);
}

#[test]
fn a_saddle_is_an_error() {
    let problem = Problem::new(
        diagonal(&[1.0; 2]),
        diagonal(&[1.0; 2]),
        diagonal(&[1.0; 2]),
        3,
    )
    .unwrap();
    let zero = Weights::new(&problem, vec![Mat::zeros(2, 2); 3]).unwrap();
    let found = descend(&problem, &zero, &FlowSettings::default());
    assert!(matches!(found, Err(FlowError::Saddle { .. })));
    // Rank 1 stays rank 1 and cannot reach a teacher of rank 2.
    let thin = Weights::new(&problem, vec![diagonal(&[0.5, 0.0]); 3]).unwrap();
    let found = descend(&problem, &thin, &FlowSettings::default());
    assert!(matches!(found, Err(FlowError::Saddle { .. })), "{found:?}");
}
