//! The flows against references, against what is known of them exactly, and against SGD.
#![allow(clippy::unwrap_used, missing_docs)]

mod by_hand;
mod descent;
mod dropped_inputs;
mod finite;
mod forces;
mod left_out;
mod path;
mod practice;
mod properties;
mod reference;
mod sgd;
mod validity;
mod verdict;

use faer::Mat;
use thalweg::flow::{Drift, FlowSettings, Times, descend, rest, slow_flow};
use thalweg::problem::{Problem, Weights};
use thalweg::random::{Purpose, Stream};
use thalweg::theory::predict;

fn relative(found: f64, expected: f64) -> f64 {
    (found / expected - 1.0).abs()
}

/// Normal entries of variance 1/fan-in.
fn random_weights(problem: &Problem, seed: u64) -> Weights {
    let mut stream = Stream::new(seed, Purpose::Initial);
    let layers = problem.widths().windows(2).map(|pair| {
        let scale = (pair[0] as f64).sqrt().recip();
        Mat::from_fn(pair[1], pair[0], |_, _| scale * stream.normal())
    });
    Weights::new(problem, layers.collect()).unwrap()
}

/// The minimum that gradient flow reaches from random weights.
fn random_minimum(problem: &Problem, seed: u64) -> Weights {
    let start = random_weights(problem, seed);
    descend(problem, &start, &FlowSettings::default())
        .unwrap()
        .weights
}

fn diagonal(entries: &[f64]) -> Mat<f64> {
    Mat::from_fn(entries.len(), entries.len(), |i, j| {
        if i == j { entries[i] } else { 0.0 }
    })
}

/// By how many factors e T comes nearer to its end by the exact drift in the time 1/`rate`, late on the way there from Theorem 1's minimum.
fn e_folds(problem: &Problem, rate: f64) -> f64 {
    let settings = FlowSettings {
        drift: Drift::Exact,
        tolerance: 1e-9,
        ..FlowSettings::default()
    };
    let end = rest(problem, &settings).unwrap();
    let independent = problem.with_independent_noise();
    let start = predict(&independent).unwrap().minimum.weights().unwrap();
    let times = Times::Slow(vec![6.0 / rate, 7.0 / rate, 40.0 / rate]);
    let path = slow_flow(problem, &start, &times, &settings).unwrap();
    let [from, to, last] = [0, 1, 2].map(|i| path.snapshots[i].sharpness);
    assert!((last / end.sharpness - 1.0).abs() < 1e-4, "{last} {end:?}");
    ((from - last) / (to - last)).ln()
}
