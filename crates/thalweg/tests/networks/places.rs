//! Training steps changed in each of their three places, and samples of a kind that the library does not know.

use std::sync::Arc;

use faer::Mat;
use thalweg::data::{
    Batch, Draw, LabelNoise, LabelledSet, SampleLaw, SampleShape, Sampler, Source, TeacherStream,
};
use thalweg::loss::{Convention, Loss, Objective};
use thalweg::model::{Init, Mlp};
use thalweg::optimizer::{OptimizerError, Sgd};
use thalweg::random::{Bulk, NoiseLaw, Purpose};
use thalweg::tensor::{Activation, LinesMut, Number, Real, Tape};
use thalweg::train::{Drawn, Method, Room, Switch, TrainSettings, Trainer, Training, run_together};

const STEPS: u64 = 30;
pub(super) const BATCH: usize = 3;

/// Mirrored inputs, each sample's by a coin of its own, and labels smoothed by 10 %.
#[derive(Clone, Debug, PartialEq)]
struct Mirrored(Sgd);

const SMOOTHED: f64 = 0.1;

impl Method for Mirrored {
    fn validate(&self, _: &[usize]) -> Result<(), OptimizerError> {
        self.0.validate()
    }

    fn batch<T: Real>(&self, seed: u64, step: u64, drawn: Drawn<'_, T>) {
        let Drawn {
            mut inputs,
            mut targets,
            ..
        } = drawn;
        let mut words = vec![0; inputs.batch()];
        Bulk::new(seed, Purpose::Changes, step).words(&mut words);
        for line in 0..inputs.count() {
            for (x, word) in inputs.line(line).iter_mut().zip(&words) {
                *x = if word % 2 == 0 { *x } else { -*x };
            }
        }
        let classes = targets.count();
        for line in 0..classes {
            for y in targets.line(line) {
                *y =
                    T::from_f64(1.0 - SMOOTHED).mul_add(*y, T::from_f64(SMOOTHED / classes as f64));
            }
        }
    }

    fn memory_len(&self, parameters: usize) -> usize {
        self.0.memory_len(parameters)
    }

    fn update<N: Number>(&self, step: u64, theta: &mut [N], memory: &mut [N], g: &[N]) -> N {
        self.0.update(step, theta, memory, g)
    }
}

/// The gradient at θ + ρ ∇L/‖∇L‖: two gradients a step.
#[derive(Clone, Debug, PartialEq)]
struct Ahead {
    rho: f64,
    then: Sgd,
}

impl Method for Ahead {
    fn validate(&self, _: &[usize]) -> Result<(), OptimizerError> {
        self.then.validate()
    }

    fn gradient<N: Number>(
        &self,
        _: u64,
        objective: &mut Objective<N>,
        theta: &[N],
        room: &mut Room<N>,
        gradient: &mut [N],
    ) {
        objective.gradient(theta, gradient);
        let squared = gradient.iter().fold(N::ZERO, |sum, &g| g.mul_add(g, sum));
        let scale = N::from_f64(self.rho) / squared.sqrt();
        let work = &mut room.vectors;
        work.clear();
        let ahead = theta.iter().zip(&*gradient);
        work.extend(ahead.map(|(&theta, &g)| scale.mul_add(g, theta)));
        objective.gradient(work, gradient);
    }

    fn memory_len(&self, parameters: usize) -> usize {
        self.then.memory_len(parameters)
    }

    fn update<N: Number>(&self, step: u64, theta: &mut [N], memory: &mut [N], g: &[N]) -> N {
        self.then.update(step, theta, memory, g)
    }
}

/// Adam without bias correction: two numbers remembered for each parameter.
#[derive(Clone, Debug, PartialEq)]
struct Adaptive {
    rate: f64,
}

const DECAYS: [f64; 2] = [0.9, 0.99];

impl Method for Adaptive {
    fn validate(&self, _: &[usize]) -> Result<(), OptimizerError> {
        if self.rate > 0.0 {
            return Ok(());
        }
        Err(OptimizerError {
            field: "rate",
            found: self.rate,
            right: "above 0",
        })
    }

    fn memory_len(&self, parameters: usize) -> usize {
        2 * parameters
    }

    fn update<N: Number>(&self, _: u64, theta: &mut [N], memory: &mut [N], gradient: &[N]) -> N {
        let (means, squares) = memory.split_at_mut(theta.len());
        let [kept, kept_squares] = DECAYS.map(N::from_f64);
        let [fresh, fresh_squares] = DECAYS.map(|decay| N::from_f64(1.0 - decay));
        let mut norm = N::ZERO;
        for (i, &g) in gradient.iter().enumerate() {
            means[i] = kept.mul_add(means[i], fresh * g);
            squares[i] = kept_squares.mul_add(squares[i], fresh_squares * (g * g));
            let direction = means[i] / (squares[i].sqrt() + N::from_f64(1e-8));
            theta[i] = N::from_f64(-self.rate).mul_add(direction, theta[i]);
            norm = theta[i].mul_add(theta[i], norm);
        }
        norm
    }
}

