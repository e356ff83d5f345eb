//! One step's noise against what it stands for, and shifts that are known.

use faer::Mat;

use super::{
    Descending,
    shaken::{Shaken, Shift, Way, still_late},
    step::{Departure, Drawn, Rule},
};
use crate::flow::{
    FlowSettings, Steps,
    point::{Model, Point},
    tests::problem,
};
use crate::problem::{Problem, Weights};
use crate::random::{Purpose, Stream};
use crate::recipe::Sam;

fn rule(learning_rate: f64, batch: f64) -> Rule {
    Rule {
        learning_rate,
        batch,
        momentum: 0.0,
        sam: None,
    }
}

/// Means over 20,000 draws, of which a square is known to 1 %: of the moments of B Gaussian samples S − I has variances 2/B and 1/B, and εzᵀ has Σε/B; the
/// gradient's noise is what the formula says.
#[test]
fn departures_are_those_of_minibatches() {
    let problem = problem(3, 2, 3);
    let model = Model::new(&problem);
    let rule = rule(0.1, 5.0);
    let layers = crate::flow::tests::minimum(&problem).layers().to_vec();
    // Off the minima.
    let layers: Vec<Mat<f64>> = layers.iter().map(|w| w * faer::Scale(1.3)).collect();
    let point = Point::new(&model, layers);
    let mean = rule.pulls(&model, &point, &[]);
    let mut stream = Stream::new(3, Purpose::Probes);
    let draws = 20_000;
    let (mut on, mut beside, mut noise, mut apart) = (0.0, 0.0, Mat::zeros(2, 2), 0.0);
    for _ in 0..draws {
        let step = Departure::draw(&model, rule.batch, 0.0, &mut stream);
        on += step.second[(0, 0)].powi(2);
        beside += step.second[(0, 2)] * step.second[(2, 0)];
        noise += &step.noise * step.noise.transpose();
        let drawn = Drawn { step, ascent: None };
        let pulls = rule.pulls(&model, &point, &[drawn]);
        let each = pulls.iter().zip(&mean);
        apart += each.map(|(a, b)| (a - b).squared_norm_l2()).sum::<f64>();
    }
    let each = f64::from(draws);
    let near = |found: f64, expected: f64| {
        assert!(
            (found / each / expected - 1.0).abs() < 0.04,
            "{found} {expected}"
        );
    };
    near(on, 2.0 / rule.batch);
    near(beside, 1.0 / rule.batch);
    let covariance = problem.noise_covariance();
    for (i, j) in [(0, 0), (1, 1)] {
        near(noise[(i, j)], 3.0 * covariance[(i, j)] / rule.batch);
    }
    near(apart, rule.gradient_noise(&model, &point));
}

/// What is said of T after `steps` steps from W_1 = W_2 = 10⁻⁸ I, where V = Σx = I.
fn beside_a_saddle(dim: usize, steps: u64, rule: &Rule) -> Shift {
    let identity = Mat::<f64>::identity(dim, dim);
    let noise = &identity * faer::Scale(1e-20);
    let problem = Problem::new(identity.clone(), identity.clone(), noise, 2).unwrap();
    let model = Model::new(&problem);
    let start = model.flatten(&[(); 2].map(|()| &identity * faer::Scale(1e-8)));
    let way = Way {
        start: &start,
        steps: &[steps],
        length: steps,
        arrives: false,
    };
    let shaken = Shaken::new(&model, &way, rule).unwrap();
    assert!(shaken.is_whole);
    shaken.on_the_way[0]
}

/// Beside the saddle of W_2 = W_1ᵀ these grow as W_1(1 + ηS), where E S = I and E(S − I)² = (d + 1)/B I: E T is ((1 + η)² + η²(d + 1)/B)ᵗ times what it was.
/// In steps taken together it is the same.
#[test]
fn shift_beside_a_saddle_is_that_of_a_growth_at_random() {
    let dim = 6;
    for (rate, batch, steps) in [(0.1, 100.0, 50), (2e-3, 2.0, 2500)] {
        let said = beside_a_saddle(dim, steps, &rule(rate, batch));
        let scatter = (dim as f64 + 1.0) / batch;
        let growth = 1.0 + scatter * (rate / (1.0 + rate)).powi(2);
        let expected = growth.powi(steps as i32) - 1.0;
        assert!(
            (said.mean - expected).abs() < 3.0 * said.error && said.error < 0.25 * expected,
            "{said:?} {expected}"
        );
    }
}

