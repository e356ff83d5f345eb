//! The finite-step theory against its reference, against SGD, against the limit η → 0, and where it must refuse.

use faer::{Mat, mat};
use serde_json::Value;
use thalweg::flow::{
    Drift, FiniteTrajectory, FiniteValidity, FlowError, FlowSettings, Steps, Times, finite_path,
    finite_step, path, slow_flow,
};
use thalweg::problem::{Problem, Weights};
use thalweg::simulate::{Ensemble, InitialWeights, SimulateSettings};

use crate::{diagonal, random_minimum, random_weights, relative};

fn matrix(value: &Value) -> Mat<f64> {
    let rows: Vec<Vec<f64>> = serde_json::from_value(value.clone()).unwrap();
    Mat::from_fn(rows.len(), rows[0].len(), |i, j| rows[i][j])
}

/// The means of T, F and λ_max over the windows from 0.9 t to 1.1 t, and the path.
fn windows(case: &Value) -> ([Vec<f64>; 3], FiniteTrajectory) {
    let depth = case["depth"].as_u64().unwrap() as usize;
    let problem = Problem::new(
        matrix(&case["input_covariance"]),
        matrix(&case["teacher"]),
        matrix(&case["noise_covariance"]),
        depth,
    )
    .unwrap();
    let start = &case["start_weights_flat_layer_1_first_row_major"];
    let layers: Vec<Mat<f64>> = if start[0].is_array() {
        start.as_array().unwrap().iter().map(matrix).collect()
    } else {
        let flat: Vec<f64> = serde_json::from_value(start.clone()).unwrap();
        let d = problem.output_dim();
        let entry = |k: usize| move |i: usize, j: usize| k * d * d + i * d + j;
        (0..depth)
            .map(|k| Mat::from_fn(d, d, |i, j| flat[entry(k)(i, j)]))
            .collect()
    };
    let start = Weights::new(&problem, layers).unwrap();
    let start = thalweg::flow::descend(&problem, &start, &FlowSettings::default()).unwrap();
    let rate = case["learning_rate"].as_f64().unwrap();
    let batch = case["batch"].as_u64().unwrap() as usize;
    let steps: Vec<f64> = serde_json::from_value(case["windows_around_steps"].clone()).unwrap();
    const PARTS: [(f64, f64); 5] = [(0.9, 0.5), (0.95, 1.0), (1.0, 1.0), (1.05, 1.0), (1.1, 0.5)];
    let unit = rate * rate / batch as f64;
    let times: Vec<f64> = steps
        .iter()
        .flat_map(|t| PARTS.map(|(part, _)| part * t * unit))
        .collect();
    let path = finite_step(&problem, &start.weights, rate, batch, &times).unwrap();
    let means = |of: &dyn Fn(usize) -> f64| -> Vec<f64> {
        let window = |w: usize| {
            let parts = PARTS.iter().enumerate();
            parts
                .map(|(i, (_, share))| share * of(w * PARTS.len() + i))
                .sum::<f64>()
                / 4.0
        };
        (0..steps.len()).map(window).collect()
    };
    let values = [
        means(&|i| path.snapshots[i].sharpness),
        means(&|i| path.snapshots[i].fluctuation),
        means(&|i| path.snapshots[i].lambda_max),
    ];
    (values, path)
}

const KEYS: [&str; 3] = ["sharpness", "fluctuation", "lambda_max"];

