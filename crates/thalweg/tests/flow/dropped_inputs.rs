//! Dropped inputs: noise that depends on them moves SGD elsewhere than noise of the same covariance would.

use faer::{Mat, mat};
use thalweg::flow::{Drift, FlowSettings, Steps, path, relaxation, rest};
use thalweg::problem::{Basis, Problem, Weights, covariance};
use thalweg::recipe::{Forces, Recipe};
use thalweg::simulate::{Data, Observation};
use thalweg::theory::{functionals, predict};

use crate::{e_folds, random_minimum};

fn recipe(input_dropout: f64) -> Recipe {
    Recipe {
        input_dropout,
        ..Recipe::default()
    }
}

/// What inputs and residuals are while one mask is held.
struct Masked {
    chance: f64,
    /// E x̃x̃ᵀ.
    x: Mat<f64>,
    /// E rrᵀ.
    r: Mat<f64>,
    /// E rx̃ᵀ.
    both: Mat<f64>,
}

/// All masks.
fn masks(plain: &Problem, learnt: &Problem, dropped: f64) -> Vec<Masked> {
    let inputs = plain.input_dim();
    let s = plain.input_covariance();
    let masked = |mask: usize| {
        let kept = |i: usize| f64::from(u8::from(mask >> i & 1 == 1));
        let chance = |i: usize| kept(i) * (1.0 - dropped) + (1.0 - kept(i)) * dropped;
        let chance = (0..inputs).map(chance).product();
        let kept = Mat::from_fn(inputs, inputs, |i, j| match i == j {
            true => kept(i) / (1.0 - dropped),
            false => 0.0,
        });
        let missing = plain.teacher() - learnt.teacher() * &kept;
        Masked {
            chance,
            x: &kept * s * &kept,
            r: plain.noise_covariance() + &missing * s * missing.transpose(),
            both: &missing * s * &kept,
        }
    };
    (0..1usize << inputs).map(masked).collect()
}

fn trace(matrix: &Mat<f64>) -> f64 {
    (0..matrix.nrows()).map(|i| matrix[(i, i)]).sum()
}

/// T where two layers fluctuate least, E‖∇ℓ‖² = tr(W_2ᵀ E‖x̃‖²rrᵀ W_2) + tr(W_1 E‖r‖²x̃x̃ᵀ W_1ᵀ): Theorem 1 with these two in the place of Σε and Σx, each
/// the mean over all masks.
fn least(plain: &Problem, learnt: &Problem, dropped: f64) -> f64 {
    let (inputs, outputs) = (plain.input_dim(), plain.output_dim());
    let mut of_inputs = Mat::<f64>::zeros(inputs, inputs);
    let mut of_outputs = Mat::<f64>::zeros(outputs, outputs);
    for Masked { chance, x, r, both } in masks(plain, learnt, dropped) {
        let twice = faer::Scale(2.0);
        of_inputs += faer::Scale(chance)
            * (faer::Scale(trace(&r)) * &x + twice * (both.transpose() * &both));
        of_outputs += faer::Scale(chance)
            * (faer::Scale(trace(&x)) * &r + twice * (&both * both.transpose()));
    }
    let felt = Problem::new(of_inputs, learnt.teacher().to_owned(), of_outputs, 2).unwrap();
    let weights = predict(&felt).unwrap().minimum.weights().unwrap();
    functionals(learnt, &weights).unwrap().sharpness
}

