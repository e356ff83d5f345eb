//! What is said of memory before work begins, against what the work then takes: an allocator counts.

#![allow(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, Par};
use thalweg::curvature::{EigenSettings, End, TraceSettings, eigenpairs};
use thalweg::data::{LabelNoise, Source, TeacherStream};
use thalweg::evaluation::{CurvedLoss, Evaluation};
use thalweg::flow::{self, Drift, Times};
use thalweg::loss::{Convention, Loss};
use thalweg::model::{Init, Mlp, Network};
use thalweg::problem::{Basis, Problem, covariance, spectrum, teacher};
use thalweg::simulate::{self, Ensemble};
use thalweg::tensor::Activation;
use thalweg::theory;
use thalweg::train::{self, Trainer, Training, run_together};

/// Counts the bytes that are there, and the most that were.
struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

fn more(bytes: usize) {
    let now = NOW.fetch_add(bytes, Relaxed) + bytes;
    MOST.fetch_max(now, Relaxed);
}

// SAFETY: everything is left to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        more(layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Old and new are both there while the content moves.
        more(size);
        NOW.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's promise.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The bytes that `work` takes at its peak, beside those that are there before it: among them the matrix
/// library's room for products, which every thread takes once and which depends on the processor alone.
fn peak<R>(work: impl FnOnce() -> R) -> u64 {
    // In sequence, or one thread might do another's share and leave it without its room until later.
    let product = || {
        let matrix = Mat::<f64>::identity(100, 100);
        let mut product = Mat::zeros(100, 100);
        matmul(
            &mut product,
            Accum::Replace,
            &matrix,
            &matrix,
            1.0,
            Par::Seq,
        );
    };
    product();
    rayon::broadcast(|_| product());
    let before = NOW.load(Relaxed);
    MOST.store(before, Relaxed);
    drop(work());
    (MOST.load(Relaxed) - before) as u64
}

/// An estimate is never below the peak by more than a tenth, nor above it by more than this factor.
const GENEROUS: f64 = 2.5;

/// What does not grow with the problem: threads' stacks of work, tables.
const BESIDE: u64 = 1 << 20;

fn assert_honest(what: &str, estimate: u64, peak: u64) {
    assert!(
        estimate + BESIDE >= peak - peak / 10,
        "{what}: {estimate} bytes were estimated and {peak} taken"
    );
    assert!(
        estimate as f64 <= GENEROUS * peak as f64 + BESIDE as f64,
        "{what}: {estimate} bytes were estimated and only {peak} taken"
    );
}

/// Spectra that no matrix is made simple by, in random bases.
fn problem(inputs: usize, outputs: usize, hidden: &[usize]) -> Problem {
    let basis = |seed| Basis::Random { seed };
    let least = inputs.min(outputs);
    let values = spectrum::power_law(least, 0.3);
    Problem::with_hidden_widths(
        covariance::from_spectrum(&spectrum::power_law(inputs, 0.5), basis(1)),
        teacher::from_singular_values(outputs, inputs, &values, basis(2), basis(3)),
        covariance::from_spectrum(&spectrum::power_law(outputs, 1.0), basis(4)),
        hidden.len() + 1,
        hidden,
    )
    .unwrap()
}

fn a_problem_and_its_prediction() {
    for (inputs, outputs) in [(100, 100), (300, 300), (400, 50), (50, 400)] {
        let width = inputs.max(outputs);
        let peak = peak(|| {
            let problem = problem(inputs, outputs, &[width, width]);
            theory::predict(&problem).unwrap().sharpness
        });
        let estimate = theory::memory(inputs, outputs);
        assert_honest(&format!("predict {inputs} → {outputs}"), estimate, peak);
    }
}

fn the_flow() {
    for (widths, drift) in [
        (&[8, 8, 8, 8, 8][..], Drift::Symmetric),
        (&[16, 16, 16, 16], Drift::Symmetric),
        (&[10, 20, 10], Drift::Symmetric),
        (&[8, 8, 8, 8], Drift::Exact),
    ] {
        let depth = widths.len() - 1;
        let problem = problem(widths[0], widths[depth], &widths[1..depth]);
        let start = simulate::SimulateSettings::new(0.01, 10);
        let start = Ensemble::start(&problem, &start, &[1]).unwrap();
        let start = start.weights().remove(0).unwrap();
        let peak = peak(|| {
            let settings = flow::FlowSettings {
                drift,
                ..flow::FlowSettings::default()
            };
            let descent = flow::descend(&problem, &start, &settings).unwrap();
            let times = Times::Slow(vec![0.0, 0.001]);
            flow::slow_flow(&problem, &descent.weights, &times, &settings).unwrap()
        });
        let estimate = flow::memory(widths, drift);
        assert_honest(&format!("flow {widths:?} {drift:?}"), estimate, peak);
    }
}