/// The reference follows nearly the same equations, and is interpolated between its own steps, to 0.8 % where λ_max turns. It takes
/// the fluctuation's bend by differences and leaves out how steps' straight lines scatter, which is the 1.3 % by which T ends
/// closer to SGD here where the theory is out of its range. Its λ_max is by quadrature, 3 % below SGD's where the noise is isotropic (i2): there
/// only SGD is asked. In its range 1 % is three to five standard errors of the reference's
/// runs of SGD; beyond there is no claim about them.
#[test]
fn reference_trajectories_and_sgd() {
    let file: Value = serde_json::from_str(include_str!("../oracle/finite_step.json")).unwrap();
    for case in file["cases"].as_array().unwrap() {
        let name = case["name"].as_str().unwrap();
        let (values, path) = windows(case);
        assert_eq!(
            path.validity.in_range(),
            !["a", "e2b"].contains(&name),
            "{name}"
        );
        for (key, values) in KEYS.iter().zip(values) {
            for (i, value) in values.iter().enumerate() {
                let off =
                    |column: &str| case[column][*key][i].as_f64().map(|r| relative(*value, r));
                let theory = off("finite_step_theory").unwrap_or(0.0);
                let most = if path.validity.in_range() {
                    0.01
                } else {
                    0.015
                };
                let meets = name == "i2" && *key == "lambda_max";
                assert!(meets || theory < most, "{name} {key} {i}: {theory}");
                let sgd = off("sgd").unwrap_or(0.0);
                assert!(!meets || sgd < 0.02, "{name} {key} {i}: {sgd}");
                let limit = if *key == "lambda_max" { 0.015 } else { 0.01 };
                let claimed = path.validity.relative_weighted_fluctuation < 0.035;
                assert!(
                    !claimed || sgd < limit,
                    "{name} {key} {i} against SGD: {sgd}"
                );
            }
        }
    }
}

/// One layer is the least mean squares filter, whose stationary covariance is known exactly: with Σx = I the rows of
/// W − V have the covariance (η/B) Σε / (2 − η − η(d_x + 1)/B) each way.
#[test]
fn one_layer_fluctuates_as_least_mean_squares_does() {
    let noise = diagonal(&[1.0, 0.09]);
    let problem = Problem::new(Mat::identity(2, 2), Mat::identity(2, 2), noise, 1).unwrap();
    let start = Weights::new(&problem, vec![Mat::identity(2, 2)]).unwrap();
    let (rate, batch) = (0.2, 3);
    let path = finite_step(&problem, &start, rate, batch, &[1.0]).unwrap();
    let per_batch = rate / batch as f64;
    let row = per_batch / (2.0 - rate - 3.0 * per_batch);
    let exact = 2.0 * 1.09 * row / 2.0;
    let found = &path.snapshots[0];
    assert!(relative(found.relative_weighted_fluctuation.unwrap(), exact) < 1e-3);
    assert!(relative(found.sharpness, 4.0) < 1e-12);
    assert!(relative(found.lambda_max, 1.0) < 1e-12);
    // K is the identity.
    assert!(relative(path.validity.settling, 2.0 / rate) < 1e-12);
    // E x_i² ‖x‖² = d_x + 2.
    let mean_square = rate / 2.0 * (1.0 + 3.0 / batch as f64);
    assert!(relative(path.validity.mean_square_stability, mean_square) < 1e-12);
}

/// Means may be right where some of the runs diverge: the same network, where none does and where some do.
#[test]
fn it_is_said_where_single_runs_diverge() {
    let eye = || Mat::<f64>::identity(2, 2);
    let problem = Problem::new(eye(), eye(), diagonal(&[0.09, 0.09]), 2).unwrap();
    let start = Weights::new(&problem, vec![eye(); 2]).unwrap();
    let (batch, steps) = (10, 50_000);
    for (rate, diverges) in [(0.3, false), (0.6, true)] {
        let times = [rate * rate * steps as f64 / batch as f64];
        let validity = finite_step(&problem, &start, rate, batch, &times)
            .unwrap()
            .validity;
        assert!(validity.in_range());
        assert_eq!(validity.may_diverge(), diverges, "{validity:?}");
        assert_eq!(validity.sentence().contains("diverge"), diverges);
        let settings = SimulateSettings {
            init: InitialWeights::Given(start.clone()),
            ..SimulateSettings::new(rate, batch)
        };
        let seeds: Vec<u64> = (0..32).collect();
        let mut runs = Ensemble::start(&problem, &settings, &seeds).unwrap();
        runs.run_to(steps);
        let alive = runs.weights().iter().flatten().count();
        assert_eq!(alive < seeds.len(), diverges, "{rate}: {alive}");
        assert!(alive > 0);
    }
}

