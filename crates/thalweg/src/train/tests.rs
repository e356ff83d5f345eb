//! Runs: stopped and resumed, switched, diverged.

use std::sync::Arc;

use faer::Mat;

use super::*;
use crate::data::{LabelNoise, LabelledSet, Place, Sampler, Source, TeacherStream};
use crate::lanes::forced;
use crate::loss::{Convention, Loss, Objective};
use crate::model::{Init, Mlp, Network, Read, Rnn, Transformer};
use crate::optimizer::{Decay, RateSchedule, Sgd};
use crate::outcome::Outcome;
use crate::random::NoiseLaw;
use crate::tensor::{Activation, Real, Tape};

fn mlp(widths: &[usize]) -> Arc<Tape> {
    let mlp = Mlp {
        widths: widths.to_vec(),
        activation: Activation::Relu,
        biases: true,
    };
    Arc::new(mlp.tape().unwrap())
}

fn stream() -> Source {
    let tape = mlp(&[2, 10, 2]);
    let weights = Init::Kaiming { gain: 1.0 }.teacher_weights(&tape, 1);
    let noise = LabelNoise::gaussian(&[1.0, 0.1]);
    TeacherStream::new((*tape).clone(), weights, Mat::identity(2, 2), noise)
        .unwrap()
        .into()
}

fn set() -> Source {
    let inputs = Mat::from_fn(2, 30, |i, j| (j as f32 * 0.7 + i as f32).sin());
    let noise = LabelNoise {
        covariance: Mat::identity(2, 2),
        law: NoiseLaw::Laplace,
        place: Place::Logits,
    };
    LabelledSet::new(inputs, (0..30).map(|j| j % 2).collect(), 2, noise)
        .unwrap()
        .into()
}

fn settings(switch: Option<Switch>) -> TrainSettings {
    TrainSettings {
        optimizer: Sgd {
            learning_rate: RateSchedule {
                base: 0.05,
                warmup: 5,
                decay: Decay::Steps {
                    every: 20,
                    factor: 0.5,
                },
            },
            momentum: 0.9,
            weight_decay: 0.01,
        },
        batch: 7,
        switch,
    }
}

fn start<T: Real>(training: &Training, seed: u64) -> Trainer<T> {
    let init = Init::Kaiming { gain: 1.0 }.weights(training.tape(), seed);
    Trainer::start(training, &init, seed).unwrap()
}

fn resumes_exactly<T: Real>(training: &Training) {
    let mut straight = start::<T>(training, 3);
    straight.run_to(60);
    assert_eq!(
        (straight.step(), straight.outcome()),
        (60, Outcome::Running)
    );
    for stops in [&[1, 2, 30][..], &[29, 45], &[60]] {
        let mut run = start::<T>(training, 3);
        for &stop in stops {
            run.run_to(stop);
            let json = serde_json::to_string(&run.snapshot()).unwrap();
            let snapshot = serde_json::from_str(&json).unwrap();
            run = Trainer::resume(training, &snapshot).unwrap();
        }
        run.run_to(60);
        assert_eq!(run.snapshot(), straight.snapshot());
    }
}

#[test]
fn a_resumed_run_is_the_same_run() {
    let switch = Switch {
        at_step: 30,
        samples: 50,
    };
    for switch in [None, Some(switch)] {
        for (source, loss) in [
            (stream(), Loss::SquaredError(Convention::Half)),
            (set(), Loss::CrossEntropy),
        ] {
            let tape = mlp(&[2, 4, 2]);
            let training = Training::new(tape, loss, source, settings(switch)).unwrap();
            resumes_exactly::<f64>(&training);
            resumes_exactly::<f32>(&training);
        }
    }
}

/// Runs side by side are the runs alone: more of them than lanes, and some that start later.
fn together_exactly<T: Real>(training: &Training) {
    assert!(training.lanes::<T>(11) > 1);
    let mut alone: Vec<_> = (0..11).map(|seed| start::<T>(training, seed)).collect();
    for run in &mut alone[3..5] {
        run.run_to(10);
    }
    let mut together = alone.clone();
    for step in [20, 45] {
        for run in &mut alone {
            run.run_to(step);
        }
        run_together(training, &mut together, step);
        for (run, exact) in together.iter().zip(&alone) {
            assert_eq!(run.snapshot(), exact.snapshot());
        }
    }
}

#[test]
fn runs_side_by_side_are_the_runs_alone() {
    let sequence = Rnn {
        inputs: 2,
        hidden: 3,
        outputs: 2,
        steps: 3,
        activation: Activation::Tanh,
        biases: true,
        read: Read::Last,
    };
    let sequence = Arc::new(sequence.tape().unwrap());
    let weights = Init::Kaiming { gain: 1.0 }.teacher_weights(&sequence, 1);
    let noise = LabelNoise::gaussian(&[1.0, 0.1]);
    let recurrent = TeacherStream::new((*sequence).clone(), weights, Mat::identity(2, 2), noise);
    let switch = Switch {
        at_step: 30,
        samples: 50,
    };
    for (tape, source, loss) in [
        (
            mlp(&[2, 4, 2]),
            stream(),
            Loss::SquaredError(Convention::Half),
        ),
        (mlp(&[2, 4, 2]), set(), Loss::CrossEntropy),
        (sequence, recurrent.unwrap().into(), Loss::CrossEntropy),
    ] {
        for switch in [None, Some(switch)] {
            let settings = settings(switch);
            let training = Training::new(Arc::clone(&tape), loss, source.clone(), settings);
            together_exactly::<f64>(training.as_ref().unwrap());
            together_exactly::<f32>(&training.unwrap());
        }
    }
}