/// Under SAM they grow as W_1(1 + ηS(1 − ρS)), or with another minibatch's S′ as W_1(1 + ηS(1 − ρS′)), whose squares have these means but for
/// E(S − I)⁴: SAM's ascent by the step's own minibatch slows the growth by ηρ(d + 1)/B, which three steps taken together must not take for a third of it.
#[test]
fn shift_beside_a_saddle_under_sam_is_that_of_single_minibatches() {
    let dim = 6;
    let (rate, batch, radius, steps) = (2e-3, 2.0, 0.01, 2500);
    let scatter = (dim as f64 + 1.0) / batch;
    let square = 1.0 + scatter;
    for (independent, [mean, squares]) in [
        (
            false,
            [
                1.0 - radius * square,
                square - 2.0 * radius * (1.0 + 3.0 * scatter),
            ],
        ),
        (true, [1.0 - radius, square - 2.0 * radius * square]),
    ] {
        let rule = Rule {
            sam: Some(Sam {
                radius,
                normalised: false,
                independent,
            }),
            ..rule(rate, batch)
        };
        let said = beside_a_saddle(dim, steps, &rule);
        let still = (1.0 + rate * (1.0 - radius)).powi(2);
        let growth = (1.0 + 2.0 * rate * mean + rate * rate * squares) / still;
        let expected = growth.powi(steps as i32) - 1.0;
        assert!(
            (said.mean - expected).abs() < 3.0 * said.error && said.error < 0.3 * expected.abs(),
            "{said:?} {expected}"
        );
    }
}

/// The mean square of what dropped units add to a gradient, to first order in their masks, against samples one by one: of 20,000 each is known to some percent.
#[test]
fn departures_of_dropped_units_are_those_of_samples() {
    let problem = problem(3, 2, 3);
    let model = Model::new(&problem);
    let (dropped, batch, draws) = (0.01, 5.0, 20_000);
    let layers = crate::flow::tests::minimum(&problem).layers().to_vec();
    let layers: Vec<Mat<f64>> = layers.iter().map(|w| w * faer::Scale(1.3)).collect();
    let point = Point::new(&model, layers.clone());
    let mut stream = Stream::new(4, Purpose::Probes);
    let mut drawn = vec![0.0; layers.len()];
    for _ in 0..draws {
        let mut step = Departure::draw(&model, batch, dropped, &mut stream);
        step.second.fill(0.0);
        step.noise.fill(0.0);
        let still = rule(0.1, batch).pulls(&model, &point, &[]);
        let pulls = rule(0.1, batch).pulls(&model, &point, &[Drawn { step, ascent: None }]);
        for ((sum, pull), still) in drawn.iter_mut().zip(pulls).zip(still) {
            *sum += (pull - still).squared_norm_l2();
        }
    }
    let mut seen = vec![0.0; layers.len()];
    let small = 1e-4;
    for _ in 0..draws {
        let z = Mat::from_fn(model.rank(), 1, |_, _| stream.normal());
        let noise = Mat::from_fn(model.noise_root().ncols(), 1, |_, _| stream.normal());
        let noise = model.noise_root() * noise;
        let masks: Vec<Mat<f64>> = (1..layers.len())
            .map(|k| Mat::from_fn(layers[k].ncols(), 1, |_, _| stream.normal().signum()))
            .collect();
        // The gradient of ½|W_D…(1 + Δ)…W_1x − Vx − ε|² of one sample.
        let gradient = |size: f64| -> Vec<Mat<f64>> {
            let mut active = vec![model.root() * &z];
            for (k, layer) in layers.iter().enumerate() {
                let mut next = layer * &active[k];
                if let Some(mask) = masks.get(k) {
                    next = Mat::from_fn(next.nrows(), 1, |j, _| {
                        next[(j, 0)] * (1.0 + size * mask[(j, 0)])
                    });
                }
                active.push(next);
            }
            let mut back = &active[layers.len()] - model.target() * &z - &noise;
            let mut gradients = vec![Mat::zeros(0, 0); layers.len()];
            for k in (0..layers.len()).rev() {
                gradients[k] = &back * active[k].transpose();
                back = layers[k].transpose() * back;
                if k > 0 {
                    let mask = &masks[k - 1];
                    back = Mat::from_fn(back.nrows(), 1, |j, _| {
                        back[(j, 0)] * (1.0 + size * mask[(j, 0)])
                    });
                }
            }
            gradients
        };
        let both = gradient(small).into_iter().zip(gradient(-small));
        for (sum, (one, other)) in seen.iter_mut().zip(both) {
            *sum += ((one - other) * faer::Scale(0.5 / small)).squared_norm_l2();
        }
    }
    for (drawn, seen) in drawn.into_iter().zip(seen) {
        let expected = seen * dropped / batch;
        assert!((drawn / expected - 1.0).abs() < 0.06, "{drawn} {expected}");
    }
}

