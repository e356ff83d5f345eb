//! What holds for every problem: the limit, the monotone fluctuation, the rates, and the errors.

use faer::{Mat, mat};
use thalweg::flow::{Drift, FlowError, FlowSettings, Times, Waypoint, relaxation, rest, slow_flow};
use thalweg::problem::{Basis, Problem, ProblemShape, Weights, covariance, spectrum, teacher};
use thalweg::recipe::Forces;
use thalweg::theory::predict;

use crate::{diagonal, random_minimum, random_weights, relative};

fn problems() -> Vec<(Problem, Weights)> {
    let shapes = [
        (2, 2, 2, 2),
        (2, 2, 2, 3),
        (3, 2, 2, 4),
        (2, 4, 1, 3),
        (4, 4, 2, 3),
        (3, 3, 3, 6),
    ];
    let make =
        |(i, (input_dim, output_dim, rank, depth)): (usize, (usize, usize, usize, usize))| {
            let shape = ProblemShape {
                input_dim,
                output_dim,
                rank,
                depth,
            };
            let problem = Problem::random(shape, 100 + i as u64).unwrap();
            let start = random_minimum(&problem, i as u64);
            (problem, start)
        };
    shapes.into_iter().enumerate().map(make).collect()
}

/// By u = 1e5: in a network wider than the teacher's rank the last deviation falls only like 1/u.
#[test]
fn ends_at_the_minimum_of_theorem_1_whatever_the_start() {
    for (problem, start) in problems() {
        let other = random_minimum(&problem, 77);
        for start in [start, other] {
            let times = Times::Slow(vec![1e5]);
            let found = slow_flow(&problem, &start, &times, &FlowSettings::default()).unwrap();
            let limit = found.limit.unwrap();
            let end = &found.snapshots[0];
            assert!(relative(end.sharpness, limit.sharpness) < 1e-6);
            assert!(relative(end.fluctuation, limit.fluctuation) < 1e-6);
            assert!(relative(end.lambda_max, limit.lambda_max) < 1e-6);
        }
    }
}

#[test]
fn fluctuation_only_falls_and_the_product_stays() {
    for (problem, start) in problems() {
        let times = Times::Slow((-40..30).map(|i| 10f64.powf(f64::from(i) / 10.0)).collect());
        let found = slow_flow(&problem, &start, &times, &FlowSettings::default()).unwrap();
        let limit = found.limit.unwrap();
        for pair in found.snapshots.windows(2) {
            assert!(pair[1].fluctuation <= pair[0].fluctuation * (1.0 + 1e-8));
            assert!(pair[1].fluctuation >= limit.fluctuation * (1.0 - 1e-8));
            assert!(pair[1].distance < 1e-13);
        }
    }
}

/// F − F_min decays at twice the slowest rate, where no hidden direction is unused.
#[test]
fn relaxation_rate_is_the_late_decay() {
    for (problem, start) in problems().into_iter().take(2) {
        let rate = relaxation(&problem, Forces::default()).unwrap().rates[0];
        let times = Times::Slow(vec![4.0 / rate, 5.0 / rate]);
        let settings = FlowSettings {
            tolerance: 1e-10,
            ..FlowSettings::default()
        };
        let found = slow_flow(&problem, &start, &times, &settings).unwrap();
        let limit = found.limit.unwrap().fluctuation;
        let excess: Vec<f64> = found
            .snapshots
            .iter()
            .map(|s| s.fluctuation - limit)
            .collect();
        let decay = (excess[0] / excess[1]).ln();
        assert!((decay - 2.0).abs() < 0.02, "{decay}");
    }
}

/// So does noise·F/4 + decay·½ Σ‖W_k‖² under both.
#[test]
fn relaxation_rate_under_decay_is_the_late_decay() {
    let forces = Forces {
        noise: 1.5,
        decay: 0.3,
        ..Forces::default()
    };
    let settings = FlowSettings {
        tolerance: 1e-10,
        forces,
        ..FlowSettings::default()
    };
    for (problem, start) in problems().into_iter().take(2) {
        let potential = |at: &Waypoint| {
            let norms = at.weights.layers().iter().map(|w| w.squared_norm_l2());
            forces.noise * at.fluctuation / 4.0 + forces.decay / 2.0 * norms.sum::<f64>()
        };
        let least = potential(&rest(&problem, &settings).unwrap());
        let rate = relaxation(&problem, forces).unwrap().rates[0];
        let alone = Forces {
            decay: 0.0,
            ..forces
        };
        assert!(rate > 1.1 * relaxation(&problem, alone).unwrap().rates[0]);
        let times = Times::Slow(vec![4.0 / rate, 5.0 / rate]);
        let found = slow_flow(&problem, &start, &times, &settings).unwrap();
        let excess: Vec<f64> = found
            .snapshots
            .iter()
            .map(|at| potential(at) - least)
            .collect();
        let decay = (excess[0] / excess[1]).ln();
        assert!((decay - 2.0).abs() < 0.02, "{decay}");
    }
}