/// A run that diverges leaves its lane as it was then, and the others go on.
#[test]
fn lanes_diverge_one_by_one() {
    let settings = TrainSettings::new(0.9, 2);
    let loss = Loss::SquaredError(Convention::Half);
    let training = Training::new(mlp(&[2, 4, 2]), loss, stream(), settings).unwrap();
    assert_eq!(training.lanes::<f64>(6), 4);
    let mut alone: Vec<_> = (0..6).map(|seed| start::<f64>(&training, seed)).collect();
    let mut together = alone.clone();
    for run in &mut alone {
        run.run_to(300);
    }
    run_together(&training, &mut together, 300);
    let ends: Vec<_> = alone.iter().map(Trainer::step).collect();
    assert!(ends.iter().any(|&end| end != ends[0]), "{ends:?}");
    for (run, exact) in together.iter().zip(&alone) {
        assert_eq!(run.snapshot(), exact.snapshot());
    }
}

/// The trainer against a loop that says what it should do.
#[test]
fn after_the_switch_it_is_gradient_descent_on_one_batch() {
    let switch = Switch {
        at_step: 20,
        samples: 40,
    };
    let mut plain = TrainSettings::new(0.05, 7);
    plain.switch = Some(switch);
    let loss = Loss::SquaredError(Convention::Half);
    for source in [stream(), set()] {
        let training = Training::new(mlp(&[2, 4, 2]), loss, source.clone(), plain).unwrap();
        let mut run = start::<f64>(&training, 5);
        run.run_to(20);
        let mut theta = run.parameters().to_vec();
        let mut objective = Objective::new(Arc::clone(training.tape()), loss, 40);
        Sampler::new(&source, 5).fill_fixed(20, 7, &mut objective);
        let (mut gradient, mut losses) = (vec![0.0; theta.len()], vec![0.0; 40]);
        let mut last = f64::INFINITY;
        for step in 20..80 {
            objective.gradient(&theta, &mut gradient);
            for (theta, g) in theta.iter_mut().zip(&gradient) {
                *theta = (-0.05f64).mul_add(*g, *theta);
            }
            run.run_to(step + 1);
            assert_eq!(run.parameters(), theta);
            objective.sample_losses(&theta, &mut losses);
            let now = losses.iter().sum::<f64>();
            assert!(now < last, "step {step}: {last} to {now}");
            last = now;
        }
    }
}

/// A batch drawn for the switch is none of the run's minibatches.
#[test]
fn the_fixed_batch_is_fresh() {
    let source = stream();
    let draw = |fixed: bool| {
        let loss = Loss::CrossEntropy;
        let mut objective = Objective::<f64>::new(mlp(&[2, 2]), loss, 7);
        let mut sampler = Sampler::new(&source, 5);
        match fixed {
            true => sampler.fill_fixed(20, 7, &mut objective),
            false => sampler.fill(20, &mut objective),
        }
        objective.inputs_mut().line(0).to_vec()
    };
    assert_ne!(draw(true), draw(false));
}

#[test]
fn training_learns() {
    let loss = Loss::SquaredError(Convention::Half);
    let source = stream();
    let training = Training::new(
        mlp(&[2, 16, 2]),
        loss,
        source.clone(),
        TrainSettings::new(0.05, 20),
    );
    let training = training.unwrap();
    let clean = source.clean(0, 200);
    let mut objective = Objective::<f64>::new(Arc::clone(training.tape()), loss, 200);
    for sample in 0..200 {
        for row in 0..2 {
            objective.inputs_mut().line(row)[sample] = clean.inputs[(row, sample)];
            objective.targets_mut().line(row)[sample] = clean.targets[(row, sample)];
        }
    }
    let mut excess = |theta: &[f64]| {
        let mut losses = vec![0.0; 200];
        objective.sample_losses(theta, &mut losses);
        losses.iter().sum::<f64>() / 200.0
    };
    let mut run = start::<f64>(&training, 2);
    let before = excess(run.parameters());
    run.run_to(3000);
    let after = excess(run.parameters());
    assert!(after < 0.1 * before, "{before} to {after}");
}