/// The descent from `layers`.
fn descended(problem: &Problem, layers: Vec<Mat<f64>>, learning_rate: f64) -> Descending {
    let start = Weights::new(problem, layers).unwrap();
    let steps = Steps {
        learning_rate,
        batch: 10,
        steps: vec![1000],
    };
    Descending::new(
        &Model::new(problem),
        &start,
        &steps,
        &FlowSettings::default(),
    )
    .unwrap()
}

/// A missing direction is one wherever it lies, also spread over many singular vectors of equal size, each of which has nearly all of its own.
#[test]
fn a_saddle_across_many_axes_is_noticed() {
    let dim = 16;
    let identity = Mat::<f64>::identity(dim, dim);
    let spread = Mat::from_fn(dim, dim, |_, _| 1.0 / dim as f64);
    for sizes in [0.0, 0.05] {
        // Of equal singular values, and of some percent between them.
        let teacher = Mat::from_fn(dim, dim, |i, j| {
            identity[(i, j)] * (1.0 + sizes * i as f64 / dim as f64)
        });
        let noise = &identity * faer::Scale(1e-6);
        let problem = Problem::new(identity.clone(), teacher, noise, 2).unwrap();
        let leaves = |missing: f64| {
            let layer = &identity - faer::Scale(missing) * &spread;
            descended(&problem, vec![layer.clone(), layer], 0.05).leaves_saddle
        };
        assert!(leaves(1.0 - 1e-3) && !leaves(0.5));
    }
}

/// At a large step size a saddle is left between two looks that are far apart.
#[test]
fn a_short_dwell_is_noticed() {
    let identity = Mat::<f64>::identity(2, 2);
    let noise = &identity * faer::Scale(1e-6);
    let problem = Problem::new(identity.clone(), identity.clone(), noise, 2).unwrap();
    let layers = vec![identity.clone(), &identity * faer::Scale(-0.95)];
    let descent = descended(&problem, layers, 0.3);
    assert!(
        descent.leaves_saddle && descent.arrival < 32.0,
        "{}",
        descent.arrival
    );
}

/// The direction of small inputs never has much curvature, and hides no other.
#[test]
fn a_saddle_is_noticed_where_inputs_differ() {
    let diagonal = |d: [f64; 2]| Mat::from_fn(2, 2, |i, j| if i == j { d[i] } else { 0.0 });
    let identity = diagonal([1.0; 2]);
    let noise = &identity * faer::Scale(1e-6);
    let problem = Problem::new(diagonal([1.0, 1e-4]), identity, noise, 2).unwrap();
    let leaves = |layer: [f64; 2]| descended(&problem, vec![diagonal(layer); 2], 0.1).leaves_saddle;
    assert!(leaves([0.2, 0.75]) && !leaves([0.75; 2]));
}

#[test]
fn late_runs_have_the_larger_tail() {
    for times in [0.0f64, 0.3, 1.0, 3.0, 6.0] {
        let normal = statrs::function::erf::erfc(times / std::f64::consts::PI.sqrt());
        let expected = normal.max((-times).exp());
        let found = still_late(times);
        assert!(
            (found / expected - 1.0).abs() < 1e-3,
            "{times}: {found} {expected}"
        );
    }
    assert_eq!(still_late(f64::NAN), 0.0);
}