/// The excess over the leading order is of first order in η.
#[test]
fn small_steps_follow_the_exact_drift() {
    let problem = Problem::new(
        mat![[1.5, 0.2], [0.2, 0.7]],
        mat![[1.0, 0.3], [-0.2, 0.6]],
        diagonal(&[1.0, 0.1]),
        3,
    )
    .unwrap();
    let start = random_minimum(&problem, 4);
    let times = vec![0.5, 2.0];
    let exact = FlowSettings {
        drift: Drift::Exact,
        ..FlowSettings::default()
    };
    let leading = slow_flow(&problem, &start, &Times::Slow(times.clone()), &exact).unwrap();
    let excess = |rate: f64| -> Vec<f64> {
        let path = finite_step(&problem, &start, rate, 10, &times).unwrap();
        let pairs = path.snapshots.iter().zip(&leading.snapshots);
        pairs
            .map(|(a, b)| a.sharpness / b.sharpness - 1.0)
            .collect()
    };
    let (coarse, fine) = (excess(0.03), excess(0.015));
    for (coarse, fine) in coarse.iter().zip(&fine) {
        assert!(coarse.abs() < 0.05, "{coarse}");
        assert!((coarse / fine - 2.0).abs() < 0.3, "{coarse} {fine}");
    }
}

/// T at one time is the same to 3·10⁻⁴, however many times before it are asked for: with a small step, where it is the exact drift's, and with a
/// large one, where the scatter changes the drift on the way.
#[test]
fn other_times_do_not_change_a_time() {
    let problem = Problem::new(
        Mat::identity(2, 2),
        mat![[1.0, 0.3], [-0.2, 0.6]],
        diagonal(&[1.0, 0.01]),
        3,
    )
    .unwrap();
    let start = random_minimum(&problem, 4);
    let exact = FlowSettings {
        drift: Drift::Exact,
        ..FlowSettings::default()
    };
    let end = Times::Slow(vec![8.0]);
    let leading = slow_flow(&problem, &start, &end, &exact).unwrap();
    let sharpness = |rate: f64, count: u32| {
        let times: Vec<f64> = (1..=count)
            .map(|i| 8.0 * f64::from(i) / f64::from(count))
            .collect();
        let path = finite_step(&problem, &start, rate, 10, &times).unwrap();
        path.snapshots.last().unwrap().sharpness
    };
    assert!(relative(sharpness(3e-5, 1), leading.snapshots[0].sharpness) < 3e-4);
    for rate in [3e-5, 0.05] {
        let often = sharpness(rate, 100);
        for count in [1, 4] {
            let once = sharpness(rate, count);
            assert!(relative(once, often) < 3e-4, "{rate}: {once} {often}");
        }
    }
}

/// Means of κ(W_k) over the second half of 64 runs of SGD from one minimum, B = 10 (computed once by the simulator; their standard errors
/// are at most 0.07 %, and 0.2 % of the first). At the minima themselves they are others: 1 and 1 of the first, √10 and 1 of the second.
#[test]
fn layers_are_on_average_as_ill_conditioned_as_those_of_sgd() {
    struct Case {
        problem: Problem,
        start: Vec<Mat<f64>>,
        rate: f64,
        step: f64,
        conditions: &'static [f64],
        within: f64,
    }
    let one = || Mat::<f64>::identity(2, 2);
    let (high, low) = (3f64.sqrt(), 3f64.sqrt().recip());
    let cases = [
        // ε = 25 %.
        Case {
            problem: Problem::new(one(), one(), diagonal(&[100.0, 100.0]), 3).unwrap(),
            start: vec![one(), one(), one()],
            rate: 0.01,
            step: 7.5e4,
            conditions: &[1.2969, 1.2968, 1.2975],
            within: 0.015,
        },
        // ε = 1 % and below.
        Case {
            problem: Problem::new(one(), one(), diagonal(&[9.0, 0.09]), 3).unwrap(),
            start: vec![diagonal(&[high, low]), one(), diagonal(&[low, high])],
            rate: 0.01,
            step: 2.25e6,
            conditions: &[3.0491, 1.0493, 3.0911],
            within: 0.004,
        },
        Case {
            problem: Problem::new(one(), diagonal(&[1.5, 0.5]), diagonal(&[4.0, 1.0]), 2).unwrap(),
            start: vec![diagonal(&[1.2, 0.7]), diagonal(&[1.25, 5.0 / 7.0])],
            rate: 0.02,
            step: 3e5,
            conditions: &[2.4557, 1.2364],
            within: 0.004,
        },
        // Three hidden units.
        Case {
            problem: Problem::with_hidden_widths(
                one(),
                diagonal(&[1.0, 0.6]),
                diagonal(&[1.0, 0.25]),
                2,
                &[3],
            )
            .unwrap(),
            start: vec![
                mat![[1.0, 0.0], [0.0, 0.8], [0.1, 0.0]],
                mat![[1.0, 0.0, 0.0], [0.0, 0.75, 0.0]],
            ],
            rate: 0.05,
            step: 1.5e5,
            conditions: &[1.8170, 1.1012],
            within: 0.004,
        },
    ];
    for (i, case) in cases.into_iter().enumerate() {
        let Case { problem, rate, .. } = case;
        let start = Weights::new(&problem, case.start).unwrap();
        let time = rate * rate / 10.0 * case.step;
        let path = finite_step(&problem, &start, rate, 10, &[time]).unwrap();
        let found = &path.snapshots[0].layer_conditions;
        assert_eq!(found.len(), case.conditions.len());
        for (found, sgd) in found.iter().zip(case.conditions) {
            assert!(relative(*found, *sgd) < case.within, "{i}: {found} {sgd}");
        }
    }
}

