//! Weak forces along the minima: against a numerical minimiser, closed forms and differences.

use faer::{Mat, linalg::solvers::DenseSolveCore};
use serde_json::Value;
use thalweg::flow::{
    Drift, FlowError, FlowSettings, Steps, Times, path, relaxation_by, rest, slow_flow,
};
use thalweg::problem::{Problem, Weights, covariance};
use thalweg::recipe::{Forces, Recipe, Sam};
use thalweg::simulate::{Ensemble, InitialWeights, SimulateSettings};
use thalweg::theory::{functionals, predict};

use crate::{e_folds, random_minimum as minimum, relative};

fn matrix(value: &Value) -> Mat<f64> {
    let rows: Vec<Vec<f64>> = serde_json::from_value(value.clone()).unwrap();
    Mat::from_fn(rows.len(), rows[0].len(), |i, j| rows[i][j])
}

fn under(recipe: &Recipe, learning_rate: f64, batch: usize, drift: Drift) -> FlowSettings {
    FlowSettings {
        forces: recipe.forces(learning_rate, batch),
        drift,
        ..FlowSettings::default()
    }
}

/// Two inputs and outputs, V = Σx = I, √Σε = (1, .2).
fn small(depth: usize) -> Problem {
    let noise = covariance::from_deviations(&[1.0, 0.2]);
    Problem::new(Mat::identity(2, 2), Mat::identity(2, 2), noise, depth).unwrap()
}

/// An independent minimiser of F/4 + (λB/η) Σ‖W_k‖²/2 over the minima.
#[test]
fn ends_under_weight_decay_are_those_of_a_minimiser() {
    let file: Value = serde_json::from_str(include_str!("../oracle/weight_decay.json")).unwrap();
    let mut seen = 0;
    for case in file["cases"].as_array().unwrap() {
        let depth = case["depth"].as_u64().unwrap() as usize;
        let problem = Problem::new(
            matrix(&case["input_covariance"]),
            matrix(&case["teacher"]),
            matrix(&case["noise_covariance"]),
            depth,
        )
        .unwrap();
        let strength = case["weight_decay_times_batch_over_learning_rate"]
            .as_f64()
            .unwrap();
        let (learning_rate, batch) = (0.02, 8);
        let recipe = Recipe {
            weight_decay: strength * learning_rate / batch as f64,
            ..Recipe::default()
        };
        for drift in [Drift::Symmetric, Drift::Exact] {
            if drift == Drift::Exact && problem.parameters() > 32 {
                continue;
            }
            let end = rest(&problem, &under(&recipe, learning_rate, batch, drift)).unwrap();
            for (name, found) in [
                ("sharpness", end.sharpness),
                ("fluctuation", end.fluctuation),
                ("lambda_max", end.lambda_max),
            ] {
                let expected = case[name].as_f64().unwrap();
                let off = relative(found, expected);
                assert!(off < 2e-6, "{name} {drift:?}: {found} and not {expected}");
                seen += 1;
            }
        }
    }
    assert!(seen >= 12, "{seen}");
}

/// W_2 W_1 = 1 with q = w_1² − w_2²: noise alone has dq/du = −q, decay adds −2cq.
#[test]
fn decay_moves_imbalance_at_its_own_rate() {
    let one = || Mat::from_fn(1, 1, |_, _| 1.0);
    let problem = Problem::new(one(), one(), one(), 2).unwrap();
    let start = [2.0, 0.5].map(|w| Mat::from_fn(1, 1, |_, _| w)).to_vec();
    let start = Weights::new(&problem, start).unwrap();
    let forces = Forces {
        noise: 1.7,
        decay: 0.3,
        ..Forces::default()
    };
    for drift in [Drift::Symmetric, Drift::Exact] {
        let settings = FlowSettings {
            forces,
            drift,
            ..FlowSettings::default()
        };
        let path = slow_flow(&problem, &start, &Times::Slow(vec![0.8]), &settings).unwrap();
        let q = (4.0 - 0.25) * (-(1.7 + 2.0 * 0.3) * 0.8_f64).exp();
        let expected = q.hypot(2.0);
        assert!(
            relative(path.snapshots[0].sharpness, expected) < 1e-6,
            "{drift:?}"
        );
    }
}