#[test]
fn divergence_is_an_outcome() {
    let loss = Loss::SquaredError(Convention::Half);
    let settings = TrainSettings::new(50.0, 7);
    let training = Training::new(mlp(&[2, 4, 2]), loss, stream(), settings).unwrap();
    let mut run = start::<f32>(&training, 1);
    run.run_to(1000);
    let Outcome::Diverged { step } = run.outcome() else {
        panic!("{:?}", run.outcome())
    };
    assert!((1..100).contains(&step) && run.step() == step);
    let snapshot = run.snapshot();
    let mut resumed = Trainer::<f32>::resume(&training, &snapshot).unwrap();
    resumed.run_to(2000);
    assert_eq!(resumed.snapshot(), snapshot);
}

#[test]
fn what_cannot_be_trained_is_refused() {
    let loss = Loss::SquaredError(Convention::Half);
    let with = |widths: &[usize], settings| Training::new(mlp(widths), loss, stream(), settings);
    assert!(matches!(
        with(&[3, 2], settings(None)),
        Err(TrainError::Data(_))
    ));
    let bad = with(&[2, 2], TrainSettings::new(-1.0, 7));
    assert!(matches!(bad, Err(TrainError::Optimizer(_))));
    let bad = with(&[2, 2], TrainSettings::new(0.1, 0));
    assert!(matches!(
        bad,
        Err(TrainError::Samples { field: "batch", .. })
    ));
    let switch = Some(Switch {
        at_step: 3,
        samples: 0,
    });
    let bad = with(&[2, 2], settings(switch));
    assert!(matches!(
        bad,
        Err(TrainError::Samples {
            field: "switch.samples",
            ..
        })
    ));

    let training = with(&[2, 2], settings(None)).unwrap();
    let start = |start: &[f64]| Trainer::<f32>::start(&training, start, 1).unwrap_err();
    assert!(matches!(
        start(&[0.0; 5]),
        TrainError::Start { expected: 6, .. }
    ));
    // Finite in f64 alone.
    assert!(matches!(
        start(&[1e39; 6]),
        TrainError::NotFinite { index: 1, .. }
    ));
    let mut snapshot = self::start::<f64>(&training, 1).snapshot();
    snapshot.memory.clear();
    let found = Trainer::<f64>::resume(&training, &snapshot).unwrap_err();
    assert!(
        matches!(
            found,
            TrainError::Snapshot {
                field: "memory",
                ..
            }
        ),
        "{found}"
    );
}

/// One network of each family, with every activation, normalisation, and products of every size.
fn networks() -> Vec<Network> {
    let mlp = |activation, widths: &[usize]| {
        Network::Mlp(Mlp {
            widths: widths.to_vec(),
            activation,
            biases: true,
        })
    };
    let mut networks = vec![
        mlp(Activation::Identity, &[2, 3, 2]),
        mlp(Activation::Relu, &[2, 5, 31, 7, 2]),
        mlp(Activation::Tanh, &[2, 16, 2]),
        mlp(Activation::Tanh, &[2, 300, 11, 2]),
        mlp(Activation::Gelu, &[2, 9, 2]),
        mlp(Activation::GeluTanh, &[2, 9, 2]),
    ];
    networks.push(Network::Rnn(Rnn {
        inputs: 2,
        hidden: 6,
        outputs: 2,
        steps: 4,
        activation: Activation::Tanh,
        biases: true,
        read: Read::Last,
    }));
    networks.push(Network::Transformer(Transformer {
        width: 4,
        positions: 3,
        heads: 2,
        hidden: 7,
        blocks: 2,
        causal: true,
        layer_norm: true,
        activation: Activation::Relu,
        biases: true,
    }));
    networks
}

/// A run's last state, with the processor's vector instructions and without.
fn both<T: Real>(training: &Training) -> [TrainerSnapshot; 2] {
    let run = || {
        let mut run = start::<T>(training, 3);
        run.run_to(25);
        run.snapshot()
    };
    [run(), forced::plain(run)]
}

/// Sums are taken in one order and every operation is rounded alike, whatever the width of the registers.
#[test]
fn numbers_do_not_depend_on_vector_instructions() {
    for network in networks() {
        let tape = Arc::new(network.tape().unwrap());
        let weights = Init::Kaiming { gain: 1.0 }.teacher_weights(&tape, 1);
        let inputs = tape.input().rows();
        for (loss, place) in [
            (Loss::SquaredError(Convention::Half), Place::Targets),
            (Loss::CrossEntropy, Place::Logits),
        ] {
            let noise = LabelNoise {
                covariance: Mat::identity(network.outputs(), network.outputs()),
                law: NoiseLaw::Laplace,
                place,
            };
            let covariance = Mat::identity(inputs, inputs);
            let stream =
                TeacherStream::new((*tape).clone(), weights.clone(), covariance, noise).unwrap();
            let mut settings = settings(None);
            settings.optimizer.learning_rate.base = 0.005;
            let training = Training::new(tape.clone(), loss, stream.into(), settings).unwrap();
            for [vectors, plain] in [both::<f32>(&training), both::<f64>(&training)] {
                assert_eq!((vectors.step, vectors.outcome), (25, Outcome::Running));
                assert!(vectors == plain, "{network:?}, {loss:?}");
            }
        }
    }
}