pub(super) fn tape(widths: &[usize]) -> Arc<Tape> {
    let mlp = Mlp {
        widths: widths.to_vec(),
        activation: Activation::Tanh,
        biases: true,
    };
    Arc::new(mlp.tape().unwrap())
}

pub(super) fn stream() -> Source {
    let tape = tape(&[2, 4, 2]);
    let weights = Init::Kaiming { gain: 1.0 }.teacher_weights(&tape, 1);
    let noise = LabelNoise::gaussian(&[1.0, 0.1]);
    TeacherStream::new((*tape).clone(), weights, Mat::identity(2, 2), noise)
        .unwrap()
        .into()
}

pub(super) fn set() -> Source {
    let inputs = Mat::from_fn(2, 10, |i, j| (j as f32 * 0.7 + i as f32).sin());
    let labels = (0..10).map(|j| j % 2).collect();
    LabelledSet::new(inputs, labels, 2, LabelNoise::none(2))
        .unwrap()
        .into()
}

pub(super) fn training<M: Method>(source: Source, loss: Loss, optimizer: M) -> Training<M> {
    let settings = TrainSettings {
        optimizer,
        batch: BATCH,
        switch: Some(Switch {
            at_step: 2 * STEPS,
            samples: 5,
        }),
    };
    Training::new(tape(&[2, 3, 2]), loss, source, settings).unwrap()
}

pub(super) fn start<T: Real, M: Method>(training: &Training<M>, seed: u64) -> Trainer<T, M> {
    let init = Init::Kaiming { gain: 1.0 }.weights(training.tape(), seed);
    Trainer::start(training, &init, seed).unwrap()
}

/// Runs in lanes are the runs alone, and resumed runs the straight ones, to the bit, before the switch and after it.
pub(super) fn to_the_bit<T: Real, M: Method>(training: &Training<M>) {
    assert!(training.lanes::<T>(9) > 1);
    let mut alone: Vec<Trainer<T, M>> = (0..9).map(|seed| start(training, seed)).collect();
    let mut together = alone.clone();
    for end in [STEPS, 3 * STEPS] {
        for run in &mut alone {
            run.run_to(end / 2);
            *run = Trainer::resume(training, &run.snapshot()).unwrap();
            run.run_to(end);
        }
        run_together(training, &mut together, end);
        for (run, exact) in together.iter().zip(&alone) {
            assert_eq!(run.snapshot(), exact.snapshot());
        }
    }
}

/// One run against a loop that says what the step should be: `step` gets the step's number, θ, what is remembered
/// and the gradient as a function of θ.
fn is_the_loop<M: Method>(
    training: &Training<M>,
    change: impl Fn(u64, &mut Mat<f64>, &mut Mat<f64>),
    mut step: impl FnMut(u64, &mut [f64], &mut dyn FnMut(&[f64]) -> Vec<f64>),
) {
    let seed = 4;
    let mut run = start::<f64, M>(training, seed);
    let mut theta = run.parameters().to_vec();
    let begin = theta.clone();
    let mut objective = Objective::<f64>::new(training.tape().clone(), training.loss(), BATCH);
    let mut sampler = Sampler::new(training.source(), seed);
    for number in 0..STEPS {
        sampler.fill(number, &mut objective);
        let (mut inputs, mut targets) = objective.samples_mut();
        let mut x = Mat::from_fn(2, BATCH, |i, b| inputs.line(i)[b]);
        let mut y = Mat::from_fn(2, BATCH, |i, b| targets.line(i)[b]);
        change(number, &mut x, &mut y);
        for i in 0..2 {
            for b in 0..BATCH {
                (inputs.line(i)[b], targets.line(i)[b]) = (x[(i, b)], y[(i, b)]);
            }
        }
        step(number, &mut theta, &mut |theta| {
            let mut gradient = vec![0.0; theta.len()];
            objective.gradient(theta, &mut gradient);
            gradient
        });
    }
    run.run_to(STEPS);
    let moved = theta.iter().zip(&begin).map(|(a, b)| (a - b).abs());
    assert!(moved.fold(0.0, f64::max) > 0.01);
    for (found, exact) in run.parameters().iter().zip(&theta) {
        assert!((found - exact).abs() < 1e-13, "{found} for {exact}");
    }
}

#[test]
fn a_batch_may_be_changed() {
    let training = training(set(), Loss::CrossEntropy, Mirrored(Sgd::new(0.1)));
    let change = |step, x: &mut Mat<f64>, y: &mut Mat<f64>| {
        let mut coins = [0; BATCH];
        Bulk::new(4, Purpose::Changes, step).words(&mut coins);
        for (b, coin) in coins.into_iter().enumerate() {
            for i in 0..2 {
                x[(i, b)] *= if coin % 2 == 0 { 1.0 } else { -1.0 };
                y[(i, b)] = 0.9 * y[(i, b)] + 0.05;
            }
        }
    };
    is_the_loop(&training, change, |_, theta, gradient| {
        let g = gradient(theta);
        theta.iter_mut().zip(g).for_each(|(x, g)| *x -= 0.1 * g);
    });
    to_the_bit::<f64, _>(&training);
    to_the_bit::<f32, _>(&training);
}