/// SAM on the step's own minibatch, g(W + ρg), walks plain SGD's path, 1 + 2ρ/η times as fast.
#[test]
fn sam_is_a_faster_clock() {
    let problem = small(3);
    let start = minimum(&problem, 4);
    let sam = Sam {
        radius: 0.004,
        normalised: false,
        independent: false,
    };
    let recipe = Recipe {
        sam: Some(sam),
        ..Recipe::default()
    };
    let settings = under(&recipe, 0.002, 10, Drift::Symmetric);
    let at = |times: Vec<f64>, settings: &FlowSettings| {
        slow_flow(&problem, &start, &Times::Slow(times), settings)
            .unwrap()
            .snapshots
    };
    let fast = at(vec![0.1, 1.0], &settings);
    let plain = at(vec![0.5, 5.0], &FlowSettings::default());
    for (fast, plain) in fast.iter().zip(&plain) {
        assert!(relative(fast.sharpness, plain.sharpness) < 1e-5);
    }
    let end = rest(&problem, &settings).unwrap();
    assert!(relative(end.sharpness, predict(&problem).unwrap().sharpness) < 1e-8);
    let other = Sam {
        independent: true,
        ..sam
    };
    let recipe = Recipe {
        sam: Some(other),
        ..Recipe::default()
    };
    assert_eq!(recipe.forces(0.002, 10), Forces::default());
}

/// 11.36 by an independent minimiser of F/4 + (ρB/η) E‖g‖ over diagonal minima, with E‖g‖ over 4·10⁵ minibatches. (An independent
/// simulation had 11.26 after 2·10⁷ steps, and rising by .04 in the last fifth of them.)
#[test]
fn normalised_sam_has_an_end_of_its_own() {
    let sam = Sam {
        radius: 0.002,
        normalised: true,
        independent: false,
    };
    let recipe = Recipe {
        sam: Some(sam),
        ..Recipe::default()
    };
    let end = rest(&small(2), &under(&recipe, 0.002, 10, Drift::Exact)).unwrap();
    assert!((end.sharpness - 11.36).abs() < 0.06, "{}", end.sharpness);
    let refused = rest(&small(2), &under(&recipe, 0.002, 10, Drift::Symmetric));
    assert!(refused.unwrap_err().to_string().contains("--drift exact"));
}

/// E ½‖f‖² over masks of the hidden units, less its mean without them, over p/(1 − p) and to first order in p, for Σx = I: the sum over single
/// units left out of ½ E‖their part of the output‖².
fn dropped(weights: &Weights) -> f64 {
    let layers = weights.layers();
    let mut sum = 0.0;
    for k in 1..layers.len() {
        for unit in 0..layers[k].ncols() {
            let mut part = Mat::<f64>::identity(layers[0].ncols(), layers[0].ncols());
            for (m, layer) in layers.iter().enumerate() {
                if m == k {
                    let alone = |i, j| f64::from(u8::from(i == j && i == unit));
                    part = Mat::from_fn(part.nrows(), part.nrows(), alone) * part;
                }
                part = layer * part;
            }
            sum += 0.5 * part.squared_norm_l2();
        }
    }
    sum
}

/// Of deviations (1, 0.2), on axes turned by `angle`.
fn turned_noise(angle: f64) -> Mat<f64> {
    let turn = faer::mat![[angle.cos(), -angle.sin()], [angle.sin(), angle.cos()]];
    &turn * covariance::from_deviations(&[1.0, 0.2]) * turn.transpose()
}