fn an_ensemble() {
    let threads = rayon::current_num_threads();
    let finite = |samples| simulate::Data {
        source: simulate::SampleSource::Finite {
            samples,
            replacement: false,
        },
        ..simulate::Data::default()
    };
    let plain = simulate::SimulateSettings::new(1e-4, 10);
    let cases = [
        (2, 3, 4096, plain.clone()),
        (
            2,
            2,
            5,
            simulate::SimulateSettings {
                data: finite(200_000),
                ..plain.clone()
            },
        ),
        (
            100,
            2,
            4,
            simulate::SimulateSettings {
                recipe: thalweg::recipe::Recipe {
                    momentum: 0.9,
                    ..Default::default()
                },
                ..plain.clone()
            },
        ),
        (200, 3, 2, plain.clone()),
        (
            20,
            2,
            3,
            simulate::SimulateSettings {
                data: simulate::Data {
                    sample_by_sample: true,
                    ..simulate::Data::default()
                },
                batch: 20_000,
                ..plain
            },
        ),
    ];
    for (width, depth, seeds, settings) in cases {
        let problem = problem(width, width, &vec![width; depth - 1]);
        let all: Vec<u64> = (0..seeds).collect();
        let peak = peak(|| {
            let mut ensemble = Ensemble::start(&problem, &settings, &all).unwrap();
            ensemble.run_to(2);
            (ensemble.observe(), ensemble.snapshot())
        });
        let estimate = simulate::memory(problem.widths(), &settings, all.len(), threads);
        let what = format!("simulate {width}, {depth} layers, {seeds} seeds");
        assert_honest(&what, estimate, peak);
    }
}

const LOSS: Loss = Loss::SquaredError(Convention::Half);

/// A perceptron on a teacher's stream.
fn training(inputs: usize, hidden: usize, batch: usize) -> Training {
    let network = |inputs, hidden: usize| {
        Network::Mlp(Mlp {
            widths: vec![inputs, hidden, 2],
            activation: Activation::Tanh,
            biases: true,
        })
    };
    let tape = Arc::new(network(inputs, hidden).tape().unwrap());
    let teacher = network(inputs, 8).tape().unwrap();
    let weights = Init::Kaiming { gain: 1.0 }.weights(&teacher, 7);
    let noise = LabelNoise::none(2);
    let covariance = Mat::identity(inputs, inputs);
    let stream = TeacherStream::new(teacher, weights, covariance, noise).unwrap();
    let settings = train::TrainSettings::new(0.01, batch);
    Training::new(tape, LOSS, Source::from(stream), settings).unwrap()
}

fn a_training() {
    let threads = rayon::current_num_threads();
    for (inputs, hidden, batch, seeds) in [(2, 2000, 2, 16), (20, 500, 500, 4), (300, 300, 64, 3)] {
        let training = training(inputs, hidden, batch);
        let peak = peak(|| {
            let init = Init::Kaiming { gain: 1.0 };
            let mut runs: Vec<Trainer<f64>> = (0..seeds)
                .map(|seed| {
                    let start = init.weights(training.tape(), seed);
                    Trainer::start(&training, &start, seed).unwrap()
                })
                .collect();
            run_together(&training, &mut runs, 2);
            runs.iter().map(Trainer::snapshot).collect::<Vec<_>>()
        });
        let estimate = training.memory::<f64>(seeds as usize, threads);
        let what = format!("train {inputs} → {hidden} → 2, {batch} samples, {seeds} seeds");
        assert_honest(&what, estimate, peak);
    }
}

fn an_evaluation() {
    let threads = rayon::current_num_threads();
    for (inputs, hidden, samples) in [(20, 100, 2000), (2, 500, 300), (30, 60, 3000)] {
        let training = training(inputs, hidden, 10);
        let tape = Arc::clone(training.tape());
        let theta = Init::Kaiming { gain: 1.0 }.weights(&tape, 1);
        let set = Arc::new(training.source().clone()).evaluation(3, samples);
        let products = 40;
        let peak = peak(|| {
            let set = set.clone();
            let mut evaluation =
                Evaluation::new(Arc::clone(&tape), LOSS, set, Evaluation::BATCH).unwrap();
            let trace = TraceSettings::new(products);
            evaluation.hessian_trace(&theta, &trace).unwrap();
            let eigen = EigenSettings::new(1, End::Top);
            eigenpairs(&mut evaluation.hessian(&theta).unwrap(), &eigen, None).unwrap()
        });
        let vectors = 2 * 64.max(products);
        let estimate = Evaluation::memory(&tape, samples, vectors, threads);
        let what = format!("evaluate {inputs} → {hidden} → 2 on {samples} samples");
        assert_honest(&what, estimate, peak);
    }
}

/// One after the other and in one thread: the counts are those of the whole process, and a thread that ends gives its room
/// for products back while the next one is measured.
#[test]
fn estimates_are_near_what_is_taken() {
    a_problem_and_its_prediction();
    the_flow();
    an_ensemble();
    a_training();
    an_evaluation();
}