/// Rotated hidden bases are the same network.
#[test]
fn hidden_rotations_change_nothing() {
    let problem = Problem::new(
        Mat::identity(2, 2),
        diagonal(&[1.5, 0.5]),
        mat![[1.0, 0.5], [0.5, 0.4]],
        3,
    )
    .unwrap();
    let start = random_minimum(&problem, 2);
    let turn = |angle: f64| {
        let (sine, cosine) = angle.sin_cos();
        mat![[cosine, -sine], [sine, cosine]]
    };
    let (one, two) = (turn(0.7), turn(-1.9));
    let layers = start.layers();
    let turned = vec![
        &one * &layers[0],
        &two * &layers[1] * one.transpose(),
        &layers[2] * two.transpose(),
    ];
    let turned = Weights::new(&problem, turned).unwrap();
    let end = |start: &Weights| {
        finite_step(&problem, start, 0.03, 10, &[5.0])
            .unwrap()
            .snapshots
            .remove(0)
    };
    let (straight, turned) = (end(&start), end(&turned));
    assert!(relative(straight.sharpness, turned.sharpness) < 2e-4);
    assert!(relative(straight.fluctuation, turned.fluctuation) < 2e-4);
}

/// Shapes beyond the reference's squares, each against SGD: 16 seeds for 1e5 to 5e5 steps from the same minima, at the
/// same times, gave these means over the last twentieth (computed once by the simulator; standard errors below 0.3 %).
#[test]
fn other_shapes_agree_with_sgd() {
    struct Shape {
        problem: Problem,
        rate: f64,
        steps: f64,
        sharpness: f64,
    }
    let shape = |sx: Mat<f64>, v: Mat<f64>, noise: [f64; 2], hidden: [usize; 2]| {
        let outputs = v.nrows();
        let noise = diagonal(&noise[..outputs].iter().map(|s| s * s).collect::<Vec<_>>());
        Problem::with_hidden_widths(sx, v, noise, 3, &hidden).unwrap()
    };
    let two = || Mat::<f64>::identity(2, 2);
    let inputs = mat![[1.5, 0.2, 0.0], [0.2, 1.0, 0.1], [0.0, 0.1, 0.7]];
    let wide = mat![[1.0, 0.2, 0.0], [0.1, 0.8, 0.3]];
    let shapes = [
        // Three inputs, two outputs.
        (shape(inputs, wide, [1.0, 0.2], [3, 3]), 0.03, 1e5, 20.957),
        // One input, two outputs.
        (
            shape(mat![[1.0]], mat![[1.0], [0.7]], [1.0, 0.2], [2, 2]),
            0.03,
            1e5,
            4.967,
        ),
        // A teacher of rank one.
        (
            shape(two(), mat![[1.0, 0.0], [0.5, 0.0]], [1.0, 0.3], [2, 2]),
            0.02,
            2e5,
            5.681,
        ),
        // Inputs on a line, and hidden layers wider than all.
        (
            shape(mat![[1.0, 1.0], [1.0, 1.0]], two(), [1.0, 0.3], [2, 2]),
            0.02,
            1e5,
            7.756,
        ),
        (shape(two(), two(), [3.0, 0.3], [6, 6]), 0.01, 5e5, 28.708),
    ]
    .map(|(problem, rate, steps, sharpness)| Shape {
        problem,
        rate,
        steps,
        sharpness,
    });
    for shape in shapes {
        let start = near_identity(&shape.problem);
        let time = shape.rate * shape.rate / 10.0 * shape.steps;
        let path = finite_step(&shape.problem, &start, shape.rate, 10, &[time]).unwrap();
        let found = path.snapshots[0].sharpness;
        assert!(
            relative(found, shape.sharpness) < 0.01,
            "{found} {}",
            shape.sharpness
        );
    }
}