/// F/4 falls as fast as SAM alone makes it, by the square of its gradient along the minima; the noise's own drift, where it is turned, is no gradient of F.
#[test]
fn sam_lowers_fluctuation_by_its_gradient() {
    let noise = turned_noise(0.6);
    let teacher = Mat::from_fn(2, 2, |i, j| [[1.5, 0.2], [-0.3, 0.5]][i][j]);
    let problem = Problem::new(Mat::identity(2, 2), teacher, noise, 2).unwrap();
    let start = minimum(&problem, 6);
    let [first, second] = start.layers() else {
        panic!("two layers");
    };
    let unit = |at: usize| Mat::from_fn(2, 2, |i, j| f64::from(u8::from(2 * i + j == at)));
    let tangents: Vec<[Mat<f64>; 2]> = (0..4)
        .map(|at| [unit(at) * first, second * unit(at) * faer::Scale(-1.0)])
        .collect();
    let dot = |a: &Mat<f64>, b: &Mat<f64>| -> f64 {
        (0..2).map(|j| a.col(j).transpose() * b.col(j)).sum()
    };
    let quarter = |step: f64, along: &[Mat<f64>; 2]| {
        let moved = [
            first + along[0].clone() * faer::Scale(step),
            second + along[1].clone() * faer::Scale(step),
        ];
        let moved = Weights::new(&problem, moved.to_vec()).unwrap();
        0.25 * functionals(&problem, &moved).unwrap().fluctuation
    };
    let slope = |along| (quarter(1e-5, along) - quarter(-1e-5, along)) / 2e-5;
    let slopes = Mat::from_fn(4, 1, |i, _| slope(&tangents[i]));
    let gram = Mat::from_fn(4, 4, |i, j| {
        let (a, b) = (&tangents[i], &tangents[j]);
        dot(&a[0], &b[0]) + dot(&a[1], &b[1])
    });
    let square = (slopes.transpose() * gram.partial_piv_lu().inverse() * &slopes)[(0, 0)];
    let off = |gradient: f64| {
        let forces = Forces {
            gradient,
            ..Forces::default()
        };
        let settings = FlowSettings {
            forces,
            drift: Drift::Exact,
            tolerance: 1e-12,
            ..FlowSettings::default()
        };
        let step = 1e-5;
        let path = slow_flow(&problem, &start, &Times::Slow(vec![0.0, step]), &settings).unwrap();
        let fall = path.snapshots[0].fluctuation - path.snapshots[1].fluctuation;
        relative(0.25 * fall / step, square)
    };
    assert!(off(1.0) < 1e-3, "{}", off(1.0));
    assert!(off(0.0) > 1e-2, "{}", off(0.0));
}

/// Where noise is turned the exact drift settles by rates of its own.
#[test]
fn turned_noise_settles_as_its_own_rates_say() {
    for (angle, depth) in [(0.3, 2), (0.9, 2), (0.6, 3)] {
        let teacher = faer::mat![[1.5, 0.0], [0.0, 0.5]];
        let problem =
            Problem::new(Mat::identity(2, 2), teacher, turned_noise(angle), depth).unwrap();
        let slowest = |drift| {
            relaxation_by(drift, &problem, Forces::default())
                .unwrap()
                .rates[0]
        };
        let (own, symmetric) = (slowest(Drift::Exact), slowest(Drift::Symmetric));
        let found = e_folds(&problem, own);
        assert!(
            (found - 1.0).abs() < 0.03,
            "{angle} {depth}: {found} for {own} ({symmetric})"
        );
    }
}

/// Where noise is turned SGD with SAM ends where SAM's gradient of F and the noise's own drift balance. Both multiplied alike would end where plain SGD does.
#[test]
fn sam_takes_turned_noise_towards_theorem_1() {
    let noise = turned_noise(0.5);
    let teacher = faer::mat![[1.5, 0.0], [0.0, 0.5]];
    let problem = Problem::new(Mat::identity(2, 2), teacher, noise, 2).unwrap();
    let (rate, batch) = (0.002, 10);
    let recipe = Recipe {
        sam: Some(Sam {
            radius: 0.01,
            normalised: false,
            independent: false,
        }),
        ..Recipe::default()
    };
    let end = |recipe: &Recipe| rest(&problem, &under(recipe, rate, batch, Drift::Exact)).unwrap();
    let (with, plain) = (end(&recipe), end(&Recipe::default()).sharpness);
    let theorem_1 = predict(&problem).unwrap().sharpness;
    let between = (with.sharpness - plain) / (theorem_1 - plain);
    assert!(
        (0.7..1.0).contains(&between),
        "{} {plain} {theorem_1}",
        with.sharpness
    );
    let settings = SimulateSettings {
        recipe,
        init: InitialWeights::Given(with.weights.clone()),
        ..SimulateSettings::new(rate, batch)
    };
    let seeds: Vec<u64> = (1..=16).collect();
    let mut ensemble = Ensemble::start(&problem, &settings, &seeds).unwrap();
    let (mut sum, mut count) = (0.0, 0.0);
    for look in 1..=40 {
        ensemble.run_to(look * 20_000);
        if look > 20 {
            for seen in ensemble.observe() {
                sum += seen.unwrap().sharpness;
                count += 1.0;
            }
        }
    }
    let sgd = sum / count;
    // At this step the next order takes it lower by about a percent.
    let off = sgd / with.sharpness - 1.0;
    assert!(
        (-0.015..0.005).contains(&off),
        "{sgd} {with:?} {plain} {theorem_1}"
    );
}

