//! Deep linear networks trained by the network engine, against the simulator: the same numbers on the
//! same fixed batch, the same law on fresh samples.

use std::sync::Arc;

use faer::{Mat, Side};
use thalweg::data::{LabelNoise, Place, Sampler, Source, TeacherStream};
use thalweg::loss::{Convention, Loss, Objective};
use thalweg::model::{Init, Mlp};
use thalweg::optimizer::{RateSchedule, Sgd};
use thalweg::problem::{Problem, Weights};
use thalweg::random::NoiseLaw;
use thalweg::tensor::{Activation, Tape};
use thalweg::{simulate, train};

use super::case::{assert_close, problem};

const LOSS: Loss = Loss::SquaredError(Convention::Half);

fn linear(widths: &[usize]) -> Arc<Tape> {
    let mlp = Mlp {
        widths: widths.to_vec(),
        activation: Activation::Identity,
        biases: false,
    };
    Arc::new(mlp.tape().unwrap())
}

/// y = V x + ε as a teacher's stream.
fn stream(problem: &Problem, law: NoiseLaw) -> Source {
    let tape = linear(&[problem.input_dim(), problem.output_dim()]);
    let noise = LabelNoise {
        covariance: problem.noise_covariance().to_owned(),
        law,
        place: Place::Targets,
    };
    let covariance = problem.input_covariance().to_owned();
    let teacher = row_major(&[problem.teacher().to_owned()]);
    TeacherStream::new((*tape).clone(), teacher, covariance, noise)
        .unwrap()
        .into()
}

/// W_1 … W_D, as a tape's parameter vector holds them.
fn row_major(layers: &[Mat<f64>]) -> Vec<f64> {
    let entries = |w: &Mat<f64>| {
        let (rows, columns) = (w.nrows(), w.ncols());
        Vec::from_iter((0..rows * columns).map(|i| w[(i / columns, i % columns)]))
    };
    layers.iter().flat_map(entries).collect()
}

/// The weights that a parameter vector holds.
fn layers(problem: &Problem, mut parameters: &[f64]) -> Weights {
    let shapes = problem.widths().windows(2);
    let layers = shapes.map(|shape| {
        let (own, rest) = parameters.split_at(shape[0] * shape[1]);
        parameters = rest;
        Mat::from_fn(shape[1], shape[0], |i, j| own[i * shape[0] + j])
    });
    Weights::new(problem, layers.collect()).unwrap()
}

/// The second moment of the fixed batch that the simulator draws for `seed` from white inputs: with one
/// layer, no noise and η = 1, a step from W = V + I takes it away.
fn simulators_white_moment(seed: u64, switch: simulate::Switch, d: usize) -> Mat<f64> {
    let identity = Mat::<f64>::identity(d, d);
    let zero = Mat::zeros(d, d);
    let problem = Problem::new(identity.clone(), zero.clone(), zero, 1).unwrap();
    let start = Weights::new(&problem, vec![identity.clone()]).unwrap();
    let mut settings = simulate::SimulateSettings::new(1.0, 4);
    settings.init = simulate::InitialWeights::Given(start);
    settings.switch = Some(switch);
    let mut ensemble = simulate::Ensemble::start(&problem, &settings, &[seed]).unwrap();
    ensemble.run_to(1);
    let after = ensemble.weights()[0].clone().unwrap();
    identity - after.layer(1)
}

