//! Gradient flow: it reaches a minimum, keeps what it must keep, and says when it cannot.

use faer::{Mat, mat};
use thalweg::flow::{FlowError, FlowSettings, Steps, descend, path};
use thalweg::problem::{Basis, Problem, ProblemShape, Weights, covariance, spectrum, teacher};

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
        let shape = ProblemShape {
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

/// The largest change of an imbalance on the way, relative to it.
fn drift(start: &Weights, end: &Weights) -> f64 {
    let each = imbalances(start).into_iter().zip(imbalances(end));
    each.map(|(before, after)| (&before - after).norm_l2() / before.norm_l2())
        .fold(0.0, f64::max)
}

/// Inputs whose covariance spans twelve decades, in a basis in which no two of them are independent, on the way to a teacher that
/// is largest where they vary least: what is steep has long come to rest, on sets that curve, while the rest still moves.
#[test]
fn nearly_dependent_inputs_cost_few_steps_and_no_accuracy() {
    let variances: Vec<f64> = (0..6)
        .map(|i| 10f64.powf(9.5 - 2.4 * f64::from(i)))
        .collect();
    let inputs = covariance::from_spectrum(&variances, Basis::Random { seed: 3 });
    let axes = Basis::Random { seed: 3 }.matrix(6);
    let teacher = Mat::from_fn(1, 6, |_, j| {
        (0..6)
            .map(|i| 0.3 * 10f64.powf(0.6 * i as f64) * axes[(j, i)])
            .sum()
    });
    for depth in [2, 3] {
        let problem =
            Problem::new(inputs.clone(), teacher.clone(), Mat::identity(1, 1), depth).unwrap();
        let start = random_weights(&problem, 1);
        let run = |tolerance: f64| {
            let settings = FlowSettings {
                tolerance,
                ..FlowSettings::default()
            };
            descend(&problem, &start, &settings).unwrap()
        };
        let (found, fine) = (run(1e-6), run(1e-8));
        assert!(found.statistics.accepted < 1000, "{:?}", found.statistics);
        assert!(
            drift(&start, &found.weights) < 1e-5,
            "{}",
            drift(&start, &found.weights)
        );
        let off = distance(&found.weights, &fine.weights);
        assert!(off < 2e-5, "{off}");
    }
}

/// A problem of the size of a table of data: thirty inputs, standardised and correlated.
#[test]
fn a_table_of_data_costs_few_steps() {
    let inputs =
        covariance::from_spectrum(&spectrum::power_law(30, 3.0), Basis::Random { seed: 1 });
    let values = spectrum::power_law(2, 0.3);
    let teacher = teacher::from_singular_values(
        2,
        30,
        &values,
        Basis::Random { seed: 2 },
        Basis::Random { seed: 3 },
    );
    let problem =
        Problem::with_hidden_widths(inputs, teacher, Mat::identity(2, 2), 3, &[30, 30]).unwrap();
    let start = random_weights(&problem, 1);
    let found = descend(&problem, &start, &FlowSettings::default()).unwrap();
    assert!(drift(&start, &found.weights) < 2e-6);
    assert!(found.statistics.accepted < 500, "{:?}", found.statistics);
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

/// Of two layers of width two to the teacher 1, heavy ball's weights after each of `steps`, column by column.
fn heavy_ball(
    mut layers: [[f64; 4]; 2],
    inputs: [f64; 2],
    (rate, momentum): (f64, f64),
    steps: &[u64],
) -> Vec<[[f64; 4]; 2]> {
    let product = |a: [f64; 4], b: [f64; 4]| {
        [
            a[0] * b[0] + a[2] * b[1],
            a[1] * b[0] + a[3] * b[1],
            a[0] * b[2] + a[2] * b[3],
            a[1] * b[2] + a[3] * b[3],
        ]
    };
    let transpose = |a: [f64; 4]| [a[0], a[2], a[1], a[3]];
    let mut moving = [[0.0; 4]; 2];
    let mut found = Vec::new();
    for step in 0..=*steps.last().unwrap() {
        if steps.contains(&step) {
            found.push(layers);
        }
        let [first, second] = layers;
        let mut off = product(second, first);
        off[0] -= 1.0;
        off[3] -= 1.0;
        for (i, entry) in off.iter_mut().enumerate() {
            *entry *= inputs[i / 2];
        }
        let pulls = [
            product(transpose(second), off),
            product(off, transpose(first)),
        ];
        for k in 0..2 {
            for i in 0..4 {
                moving[k][i] = momentum * moving[k][i] + pulls[k][i];
                layers[k][i] -= rate * moving[k][i];
            }
        }
    }
    found
}

/// Where momentum takes long to come to rest, and where the inputs are still learnt when the steps are no longer made one by one.
#[test]
fn the_way_down_is_that_of_heavy_ball_all_the_way() {
    let start = [[0.9, -0.3, 0.2, 0.7], [0.6, 0.2, -0.1, 0.8]];
    // T overshoots to 10.3 and comes to rest at 7.5 after 20 000 steps; then, after 100 000 exact ones, half of the way is still to go.
    for (inputs, rate, momentum, steps, near) in [
        ([1.0, 1.0], 1e-4, 0.999, [999, 1500, 4000, 30_000], 1e-6),
        (
            [1.0, 1e-4],
            1e-4,
            0.999,
            [4000, 99_000, 120_000, 200_000],
            2e-3,
        ),
        (
            [1.0, 1e-3],
            1e-3,
            0.99,
            [4000, 20_000, 120_000, 200_000],
            2e-4,
        ),
        ([1.0, 1e-3], 1e-3, 0.9, [4000, 9000, 20_000, 200_000], 2e-4),
    ] {
        let identity = Mat::<f64>::identity(2, 2);
        let problem =
            Problem::new(diagonal(&inputs), identity.clone(), identity.clone(), 2).unwrap();
        let layers = start.map(|w| Mat::from_fn(2, 2, |i, j| w[i + 2 * j]));
        let layers = Weights::new(&problem, layers.to_vec()).unwrap();
        let settings = FlowSettings {
            momentum,
            ..FlowSettings::default()
        };
        let asked = Steps {
            learning_rate: rate / (1.0 - momentum),
            batch: 1_000_000_000,
            steps: steps.to_vec(),
        };
        let found = path(&problem, &layers, &asked, &settings).unwrap();
        let own = heavy_ball(start, inputs, (rate, momentum), &steps);
        for (snapshot, own) in found.snapshots.iter().zip(own) {
            let pairs = snapshot.weights.layers().iter().zip(own);
            let off = pairs
                .flat_map(|(layer, own)| {
                    (0..4).map(move |i| (layer[(i % 2, i / 2)] - own[i]).abs())
                })
                .fold(0.0, f64::max);
            assert!(
                off < near,
                "β = {momentum}, {inputs:?}, {:?}: {off}",
                snapshot.step
            );
        }
    }
}

/// With momentum the steps down are heavy ball's own, at a learning rate whose η/(1 − β) diverges without.
#[test]
fn the_way_down_is_that_of_heavy_ball() {
    let problem = Problem::new(
        Mat::<f64>::identity(2, 2),
        Mat::<f64>::identity(2, 2),
        Mat::<f64>::identity(2, 2),
        2,
    )
    .unwrap();
    let start = [mat![[0.9, 0.2], [-0.3, 0.7]], mat![[0.6, -0.1], [0.2, 0.8]]];
    let (rate, momentum) = (0.2, 0.9);
    let at = |momentum: f64, steps: &[u64]| {
        let settings = FlowSettings {
            momentum,
            ..FlowSettings::default()
        };
        let steps = Steps {
            learning_rate: rate / (1.0 - 0.9),
            batch: 1_000_000_000,
            steps: steps.to_vec(),
        };
        let start = Weights::new(&problem, start.to_vec()).unwrap();
        path(&problem, &start, &steps, &settings)
    };
    let steps = [0, 1, 2, 7, 40];
    let found = at(momentum, &steps).unwrap();
    let [mut first, mut second] = start.clone();
    let (mut fast, mut slow) = (Mat::zeros(2, 2), Mat::zeros(2, 2));
    for step in 0..=40 {
        if let Some(i) = steps.iter().position(|asked| *asked == step) {
            let layers = found.snapshots[i].weights.layers();
            assert!((&layers[0] - &first).norm_max() < 1e-6, "{step}");
            assert!((&layers[1] - &second).norm_max() < 1e-6, "{step}");
        }
        let off = &second * &first - Mat::<f64>::identity(2, 2);
        fast = faer::Scale(momentum) * fast + second.transpose() * &off;
        slow = faer::Scale(momentum) * slow + &off * first.transpose();
        first -= faer::Scale(rate) * &fast;
        second -= faer::Scale(rate) * &slow;
    }
    let refused = at(0.0, &steps).unwrap_err();
    assert!(matches!(refused, FlowError::Diverges { .. }), "{refused}");
    // What is refused with momentum is named by its own learning rate.
    let Err(FlowError::Diverges {
        learning_rate,
        stable,
        ..
    }) = at(0.2, &steps)
    else {
        unreachable!("it diverges");
    };
    assert!((learning_rate - 1.6).abs() < 1e-12 && stable == Some(0.16));
}