/// SGD's own drift ends in a steady rotation of the hidden basis here, which no number depends on and no step has to follow.
#[test]
fn the_exact_drift_comes_to_rest() {
    let noise = mat![[0.28, 0.12 * 12f64.sqrt()], [0.12 * 12f64.sqrt(), 0.76]];
    let problem = Problem::new(Mat::identity(2, 2), diagonal(&[1.5, 0.5]), noise, 2).unwrap();
    let start = vec![diagonal(&[1.5, 0.5]), Mat::identity(2, 2)];
    let start = Weights::new(&problem, start).unwrap();
    let settings = FlowSettings {
        drift: Drift::Exact,
        ..FlowSettings::default()
    };
    let times = Times::Slow(vec![10.0, 1e3, 1e6]);
    let found = slow_flow(&problem, &start, &times, &settings).unwrap();
    // An integrator that follows the rotation gave these two.
    assert!(relative(found.snapshots[0].sharpness, 10.241_283) < 1e-6);
    let [.., before, end] = &found.snapshots[..] else {
        unreachable!("three times were asked for")
    };
    assert!(relative(before.sharpness, 10.393_864) < 1e-6);
    assert!(relative(end.sharpness, before.sharpness) < 1e-6);
    assert!(found.statistics.accepted < 300, "{:?}", found.statistics);
    let rest = rest(&problem, &settings).unwrap();
    assert!(relative(end.sharpness, rest.sharpness) < 1e-5);
}

/// Inputs that never vary in one direction: weights acting on it are free, and nothing fails.
#[test]
fn singular_input_covariance() {
    let problem = Problem::new(
        diagonal(&[1.0, 2.0, 0.0]),
        Mat::from_fn(2, 3, |i, j| if i == j { 1.0 } else { 0.3 }),
        diagonal(&[1.0, 0.1]),
        3,
    )
    .unwrap();
    let start = random_minimum(&problem, 4);
    let found = slow_flow(
        &problem,
        &start,
        &Times::Slow(vec![1e4]),
        &FlowSettings::default(),
    )
    .unwrap();
    let limit = found.limit.unwrap();
    assert!(relative(found.snapshots[0].fluctuation, limit.fluctuation) < 1e-6);
}

/// Noise variances from 1 to 1e-4 and slow times from 1e-3 to 1e6.
#[test]
fn stiff_problems_take_few_steps() {
    let identity = diagonal(&[1.0; 3]);
    let noise = diagonal(&[1.0, 1e-2, 1e-4]);
    let problem = Problem::new(identity.clone(), identity, noise, 3).unwrap();
    let start = random_minimum(&problem, 9);
    let times = Times::Slow(
        (0..60)
            .map(|i| 1e-3 * 10f64.powf(f64::from(i) * 9.0 / 59.0))
            .collect(),
    );
    let found = slow_flow(&problem, &start, &times, &FlowSettings::default()).unwrap();
    let limit = found.limit.unwrap();
    assert!(relative(found.snapshots[59].sharpness, limit.sharpness) < 1e-6);
    assert!(found.statistics.accepted < 400);
}

#[test]
fn bad_input_is_an_error() {
    let (problem, start) = problems().swap_remove(0);
    let run = |start: &Weights, times: Times| {
        slow_flow(&problem, start, &times, &FlowSettings::default())
    };
    let steps = |learning_rate: f64, batch: usize| Times::Steps {
        learning_rate,
        batch,
        steps: vec![0, 10],
    };
    let error = |times: Times| run(&start, times).unwrap_err();
    assert_eq!(error(Times::Slow(vec![])), FlowError::NoTimes);
    assert!(matches!(
        error(Times::Slow(vec![0.0, -1.0])),
        FlowError::BadTime { position: 2, .. }
    ));
    assert!(matches!(
        error(Times::Slow(vec![f64::NAN])),
        FlowError::BadTime { .. }
    ));
    assert!(matches!(
        error(Times::Slow(vec![2.0, 1.0])),
        FlowError::UnsortedTimes { .. }
    ));
    assert!(matches!(
        error(steps(0.0, 1)),
        FlowError::LearningRate { .. }
    ));
    assert!(matches!(
        error(steps(f64::NAN, 1)),
        FlowError::LearningRate { .. }
    ));
    assert_eq!(error(steps(0.1, 0)), FlowError::Batch);
    let away = random_weights(&problem, 1);
    let found = run(&away, Times::Slow(vec![1.0])).unwrap_err();
    assert!(matches!(found, FlowError::NotAMinimum { .. }));
    assert!(found.to_string().contains("gradient flow"), "{found}");
    let loose = FlowSettings {
        tolerance: 1.0,
        ..FlowSettings::default()
    };
    let found = slow_flow(&problem, &start, &Times::Slow(vec![1.0]), &loose);
    assert!(matches!(found, Err(FlowError::Tolerance { .. })));
    let hasty = FlowSettings {
        max_steps: 3,
        ..FlowSettings::default()
    };
    let found = slow_flow(&problem, &start, &Times::Slow(vec![1.0]), &hasty);
    assert!(matches!(
        found,
        Err(FlowError::TooManySteps { steps: 3, .. })
    ));
}