/// Gradient descent on a fixed batch reads of it S_xx and S_yx alone. So the simulator, whose own batch has
/// the white second moment S, does what the trainer does once its inputs are x = L z with L S Lᵀ = S_xx
/// and its teacher is S_yx S_xx⁻¹ without noise.
///
/// Both make the same few thousand roundings in another order, at a step size at which they are not
/// amplified: 10⁻¹⁰ leaves room for the conditioning of L and S_xx.
#[test]
fn gradient_descent_on_one_batch_is_the_simulators() {
    let (seed, samples, steps) = (3, 40, 400);
    for depth in 1..=4 {
        let problem = problem(depth);
        let source = stream(&problem, NoiseLaw::Laplace);
        let mut settings = train::TrainSettings::new(0.02, 4);
        settings.optimizer = Sgd {
            learning_rate: RateSchedule::constant(0.02),
            momentum: 0.5,
            weight_decay: 0.01,
        };
        settings.switch = Some(train::Switch {
            at_step: 0,
            samples,
        });
        let tape = linear(problem.widths());
        let training = train::Training::new(tape.clone(), LOSS, source.clone(), settings).unwrap();
        let start = Init::Kaiming { gain: 1.0 }.weights(&tape, seed);
        let mut trainer = train::Trainer::<f64>::start(&training, &start, seed).unwrap();
        trainer.run_to(steps);

        let mut batch = Objective::<f64>::new(tape, LOSS, samples);
        Sampler::new(&source, seed).fill_fixed(0, 4, &mut batch);
        let x = Mat::from_fn(3, samples, |i, b| batch.inputs_mut().line(i)[b]);
        let y = Mat::from_fn(2, samples, |i, b| batch.targets_mut().line(i)[b]);
        let mean = faer::Scale(1.0 / samples as f64);
        let (s_xx, s_yx) = (mean * &x * x.transpose(), mean * &y * x.transpose());
        let switch = simulate::Switch {
            at_step: 0,
            samples,
        };
        let white = simulators_white_moment(seed, switch, 3);
        let root = |s: &Mat<f64>| s.llt(Side::Lower).unwrap().L().to_owned();
        let inverse = |s: &Mat<f64>| {
            let mut inverse = Mat::<f64>::identity(3, 3);
            faer::linalg::solvers::Solve::solve_in_place(&s.partial_piv_lu(), &mut inverse);
            inverse
        };
        let l = root(&s_xx) * inverse(&root(&white));
        let twin = Problem::with_hidden_widths(
            &l * l.transpose(),
            s_yx * inverse(&s_xx),
            Mat::zeros(2, 2),
            depth,
            &problem.widths()[1..depth],
        )
        .unwrap();
        let mut settings = simulate::SimulateSettings::new(0.02, 4);
        (settings.recipe.momentum, settings.recipe.weight_decay) = (0.5, 0.01);
        settings.init = simulate::InitialWeights::Given(layers(&twin, &start));
        settings.switch = Some(switch);
        let mut ensemble = simulate::Ensemble::start(&twin, &settings, &[seed]).unwrap();
        ensemble.run_to(steps);
        let weights = ensemble.weights()[0].clone().unwrap();
        let moved = trainer.parameters().iter().zip(&start);
        assert!(moved.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max) > 0.1);
        let name = format!("depth {depth}");
        let found = row_major(weights.layers());
        assert_close(&name, &found, trainer.parameters(), 1e-10);
    }
}

/// Mean and standard error of each quantity over the seeds.
fn means(runs: &[Vec<f64>]) -> Vec<(f64, f64)> {
    let n = runs.len() as f64;
    let one = |k: usize| {
        let mean = runs.iter().map(|run| run[k]).sum::<f64>() / n;
        let squares: f64 = runs.iter().map(|run| (run[k] - mean).powi(2)).sum();
        (mean, (squares / (n - 1.0) / n).sqrt())
    };
    (0..runs[0].len()).map(one).collect()
}

/// What two engines should agree on: each weight's move, the squares and neighbouring products of the
/// moves, and the product of all layers.
fn quantities(problem: &Problem, start: &[f64], parameters: &[f64]) -> Vec<f64> {
    let moved: Vec<f64> = parameters.iter().zip(start).map(|(a, b)| a - b).collect();
    let mut all = moved.clone();
    all.extend(moved.iter().map(|d| d * d));
    all.extend(moved.windows(2).map(|d| d[0] * d[1]));
    all.extend(row_major(&[layers(problem, parameters).product()]));
    all
}

/// 3000 seeds in each engine, after 60 steps of a size at which noise moves the weights as much as the
/// gradient does. Each mean differs by less than 5 standard errors: with 3 · 26 − 1 + 6 = 83 quantities or
/// fewer, 3 depths and 2 laws, a false alarm has a chance below 498 · 5.8·10⁻⁷ = 0.03 %.
#[test]
fn sgd_on_fresh_samples_has_the_simulators_law() {
    let (steps, seeds) = (60, 1..=3000u64);
    let seeds: Vec<u64> = seeds.collect();
    for law in [NoiseLaw::Gaussian, NoiseLaw::Laplace] {
        for depth in 1..=3 {
            let problem = problem(depth);
            let tape = linear(problem.widths());
            let start = Init::Kaiming { gain: 1.0 }.weights(&tape, 1);
            let settings = train::TrainSettings::new(0.03, 4);
            let source = stream(&problem, law);
            let training = train::Training::new(tape, LOSS, source, settings).unwrap();
            let trained = seeds.iter().map(|&seed| {
                let mut trainer = train::Trainer::<f64>::start(&training, &start, seed).unwrap();
                trainer.run_to(steps);
                quantities(&problem, &start, trainer.parameters())
            });
            let trained: Vec<_> = trained.collect();

            let mut settings = simulate::SimulateSettings::new(0.03, 4);
            settings.data.noise = law;
            settings.init = simulate::InitialWeights::Given(layers(&problem, &start));
            let mut ensemble = simulate::Ensemble::start(&problem, &settings, &seeds).unwrap();
            ensemble.run_to(steps);
            let simulated = ensemble.weights().into_iter().map(|weights| {
                let weights = row_major(weights.unwrap().layers());
                quantities(&problem, &start, &weights)
            });
            let simulated: Vec<_> = simulated.collect();

            let pairs = means(&trained).into_iter().zip(means(&simulated));
            for (k, ((found, error), (exact, other))) in pairs.enumerate() {
                let z = (found - exact) / error.hypot(other);
                assert!(
                    z.abs() < 5.0,
                    "{law:?}, depth {depth}, quantity {k}: {found} and {exact}, z = {z}"
                );
            }
        }
    }
}