/// The minimum that gradient flow reaches from near the identity.
fn near_identity(problem: &Problem) -> Weights {
    let mut stream = thalweg::random::Stream::new(5, thalweg::random::Purpose::Initial);
    let layers = problem.widths().windows(2).map(|pair| {
        Mat::from_fn(pair[1], pair[0], |i, j| {
            0.4 * stream.normal() + f64::from(u8::from(i == j))
        })
    });
    let start = Weights::new(problem, layers.collect()).unwrap();
    thalweg::flow::descend(problem, &start, &FlowSettings::default())
        .unwrap()
        .weights
}

/// λ_max has kinks where eigenvalues of K meet, as all do at the flattest minimum of isotropic noise: there a quadrature for polynomials
/// misses. Against SGD from that minimum, over 128 seeds and the steps 1000, 1050 … 2000; the standard error is 0.3 %.
#[test]
fn the_largest_eigenvalue_is_averaged_over_its_kinks() {
    let one = || Mat::<f64>::identity(3, 3);
    let problem = Problem::new(one(), one(), diagonal(&[25.0; 3]), 2).unwrap();
    let start = Weights::new(&problem, vec![one(), one()]).unwrap();
    let (rate, batch) = (0.01, 10);
    let settings = SimulateSettings {
        init: InitialWeights::Given(start.clone()),
        ..SimulateSettings::new(rate, batch)
    };
    let seeds: Vec<u64> = (0..128).collect();
    let mut runs = Ensemble::start(&problem, &settings, &seeds).unwrap();
    let (mut sum, mut count) = (0.0, 0.0);
    for step in (1000..=2000).step_by(50) {
        runs.run_to(step);
        for here in runs.observe().into_iter().flatten() {
            sum += here.lambda_max.unwrap();
            count += 1.0;
        }
    }
    let time = rate * rate / batch as f64 * 1500.0;
    let path = finite_step(&problem, &start, rate, batch, &[time]).unwrap();
    let (found, sgd) = (path.snapshots[0].lambda_max, sum / count);
    assert!(relative(found, sgd) < 0.015, "{found} {sgd}");
}

/// From any start: the leading order until the weights have come down, the finite-step theory from then on.
#[test]
fn a_path_in_steps_comes_down_first() {
    let problem = Problem::new(
        Mat::identity(2, 2),
        Mat::identity(2, 2),
        diagonal(&[1.0, 0.01]),
        3,
    )
    .unwrap();
    let start = random_weights(&problem, 1);
    let steps = Steps {
        learning_rate: 0.05,
        batch: 10,
        steps: vec![0, 5, 100_000],
    };
    let finite = finite_path(&problem, &start, &steps).unwrap();
    let leading = path(&problem, &start, &steps, &FlowSettings::default()).unwrap();
    for i in 0..2 {
        assert_eq!(
            finite.snapshots[i].sharpness,
            leading.snapshots[i].sharpness
        );
        assert_eq!(finite.snapshots[i].relative_weighted_fluctuation, None);
    }
    assert_eq!(finite.snapshots[2].step, Some(100_000));
    assert!(finite.snapshots[2].relative_weighted_fluctuation.unwrap() > 0.0);
    // From the minimum to which steps of that size lead, and not gradient flow.
    let minimum = Weights::new(&problem, descended(start.layers(), 0.05)).unwrap();
    let times = [0.05 * 0.05 / 10.0 * 1e5];
    let along = finite_step(&problem, &minimum, 0.05, 10, &times).unwrap();
    assert!(relative(finite.snapshots[2].sharpness, along.snapshots[0].sharpness) < 1e-6);
    let arrival = finite.validity.arrival.unwrap();
    assert!(arrival > 5.0 && arrival < 1e5);
    assert!(finite.validity.sentence().contains("Before step"));
}