#[test]
fn a_gradient_may_be_taken_elsewhere() {
    let then = Sgd::new(0.05);
    let loss = Loss::SquaredError(Convention::Half);
    let training = training(stream(), loss, Ahead { rho: 0.3, then });
    is_the_loop(
        &training,
        |_, _, _| (),
        |_, theta, gradient| {
            let g = gradient(theta);
            let norm = g.iter().map(|g| g * g).sum::<f64>().sqrt();
            let ahead: Vec<f64> = theta
                .iter()
                .zip(&g)
                .map(|(x, g)| x + 0.3 * g / norm)
                .collect();
            let g = gradient(&ahead);
            theta.iter_mut().zip(g).for_each(|(x, g)| *x -= 0.05 * g);
        },
    );
    to_the_bit::<f64, _>(&training);
    to_the_bit::<f32, _>(&training);
}

#[test]
fn an_update_may_remember_more() {
    let loss = Loss::SquaredError(Convention::Half);
    let training = training(stream(), loss, Adaptive { rate: 0.02 });
    let count = training.tape().parameter_count();
    let (mut means, mut squares) = (vec![0.0; count], vec![0.0; count]);
    is_the_loop(
        &training,
        |_, _, _| (),
        |_, theta, gradient| {
            for (i, g) in gradient(theta).into_iter().enumerate() {
                means[i] = 0.9 * means[i] + 0.1 * g;
                squares[i] = 0.99 * squares[i] + (1.0 - 0.99) * g * g;
                theta[i] -= 0.02 * means[i] / (f64::sqrt(squares[i]) + 1e-8);
            }
        },
    );
    to_the_bit::<f64, _>(&training);
    to_the_bit::<f32, _>(&training);
    let settings = TrainSettings {
        optimizer: Adaptive { rate: 0.0 },
        batch: 1,
        switch: None,
    };
    let refused = Training::new(tape(&[2, 2]), loss, stream(), settings).unwrap_err();
    assert!(refused.to_string().contains("rate is 0"), "{refused}");
}

/// Points on a circle, x = (cos a, sin a), and y = (2 cos a, 0) + ε with ε uniform on [−√3, √3] in both rows.
#[derive(Debug)]
struct Circle;

#[derive(Clone, Debug)]
struct Angles(Vec<Vec<f64>>);

impl SampleLaw for Circle {
    type Draw<T: Real> = Angles;

    fn shapes(&self) -> [SampleShape; 2] {
        let row = SampleShape::Sequence {
            rows: 2,
            positions: 1,
        };
        [row; 2]
    }

    fn is_noisy(&self) -> bool {
        true
    }

    fn draw<T: Real>(self: &Arc<Self>, seeds: &[u64]) -> Angles {
        Angles(vec![Vec::new(); seeds.len()])
    }
}

impl<T: Real> Draw<T> for Angles {
    fn inputs(&mut self, run: usize, _: &Batch, random: &mut Bulk, mut to: LinesMut<'_, T>) {
        let mut words = vec![0; to.batch()];
        random.words(&mut words);
        let angle = |word: u32| f64::from(word) / 2f64.powi(32) * std::f64::consts::TAU;
        self.0[run] = words.into_iter().map(angle).collect();
        for (sample, angle) in self.0[run].iter().enumerate() {
            to.line(0)[sample] = T::from_f64(angle.cos());
            to.line(1)[sample] = T::from_f64(angle.sin());
        }
    }

    fn targets(&mut self, run: usize, noisy: bool, random: &mut Bulk, mut to: LinesMut<'_, T>) {
        let batch = to.batch();
        let mut noise = vec![0.0; Bulk::room(2 * batch)];
        if noisy {
            random.variates(NoiseLaw::Uniform, &mut noise);
        }
        for (sample, angle) in self.0[run].iter().enumerate() {
            to.line(0)[sample] = T::from_f64(2.0 * angle.cos() + noise[sample]);
            to.line(1)[sample] = T::from_f64(noise[batch + sample]);
        }
    }
}

#[test]
fn any_law_of_samples_will_do() {
    let source = Source::from(Circle);
    let samples = source.clean(1, 500);
    for (x, y) in samples.inputs.col_iter().zip(samples.targets.col_iter()) {
        assert!((x[0].hypot(x[1]) - 1.0).abs() < 1e-15);
        assert!((y[0] - 2.0 * x[0]).abs() < 1e-14 && y[1] == 0.0);
    }
    let noisy = source.evaluation(1, 500);
    assert_eq!(noisy.inputs, samples.inputs);
    let errors = &noisy.targets - &samples.targets;
    assert!(errors.norm_max() <= 3f64.sqrt() && errors.norm_max() > 1.5);
    let mut redraw = source.redraw(1, 500, 500).unwrap();
    assert_ne!(redraw.labels(0), noisy.targets);
    assert_ne!(redraw.labels(0), redraw.labels(1));
    let wide = tape(&[3, 2]);
    assert!(source.fits(&wide).is_err());

    let loss = Loss::SquaredError(Convention::Half);
    let training = training(source, loss, Sgd::new(0.05));
    to_the_bit::<f64, _>(&training);
    to_the_bit::<f32, _>(&training);
}