/// The potential falls as fast as dropout itself makes it.
#[test]
fn hidden_dropout_lowers_its_own_potential() {
    let noise = covariance::from_spectrum(&[1.0, 0.3], thalweg::problem::Basis::Random { seed: 3 });
    let teacher = Mat::from_fn(2, 2, |i, j| [[1.5, 0.2], [-0.3, 0.5]][i][j]);
    let problem = Problem::new(Mat::identity(2, 2), teacher, noise, 3).unwrap();
    let start = minimum(&problem, 6);
    let forces = Forces {
        noise: 0.0,
        dropout: 1.0,
        ..Forces::default()
    };
    let settings = FlowSettings {
        forces,
        drift: Drift::Exact,
        ..FlowSettings::default()
    };
    let step = 1e-4;
    let path = slow_flow(&problem, &start, &Times::Slow(vec![0.0, step]), &settings).unwrap();
    let (from, to) = (&path.snapshots[0].weights, &path.snapshots[1].weights);
    let speed: f64 = from
        .layers()
        .iter()
        .zip(to.layers())
        .map(|(from, to)| (to - from).squared_norm_l2() / (step * step))
        .sum();
    let fall = (dropped(from) - dropped(to)) / step;
    // A gradient flow loses |speed|² of its potential per unit of time.
    assert!(
        speed > 0.1 && relative(fall, speed) < 1e-3,
        "{fall} {speed}"
    );
}

/// Where dropout hardly holds the hidden bases they go on to turn, as they do without it, and T knows nothing of that.
#[test]
fn hidden_units_that_turn_for_ever_have_an_end_of_t() {
    let noise = covariance::from_deviations(&[1.0, 0.2]);
    let teacher = Mat::from_fn(2, 2, |i, j| [[1.0, 0.3], [0.0, 0.8]][i][j]);
    let problem = Problem::new(Mat::identity(2, 2), teacher, noise, 2).unwrap();
    let end = |hidden_dropout| {
        let recipe = Recipe {
            hidden_dropout,
            ..Recipe::default()
        };
        rest(&problem, &under(&recipe, 0.01, 10, Drift::Exact))
    };
    let alone = end(0.0).unwrap().sharpness;
    let held = end(1e-10).unwrap().sharpness;
    assert!(relative(held, alone) < 1e-4, "{held} {alone}");
    // With more of it T goes up and down.
    let error = end(1e-5).unwrap_err();
    assert!(
        matches!(error, FlowError::Restless { turns: true, .. }),
        "{error}"
    );
}