/// Where gradient descent by steps of `rate` ends for V = Σx = I.
fn descended(layers: &[Mat<f64>], rate: f64) -> Vec<Mat<f64>> {
    let mut layers = layers.to_vec();
    for _ in 0..20_000 {
        let product = |layers: &[Mat<f64>]| {
            let eye = Mat::<f64>::identity(2, 2);
            layers.iter().fold(eye, |product, layer| layer * product)
        };
        let residual = product(&layers) - Mat::<f64>::identity(2, 2);
        let gradients: Vec<Mat<f64>> = (0..layers.len())
            .map(|k| {
                product(&layers[k + 1..]).transpose()
                    * &residual
                    * product(&layers[..k]).transpose()
            })
            .collect();
        for (layer, gradient) in layers.iter_mut().zip(gradients) {
            *layer -= faer::Scale(rate) * gradient;
        }
    }
    layers
}

/// A large step lands elsewhere than gradient flow, where T is 9.28 and not 8.80. SGD of 2048 seeds has T = 8.613 ± 0.007 after 80 steps and
/// 8.077 ± 0.007 after 634.
#[test]
fn a_path_in_steps_starts_where_such_steps_lead() {
    let one = || mat![[1.0]];
    let problem = Problem::with_hidden_widths(one(), one(), mat![[0.09]], 3, &[3, 3]).unwrap();
    let start = vec![
        mat![
            [-1.418727572204422],
            [-1.7617713700661615],
            [0.2922214521978611]
        ],
        mat![
            [-0.8326285308471973, 0.8783719997609144, 0.537838698821739],
            [
                -1.4994720067305867,
                0.20424777881243902,
                -0.8268993089559838
            ],
            [
                0.024811273444148678,
                0.03274822545180592,
                -1.4924266155498807
            ]
        ],
        mat![[
            -0.1751965240104159,
            -0.19198457652979958,
            0.7220346458262259
        ]],
    ];
    let start = Weights::new(&problem, start).unwrap();
    let steps = Steps {
        learning_rate: 0.05,
        batch: 10,
        steps: vec![80, 634],
    };
    let found = finite_path(&problem, &start, &steps).unwrap();
    for (snapshot, sgd) in found.snapshots.iter().zip([8.613, 8.077]) {
        assert!(relative(snapshot.sharpness, sgd) < 0.02, "{snapshot:?}");
    }
}

/// Noise moves the weights along the minima already while they descend, of which the theory knows nothing: after 1000 steps from this start 512
/// seeds of SGD (computed once by the simulator) had T = 17.03 ± 0.04, 3 % more than it says. By step 10,000 they had forgotten most of it, 14.94 ± 0.04.
#[test]
fn what_noise_does_on_the_way_down_is_warned_of() {
    let noise = diagonal(&[9.0, 0.09]);
    let problem = Problem::new(Mat::identity(2, 2), Mat::identity(2, 2), noise, 3).unwrap();
    let layers = vec![
        mat![[0.911, 1.025], [0.047, -0.541]],
        mat![[-0.772, 0.022], [-0.723, -1.016]],
        mat![[0.141, 0.094], [0.386, -0.646]],
    ];
    let start = Weights::new(&problem, layers).unwrap();
    let at = |steps: Vec<u64>| {
        let steps = Steps {
            learning_rate: 0.01,
            batch: 10,
            steps,
        };
        finite_path(&problem, &start, &steps).unwrap()
    };
    let both = at(vec![1000, 10_000]);
    assert!(relative(both.snapshots[0].sharpness, 17.03) > 0.025);
    assert!(relative(both.snapshots[1].sharpness, 14.94) < 0.01);
    assert_eq!(both.validity.error(), None);
    let words = both.validity.sentence();
    assert!(words.contains("while they still descend"), "{words}");
    let late = at(vec![10_000]).validity;
    assert!(late.drift < both.validity.drift);
    assert_eq!(both.validity.at_end().drift, late.drift);
}