/// F is E‖∇ℓ‖² at a minimum, by all masks and Isserlis' theorem, layer by layer.
#[test]
fn fluctuation_knows_that_noise_depends_on_the_inputs() {
    let basis = |seed| Basis::Random { seed };
    for (dropped, seed) in [(0.01, 1), (0.2, 2), (0.7, 3)] {
        let turned = |values: &[f64], seed| covariance::from_spectrum(values, basis(seed));
        let teacher = basis(seed + 10).matrix(4);
        let teacher = Mat::from_fn(2, 4, |i, j| teacher[(i, j)] * (1 + i + j) as f64);
        let input = turned(&[2.0, 1.0, 0.5, 0.1], seed);
        let noise = turned(&[0.3, 0.01], seed + 5);
        let plain = Problem::new(input, teacher, noise, 3).unwrap();
        let learnt = recipe(dropped).problem(&plain).unwrap().into_owned();
        let weights = random_minimum(&learnt, seed);
        let known = functionals(&learnt, &weights).unwrap();
        let [first, second, third] = weights.layers() else {
            panic!("three layers");
        };
        // A_k and B_k.
        let sides = [
            (third * second, Mat::identity(4, 4)),
            (third.clone(), first.clone()),
            (Mat::identity(2, 2), second * first),
        ];
        for ((above, below), known) in sides.iter().zip(&known.layers) {
            let (output, input) = (above * above.transpose(), below.transpose() * below);
            let mut expected = 0.0;
            for Masked { chance, x, r, both } in masks(&plain, &learnt, dropped) {
                let crossed = &output * &both * &input * both.transpose();
                let own = trace(&(&output * r)) * trace(&(&input * x));
                expected += chance * (own + 2.0 * trace(&crossed));
            }
            let found = known.fluctuation;
            assert!(
                (found / expected - 1.0).abs() < 1e-8,
                "{dropped}: {found}, {expected}"
            );
        }
        let seen = Observation::new(&learnt, &Data::default(), &weights).fluctuation;
        assert!((seen / known.fluctuation - 1.0).abs() < 1e-11);
        let independent = functionals(&learnt.with_independent_noise(), &weights).unwrap();
        assert!((independent.fluctuation / known.fluctuation - 1.0).abs() > 1e-3);
    }
}

/// Where all axes are shared the exact drift of two layers rests there, at any p. Inputs that carry no signal, or a single output, made the noise of the same
/// covariance wrong by a third; the last number of each is what another program found by the same formula.
#[test]
fn two_layers_rest_where_gradients_fluctuate_least() {
    let diagonal = |outputs: usize, inputs: usize, values: &[f64]| {
        Mat::from_fn(outputs, inputs, |i, j| match i == j {
            true => values.get(i).copied().unwrap_or(0.0),
            false => 0.0,
        })
    };
    let one = covariance::from_deviations(&[1.0; 5]);
    let problem = |input: Mat<f64>, teacher, noise: &[f64]| {
        let noise = diagonal(noise.len(), noise.len(), noise);
        Problem::new(input, teacher, noise, 2).unwrap()
    };
    let square = |values: &[f64]| diagonal(values.len(), values.len(), values);
    for (plain, dropped, known) in [
        (
            problem(square(&[1.0, 1.0]), diagonal(1, 2, &[2.0]), &[0.05]),
            0.1,
            7.589,
        ),
        (
            problem(one, diagonal(2, 5, &[1.0]), &[0.01, 0.01]),
            0.05,
            8.485,
        ),
        (
            problem(
                square(&[4.0, 1.0, 1.0, 0.5]),
                diagonal(2, 4, &[1.0, 0.5]),
                &[0.2, 0.05],
            ),
            0.05,
            19.849,
        ),
        (
            problem(
                square(&[1.0, 1.0, 1.0]),
                diagonal(2, 3, &[1.0]),
                &[0.5, 0.1],
            ),
            0.2,
            5.245,
        ),
    ] {
        let recipe = recipe(dropped);
        let learnt = recipe.problem(&plain).unwrap();
        let settings = FlowSettings {
            drift: Drift::Exact,
            forces: recipe.forces(0.01, 10),
            ..FlowSettings::default()
        };
        let found = rest(&learnt, &settings).unwrap().sharpness;
        let expected = least(&plain, &learnt, dropped);
        assert!((expected / known - 1.0).abs() < 1e-4, "{expected}, {known}");
        assert!(
            (found / expected - 1.0).abs() < 1e-4,
            "{dropped}: {found}, {expected}"
        );
    }
}