/// By the exact drift what counts is the size of K where axes are not shared, with a force that generators do not follow too.
#[test]
fn what_the_exact_drift_cannot_hold_is_an_error() {
    let follow = |(inputs, outputs), width, forces| {
        let shape = ProblemShape {
            input_dim: inputs,
            output_dim: outputs,
            rank: outputs,
            depth: 2,
        };
        let turned = Problem::random(shape, 1).unwrap();
        let problem = Problem::with_hidden_widths(
            turned.input_covariance().to_owned(),
            turned.teacher().to_owned(),
            turned.noise_covariance().to_owned(),
            2,
            &[width],
        )
        .unwrap();
        let first = Mat::from_fn(width, inputs, |i, j| f64::from(u8::from(i == j)));
        let last = Mat::from_fn(outputs, width, |i, j| match j < inputs {
            true => problem.teacher()[(i, j)],
            false => 0.0,
        });
        let start = Weights::new(&problem, vec![first, last]).unwrap();
        let settings = FlowSettings {
            drift: Drift::Exact,
            forces,
            ..FlowSettings::default()
        };
        slow_flow(&problem, &start, &Times::Slow(vec![0.1]), &settings)
    };
    let dropout = Forces {
        dropout: 0.1,
        ..Forces::default()
    };
    for forces in [Forces::default(), dropout] {
        let refused = follow((50, 41), 50, forces).unwrap_err();
        let (size, most) = (2050, 2000);
        assert_eq!(refused, FlowError::CurvatureTooLarge { size, most });
    }
    // 6000 weights, of which a Jacobian would take 300 MB.
    assert!(follow((10, 2), 500, dropout).is_ok());
}

/// What has so many inputs, whose spectrum falls with this power, two outputs, three layers, and no shared axes.
fn falling(inputs: usize, power: f64) -> Problem {
    let axes = |seed| Basis::Random { seed };
    let covariance_of_inputs =
        covariance::from_spectrum(&spectrum::power_law(inputs, power), axes(1));
    let teacher = teacher::from_singular_values(2, inputs, &[3.0, 1.0], axes(2), axes(3));
    let noise = covariance::from_spectrum(&[1.0, 0.3], axes(4));
    Problem::new(covariance_of_inputs, teacher, noise, 3).unwrap()
}

/// The flow's values at `times`, which are those of the minimum that SGD selects.
fn followed_past_its_end(problem: &Problem, times: &[f64], max_steps: usize) -> Vec<Waypoint> {
    let settings = FlowSettings {
        max_steps,
        ..FlowSettings::default()
    };
    let start = random_minimum(problem, 1);
    let path = slow_flow(problem, &start, &Times::Slow(times.to_vec()), &settings).unwrap();
    let end = predict(problem).unwrap();
    for at in &path.snapshots {
        let (t, f) = (at.sharpness, at.fluctuation);
        assert!(relative(t, end.sharpness) < 1e-6, "{t}");
        assert!(relative(f, end.fluctuation) < 1e-6, "{f}");
    }
    path.snapshots
}

/// Long after the hidden units that nothing uses have lost their inputs, where some generators move no weights, the flow is at its end.
#[test]
fn a_wide_flow_goes_on_past_its_end() {
    let most = FlowSettings::default().max_steps;
    let path = followed_past_its_end(&falling(10, 2.0), &[1e4, 1e5], most);
    // Only so far as its linear systems know it.
    assert!(path[0].layer_conditions[0] > 1e6);
}

/// And where single precision no longer tells those generators from nothing, and steps fail until more stands beside their system.
#[test]
fn a_wide_flow_goes_on_far_past_its_end() {
    followed_past_its_end(&falling(20, 2.0), &[1e5, 1e7], 2000);
}
