//! Nothing is allocated once warm by training steps, products and the samples' parts in them: an allocator counts.

#![allow(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

use faer::Mat;
use thalweg::data::{
    LabelNoise, LabelledSet, Place, Sampling, Source, TeacherStream, symmetric_flips,
};
use thalweg::loss::{Convention, Loss, Objective};
use thalweg::model::{Init, LanguageModel, Mlp, Read, Rnn, Transformer};
use thalweg::optimizer::{Decay, RateSchedule, Sgd};
use thalweg::random::NoiseLaw;
use thalweg::tensor::{Activation, Block, Real, Tape};
use thalweg::train::{Switch, TrainSettings, Trainer, Training, run_together};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: everything is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(tape: Tape, loss: Loss) -> (usize, usize) {
    let n = tape.parameter_count();
    let blocks = tape.parameters().len();
    let mut objective = Objective::<f32>::new(Arc::new(tape), loss, 50);
    let parameters = vec![0.1; n];
    let directions = vec![0.2; 2 * n];
    let (mut gradient, mut products) = (vec![0.0; n], vec![0.0; 2 * n]);
    let mut norms = Block::zeros(blocks, 50);
    let mut pass = |batch: usize| {
        let before = ALLOCATIONS.get();
        objective.resize(batch);
        norms.resize(batch);
        objective.gradient(&parameters, &mut gradient);
        objective.hessian(&parameters, &directions, &mut products);
        objective.gauss_newton(&parameters, &directions, &mut products);
        objective.sample_squared_norms(&mut norms);
        objective.mean_squares(&mut gradient);
        ALLOCATIONS.get() - before
    };
    let cold = pass(50);
    // A smaller batch, as at the end of an epoch, and back.
    (cold, pass(50) + pass(17) + pass(50))
}

#[test]
fn nothing_is_allocated_once_warm() {
    let mlp = Mlp {
        widths: vec![3, 7, 2],
        activation: Activation::Gelu,
        biases: true,
    };
    // So large a matrix that it goes by its inputs' zeros, of which there are no others here.
    let sparse = Mlp {
        widths: vec![300, 4, 2],
        ..mlp.clone()
    };
    let rnn = Rnn {
        inputs: 2,
        hidden: 3,
        outputs: 2,
        steps: 3,
        activation: Activation::Tanh,
        biases: true,
        read: Read::Every,
    };
    let transformer = Transformer {
        width: 4,
        positions: 3,
        heads: 2,
        hidden: 5,
        blocks: 2,
        causal: true,
        layer_norm: true,
        activation: Activation::Relu,
        biases: true,
    };
    let language_model = LanguageModel {
        tokens: 6,
        width: 4,
        positions: 3,
        heads: 2,
        hidden: 5,
        blocks: 1,
        layer_norm: true,
        activation: Activation::Gelu,
        biases: true,
    };
    let losses = [
        Loss::SquaredError(Convention::Half),
        Loss::CrossEntropy,
        Loss::MeanCrossEntropy,
    ];
    for loss in losses {
        for tape in [
            mlp.tape(),
            sparse.tape(),
            rnn.tape(),
            transformer.tape(),
            language_model.tape(),
        ] {
            let (cold, warm) = allocations(tape.unwrap(), loss);
            assert!(cold > 0, "the counter counts");
            assert_eq!(warm, 0);
        }
    }
}

fn noise(law: NoiseLaw, place: Place) -> LabelNoise {
    LabelNoise {
        covariance: faer::mat![[1.0, 0.3], [0.3, 0.5]],
        law,
        place,
    }
}