/// T of SGD over that of the path by noise of the same covariance, less 1, from (2I, I/2) with little noise in the labels; means over 16 seeds, known to .03 %.
#[test]
fn the_path_is_sgds() {
    for (rate, step, sgd) in [(0.01, 700_000, 0.1026), (0.02, 80_000, 0.0475)] {
        let recipe = recipe(0.02);
        let one = || Mat::<f64>::identity(2, 2);
        let plain = Problem::new(one(), one(), covariance::from_deviations(&[0.01; 2]), 2).unwrap();
        let learnt = recipe.problem(&plain).unwrap();
        let scaled = |scale| one() * faer::Scale(scale);
        let start = Weights::new(&learnt, vec![scaled(2.0), scaled(0.5)]).unwrap();
        let steps = Steps {
            learning_rate: rate,
            batch: 10,
            steps: vec![step],
        };
        let end = |problem: &Problem| {
            let settings = FlowSettings {
                drift: Drift::Exact,
                forces: recipe.forces(rate, 10),
                ..FlowSettings::default()
            };
            path(problem, &start, &steps, &settings).unwrap().snapshots[0].sharpness
        };
        let found = end(&learnt) / end(&learnt.with_independent_noise()) - 1.0;
        // What is left is of higher order in the step's size.
        assert!((found - sgd).abs() < 0.008, "{rate}: {found}, {sgd}");
    }
}

/// A single input is dropped or seen, and where it is seen no noise of its own is felt: the labels' alone is left.
#[test]
fn a_single_input_feels_the_noise_of_labels_alone() {
    let noise = covariance::from_deviations(&[0.1; 2]);
    let teacher = mat![[1.0], [0.2]];
    let given = Problem::new(mat![[1.5]], teacher.clone(), noise.clone(), 3).unwrap();
    let recipe = recipe(0.3);
    let learnt = recipe.problem(&given).unwrap();
    assert!(learnt.noise_covariance()[(0, 0)] > 0.1);
    let rates = |problem: &Problem| relaxation(problem, Forces::default()).unwrap().rates;
    let input = learnt.input_covariance().to_owned();
    let felt = Problem::new(input, learnt.teacher().to_owned(), noise, 3).unwrap();
    for (found, felt) in rates(&learnt).into_iter().zip(rates(&felt)) {
        assert!((found / felt - 1.0).abs() < 1e-4, "{found} {felt}");
    }
    assert!(rates(&learnt.with_independent_noise())[0] > 2.0 * rates(&learnt)[0]);
}

/// T approaches its end as the slowest rate says. Where one input carries the signal, noise of the same covariance would be 3 to 35 times as fast.
#[test]
fn the_slowest_rate_is_the_flows_own() {
    let one = |inputs: usize, noise: f64, depth: usize| {
        let teacher = Mat::from_fn(1, inputs, |_, j| if j == 0 { 2.0 } else { 0.0 });
        Problem::new(Mat::identity(inputs, inputs), teacher, mat![[noise]], depth).unwrap()
    };
    let turned = Problem::new(
        mat![[1.0, 0.3], [0.3, 0.5]],
        mat![[1.0, 0.2], [-0.3, 0.6]],
        mat![[0.3, 0.1], [0.1, 0.05]],
        3,
    );
    for (plain, dropped) in [
        (one(2, 0.05, 2), 0.1),
        (one(6, 0.05, 2), 0.1),
        (one(2, 0.002, 2), 0.1),
        (one(2, 0.05, 3), 0.1),
        (turned.unwrap(), 0.1),
    ] {
        let recipe = recipe(dropped);
        let learnt = recipe.problem(&plain).unwrap();
        let rate = relaxation(&learnt, Forces::default()).unwrap().rates[0];
        let found = e_folds(&learnt, rate);
        assert!((found - 1.0).abs() < 0.03, "{found} for {rate}");
    }
}
