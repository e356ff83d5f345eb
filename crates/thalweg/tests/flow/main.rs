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
use thalweg::flow::{FlowSettings, descend};
use thalweg::problem::{Problem, Weights};
use thalweg::random::{Purpose, Stream};

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