/// Fresh samples, and a labelled set visited in every order.
fn sources(tape: &Tape) -> Vec<Source> {
    let mut sources = Vec::new();
    for law in [
        NoiseLaw::Gaussian,
        NoiseLaw::Laplace,
        NoiseLaw::StudentT { degrees: 5.0 },
        NoiseLaw::Uniform,
    ] {
        let weights = Init::Kaiming { gain: 1.0 }.teacher_weights(tape, 1);
        let noise = noise(law, Place::Targets);
        let stream = TeacherStream::new(tape.clone(), weights, Mat::identity(3, 3), noise);
        sources.push(stream.unwrap().into());
    }
    for sampling in [
        Sampling::Shuffled,
        Sampling::Replacement,
        Sampling::Classes(vec![3.0, 1.0]),
    ] {
        let inputs = Mat::from_fn(3, 23, |i, j| ((i + 3 * j) as f32).sin());
        let noise = noise(NoiseLaw::Gaussian, Place::Logits);
        let set = LabelledSet::new(inputs, (0..23).map(|j| j % 2).collect(), 2, noise);
        let set = set.unwrap().visited(sampling).unwrap();
        let set = set.flipped(&symmetric_flips(2, 0.1).unwrap()).unwrap();
        sources.push(set.into());
    }
    sources
}

/// Of steps 10 to 40 of a run, or of those that follow its switch. A batch of 7 makes shuffled epochs of 23 begin
/// on the way.
fn steps<T: Real>(training: &Training) -> [usize; 2] {
    let start = Init::Kaiming { gain: 1.0 }.weights(training.tape(), 1);
    let mut trainer = Trainer::<T>::start(training, &start, 1).unwrap();
    [(10, 40), (60, 90)].map(|(warm, end)| {
        trainer.run_to(warm);
        let before = ALLOCATIONS.get();
        trainer.run_to(end);
        assert_eq!(trainer.step(), end);
        ALLOCATIONS.get() - before
    })
}

/// Of `count` steps that eight runs make side by side, lanes and all.
fn together<T: Real>(training: &Training, count: u64) -> usize {
    let start = |seed| {
        let start = Init::Kaiming { gain: 1.0 }.weights(training.tape(), seed);
        Trainer::<T>::start(training, &start, seed).unwrap()
    };
    let mut runs: Vec<_> = (0..8).map(start).collect();
    let large = training
        .tape()
        .parameters()
        .iter()
        .any(|p| p.rows * p.columns >= 1024);
    assert!(large || training.lanes::<T>(8) == 8);
    let before = ALLOCATIONS.get();
    run_together(training, &mut runs, count);
    assert!(runs.iter().all(|run| run.step() == count));
    ALLOCATIONS.get() - before
}

/// Neither drawing samples nor a step allocates, before and after the switch to gradient descent.
#[test]
fn a_training_step_allocates_nothing_once_warm() {
    let optimizer = Sgd {
        learning_rate: RateSchedule {
            base: 0.003,
            warmup: 5,
            decay: Decay::Steps {
                every: 20,
                factor: 0.5,
            },
        },
        momentum: 0.9,
        weight_decay: 0.01,
    };
    let switch = Some(Switch {
        at_step: 50,
        samples: 20,
    });
    let settings = TrainSettings {
        optimizer,
        batch: 7,
        switch,
    };
    for widths in [vec![3, 8, 2], vec![3, 30, 30, 2], vec![3, 300, 20, 2]] {
        let mlp = Mlp {
            widths,
            activation: Activation::Gelu,
            biases: true,
        };
        let tape = Arc::new(mlp.tape().unwrap());
        for loss in [Loss::SquaredError(Convention::Half), Loss::CrossEntropy] {
            for (index, source) in sources(&tape).into_iter().enumerate() {
                let training = Training::new(tape.clone(), loss, source, settings).unwrap();
                assert_eq!(steps::<f32>(&training), [0, 0], "{mlp:?}, source {index}");
                assert_eq!(steps::<f64>(&training), [0, 0], "{mlp:?}, source {index}");
                let lanes = [10, 40].map(|count| together::<f32>(&training, count));
                assert_eq!(lanes[0], lanes[1], "{mlp:?}, source {index}");
            }
        }
    }
}