/// Under hidden dropout p the flow ends where F/4 + (B/η) p/(1 − p) times what dropout adds to the loss is least: no neighbour on the minima lies
/// lower, a flow from any start ends there, and so does SGD (16.18 at these numbers, the limit's error being of order p and η).
#[test]
fn hidden_dropout_ends_at_a_minimum_of_its_potential() {
    let noise = covariance::from_deviations(&[1.0, 0.3]);
    let teacher = Mat::from_fn(2, 2, |i, j| [[3.0, 0.0], [0.0, 1.0]][i][j]);
    let problem = Problem::new(Mat::identity(2, 2), teacher, noise, 2).unwrap();
    let (learning_rate, batch, p) = (0.004, 10, 0.003);
    let recipe = Recipe {
        hidden_dropout: p,
        ..Recipe::default()
    };
    let settings = under(&recipe, learning_rate, batch, Drift::Exact);
    let strength = batch as f64 / learning_rate * p / (1.0 - p);
    let potential = |weights: &Weights| {
        let fluctuation = functionals(&problem, weights).unwrap().fluctuation;
        0.25 * fluctuation + strength * dropped(weights)
    };
    let end = rest(&problem, &settings).unwrap();
    let least = potential(&end.weights);
    let [first, second] = end.weights.layers() else {
        panic!("two layers");
    };
    for direction in 0..4 {
        for step in [-1e-2, 1e-2] {
            let mut change = Mat::<f64>::identity(2, 2);
            change[(direction % 2, direction / 2)] += step;
            let back = change.partial_piv_lu().inverse();
            let near = Weights::new(&problem, vec![&change * first, second * back]).unwrap();
            let rise = potential(&near) - least;
            // Of second order in the step, less what the end is off by.
            assert!(rise > 1e-5, "{direction} {step}: {rise}");
        }
    }
    for seed in [1, 2] {
        let start = minimum(&problem, seed);
        let path = slow_flow(&problem, &start, &Times::Slow(vec![300.0]), &settings).unwrap();
        let off = relative(path.snapshots[0].sharpness, end.sharpness);
        assert!(off < 1e-4, "{seed}: {off}");
    }
    assert!(relative(end.sharpness, 16.176) < 5e-3, "{}", end.sharpness);
}

/// Forces change where the flow ends, and never what F and T are at given weights.
#[test]
fn numbers_at_the_end_are_those_of_its_weights() {
    let problem = small(3);
    let recipe = Recipe {
        weight_decay: 1e-3,
        momentum: 0.5,
        ..Recipe::default()
    };
    let end = rest(&problem, &under(&recipe, 0.005, 10, Drift::Symmetric)).unwrap();
    let there = functionals(&problem, &end.weights).unwrap();
    assert!(relative(end.sharpness, there.sharpness) < 1e-12);
    assert!(relative(end.fluctuation, there.fluctuation) < 1e-12);
    // Momentum halves the decay's weight beside the noise.
    let half = Recipe {
        weight_decay: 5e-4,
        ..Recipe::default()
    };
    let same = rest(&problem, &under(&half, 0.005, 10, Drift::Symmetric)).unwrap();
    assert!(relative(end.sharpness, same.sharpness) < 1e-8);
}

/// Where there is nothing to learn the normalised ascent takes the network to 0 within a finite time: that end is known, the way there is not.
#[test]
fn a_normalised_ascent_without_signal_has_an_end_and_no_path() {
    let silent = Problem::new(
        Mat::identity(2, 2),
        Mat::zeros(2, 2),
        covariance::from_deviations(&[1.0, 0.3]),
        2,
    )
    .unwrap();
    let recipe = |normalised| Recipe {
        sam: Some(Sam {
            radius: 0.01,
            normalised,
            independent: false,
        }),
        ..Recipe::default()
    };
    let settings = under(&recipe(true), 0.01, 10, Drift::Exact);
    let first = faer::mat![[1.0, 0.2], [0.1, 0.8]];
    let start = Weights::new(&silent, vec![first, Mat::zeros(2, 2)]).unwrap();
    let times = Times::Slow(vec![1.0]);
    let refused = slow_flow(&silent, &start, &times, &settings).unwrap_err();
    assert_eq!(refused, FlowError::AscentWithoutSignal);
    let steps = Steps {
        learning_rate: 0.01,
        batch: 10,
        steps: vec![100],
    };
    let refused = path(&silent, &start, &steps, &settings).unwrap_err();
    assert_eq!(refused, FlowError::AscentWithoutSignal);
    assert_eq!(rest(&silent, &settings).unwrap().sharpness, 0.0);
    // Along the gradient itself it has both.
    let plain = under(&recipe(false), 0.01, 10, Drift::Exact);
    assert!(slow_flow(&silent, &start, &times, &plain).is_ok());
}