/// Where it was tried, with the widest difference from SGD that was seen there, and where it was not.
#[test]
fn the_range_is_what_was_measured() {
    let error = |fluctuation, noise_condition, depth, stability, drift| {
        FiniteValidity {
            relative_weighted_fluctuation: fluctuation,
            stability,
            mean_square_stability: 0.0,
            noise_condition,
            depth,
            arrival: None,
            settling: 0.0,
            drift,
            end_drift: 0.0,
            is_tried: true,
        }
        .error()
    };
    for (fluctuation, condition, depth, stability, drift, expected) in [
        (0.034, 1e4, 4, 0.5, 0.009, Some(0.02)),
        (0.089, 100.0, 4, 0.5, 0.0, Some(0.02)),
        (0.036, 1e4, 3, 0.5, 0.0, Some(0.05)),
        (0.036, 1e4, 4, 0.5, 0.0, None),
        (0.056, 1e4, 3, 0.5, 0.0, None),
        (0.091, 100.0, 3, 0.01, 0.0, None),
        (0.29, 1.0, 3, 0.02, 0.0, Some(0.05)),
        (0.29, 1.0, 3, 0.18, 0.0, None),
        (0.29, 1.0, 4, 0.02, 0.0, None),
        (0.31, 1.0, 3, 0.02, 0.0, None),
        (0.01, 100.0, 3, 0.01, 0.02, Some(0.05)),
        (0.01, 100.0, 4, 0.01, 0.02, None),
        (0.01, 100.0, 3, 0.01, 0.06, None),
        (0.01, 100.0, 5, 0.01, 0.0, None),
    ] {
        let found = error(fluctuation, condition, depth, stability, drift);
        assert_eq!(
            found, expected,
            "{fluctuation} {condition} {depth} {stability} {drift}"
        );
    }
}

/// More layers than it was tried with are no reason to refuse, but to warn.
#[test]
fn many_layers_are_out_of_range() {
    let identity = Mat::<f64>::identity(1, 1);
    let at = |depth: usize| {
        let problem =
            Problem::new(identity.clone(), identity.clone(), identity.clone(), depth).unwrap();
        let start = Weights::new(&problem, vec![identity.clone(); depth]).unwrap();
        finite_step(&problem, &start, 0.001, 10, &[0.0])
            .unwrap()
            .validity
    };
    assert!(at(4).in_range());
    assert!(!at(5).in_range());
    assert!(at(5).sentence().contains("at most 4 layers"));
}

#[test]
fn what_cannot_be_done_is_refused() {
    let identity = |d: usize| Mat::<f64>::identity(d, d);
    let problem = |d: usize, depth: usize| {
        Problem::new(identity(d), identity(d), identity(d), depth).unwrap()
    };
    let at = |problem: &Problem, rate: f64, batch: usize| {
        let layers = problem
            .widths()
            .windows(2)
            .map(|h| Mat::from_fn(h[1], h[0], |i, j| f64::from(u8::from(i == j))));
        let start = Weights::new(problem, layers.collect()).unwrap();
        finite_step(problem, &start, rate, batch, &[1.0]).unwrap_err()
    };
    assert!(matches!(
        at(&problem(5, 2), 0.01, 10),
        FlowError::FiniteTooLarge { .. }
    ));
    assert!(matches!(
        at(&problem(2, 9), 0.01, 10),
        FlowError::FiniteTooLarge { .. }
    ));
    assert!(matches!(
        at(&problem(2, 3), -0.01, 10),
        FlowError::LearningRate { .. }
    ));
    assert!(matches!(at(&problem(2, 3), 0.01, 0), FlowError::Batch));
    // Beyond the edge of stability: λ_max is 3 at these weights.
    let refused = at(&problem(2, 3), 0.9, 1);
    assert!(
        matches!(refused, FlowError::NoStationaryLaw { .. }),
        "{refused}"
    );
    assert!(refused.to_string().contains("smaller learning rate"));

    // Absurd, from minima that are far from singular.
    for rate in [9.0, 1e3, 1e200] {
        for (dimension, depth) in [(2, 3), (3, 2), (2, 8)] {
            let refused = at(&problem(dimension, depth), rate, 10).to_string();
            let named = format!("a learning rate of {rate:?}");
            assert!(refused.contains(&named), "{refused}");
        }
    }

    let silent = Problem::new(identity(2), Mat::zeros(2, 2), identity(2), 2).unwrap();
    let start = Weights::new(&silent, vec![identity(2), Mat::zeros(2, 2)]).unwrap();
    let refused = finite_step(&silent, &start, 0.01, 10, &[1.0]).unwrap_err();
    assert!(matches!(refused, FlowError::NoSignal));

    let quiet = Problem::new(identity(2), identity(2), Mat::zeros(2, 2), 2).unwrap();
    let start = Weights::new(&quiet, vec![identity(2), identity(2)]).unwrap();
    let refused = finite_step(&quiet, &start, 0.01, 10, &[1.0]).unwrap_err();
    assert!(matches!(refused, FlowError::NoNoise));

    // A hidden layer that lets the product move in three directions of four.
    let teacher = mat![[1.0, 0.0], [0.5, 0.0]];
    let narrow = Problem::with_hidden_widths(identity(2), teacher, identity(2), 2, &[1]).unwrap();
    let start = Weights::new(&narrow, vec![mat![[1.0, 0.0]], mat![[1.0], [0.5]]]).unwrap();
    let refused = finite_step(&narrow, &start, 0.01, 10, &[1.0]).unwrap_err();
    assert!(matches!(refused, FlowError::FlatDirection));
}

/// Where the hidden factors of the start do not share their axes the weights also move within the minima of equal Q, and that as much faster as
/// the noise that is met is larger. T of SGD from 4096 seeds; the drift within those minima taken at leading order is 3.0, 1.4 and 2.5 % high.
#[test]
fn the_motion_that_leaves_q_alone_is_as_much_faster() {
    let layers = vec![
        mat![[1.0], [2.0]],
        mat![[1.0, 0.0], [2.0, 0.0]],
        mat![[1.0, 0.0]],
    ];
    let one = || mat![[1.0]];
    let problem = Problem::with_hidden_widths(one(), one(), mat![[0.09]], 3, &[2, 2]).unwrap();
    let start = Weights::new(&problem, layers).unwrap();
    for (rate, batch, sgd) in [(0.05, 10, 6.8226), (0.025, 10, 7.1403), (0.05, 160, 6.9283)] {
        let slow_time = 3999.0 * 0.05 * 0.05 / 10.0;
        let path = finite_step(&problem, &start, rate, batch, &[slow_time]).unwrap();
        let found = path.snapshots[0].sharpness;
        assert!(relative(found, sgd) < 6e-3, "{found} beside {sgd}");
    }
}

/// Hidden units that nothing uses die out, and what SGD's scatter makes of their Q_k no motion of theirs makes good: T rests, whatever times are asked for.
/// T of SGD is 9.484 ± 0.03 (256 seeds) and 4.866 ± 0.006 (2048).
#[test]
fn units_that_have_died_out_are_not_moved() {
    let dying = Problem::with_hidden_widths(
        mat![
            [0.9131631286784502, 0.13815301918040485],
            [0.13815301918040485, 1.4130727276437722]
        ],
        mat![[-1.6826866881551874, -0.010797629326044975]],
        mat![[1.1439542023291835]],
        2,
        &[4],
    )
    .unwrap();
    let start = vec![
        mat![
            [-1.0776810303221769, -0.006915369556935559],
            [-0.15770548710921084, -0.0010119800700126393],
            [-0.191778662891243, -0.001230624173306113],
            [0.6187528326127472, 0.003970473991398587]
        ],
        mat![[
            1.2386824898691133,
            0.09811338602919414,
            0.15860995810407355,
            -0.4879024794668542
        ]],
    ];
    let start = Weights::new(&dying, start).unwrap();
    let unit = 0.22 * 0.22 / 10.0;
    for steps in [
        vec![811.0],
        vec![100.0, 811.0],
        vec![597.0, 811.0],
        vec![3.0, 300.0, 811.0],
    ] {
        let times: Vec<f64> = steps.iter().map(|t| t * unit).collect();
        let path = finite_step(&dying, &start, 0.22, 10, &times).unwrap();
        let found = path.snapshots[times.len() - 1].sharpness;
        assert!(relative(found, 4.8677) < 5e-4, "{found} at {steps:?}");
    }
}
