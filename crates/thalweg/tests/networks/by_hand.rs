//! Data and residuals whose numbers are small enough to be worked out by hand.

use std::sync::Arc;

use faer::{Mat, mat};
use thalweg::data::{LabelNoise, LabelledSet, Sampler, Samples, Sampling, Source};
use thalweg::evaluation::Evaluation;
use thalweg::fluctuation::{Fluctuation, SampleMean, measure};
use thalweg::loss::{Convention, Loss, Objective};
use thalweg::model::Mlp;
use thalweg::tensor::Activation;

/// One layer that is zero, so that residuals are r = −y and a sample's gradient is r xᵀ.
fn at_zero(inputs: Mat<f64>, targets: Mat<f64>) -> Fluctuation {
    let network = Mlp {
        widths: vec![inputs.nrows(), targets.nrows()],
        activation: Activation::Identity,
        biases: false,
    };
    let tape = Arc::new(network.tape().unwrap());
    let zeros = vec![0.0; tape.parameter_count()];
    let loss = Loss::SquaredError(Convention::Half);
    let samples = Samples { inputs, targets };
    let mut set = Evaluation::new(tape, loss, samples, 8).unwrap();
    measure(&mut set, &zeros).unwrap()
}

/// (1, 0) and (3, −2), of mean (2, −1).
#[test]
fn residuals_that_are_not_centred() {
    let found = at_zero(mat![[1.0, -2.0]], mat![[-1.0, -3.0], [0.0, 2.0]]).residuals;
    assert_eq!(found.mean, [2.0, -1.0]);
    assert_eq!(found.second_moment, mat![[5.0, -3.0], [-3.0, 2.0]]);
    assert_eq!(found.covariance, mat![[1.0, -1.0], [-1.0, 1.0]]);
    // λ² − 7λ + 1 = 0.
    let root = 45.0_f64.sqrt();
    for (found, expected) in found.spectrum.iter().zip([7.0 + root, 7.0 - root]) {
        assert!((found - expected / 2.0).abs() < 1e-13, "{found}");
    }
}

/// With x = 1, 2: where large residuals meet small inputs F = (4·1 + 1·4)/2 lies below E r² E x² = 6.25, to which one output's
/// bounds shrink, and where they meet large ones F = (1·1 + 4·4)/2 above.
#[test]
fn bounds_that_do_not_hold() {
    for (targets, fluctuation) in [(mat![[2.0, 1.0]], 4.0), (mat![[1.0, 2.0]], 8.5)] {
        let bounds = at_zero(mat![[1.0, 2.0]], targets).bounds;
        for (found, expected) in [
            (bounds.lower, 6.25),
            (bounds.upper, 6.25),
            (bounds.independent, 6.25),
            (bounds.fluctuation, fluctuation),
        ] {
            assert!((found - expected).abs() < 1e-13, "{found} for {expected}");
        }
        assert!(!bounds.hold());
    }
}

/// Two outputs with residuals of mean squares 1 and 9, met with inputs of either size: E x² = 2.5, so tr G = 5.
#[test]
fn bounds_that_hold() {
    let inputs = mat![[1.0, 1.0, 2.0, 2.0]];
    let targets = mat![[1.0, -1.0, 1.0, -1.0], [3.0, 3.0, -3.0, -3.0]];
    let found = at_zero(inputs, targets);
    let bounds = found.bounds;
    for (found, expected) in [
        (found.total.gauss_newton_trace.value, 5.0),
        (bounds.lower, 5.0),
        (bounds.upper, 45.0),
        (bounds.independent, 25.0),
        (bounds.fluctuation, 25.0),
    ] {
        assert!((found - expected).abs() < 1e-12, "{found} for {expected}");
    }
    assert!(bounds.hold());
}

/// (1 + 2 + 3)/(1 + 1 + 2), with errors (a − 1.5 b)/(4/3) = −⅜, ⅜, 0.
#[test]
fn the_standard_error_of_a_ratio() {
    let ratio = SampleMean::ratio(&[1.0, 2.0, 3.0], &[1.0, 1.0, 2.0]).unwrap();
    assert_eq!((ratio.value, ratio.samples), (1.5, 3));
    assert!((ratio.standard_error - 0.375 / 3.0_f64.sqrt()).abs() < 1e-15);
}

/// Classes of 1, 9 and 2 samples, weighted 1, 1 and 2: a class is as frequent as its weight says, however many samples it has.
///
/// Five counts of 40,000 draws, each within 5 standard errors: a false alarm in 3 of a million.
#[test]
fn class_weights_do_not_count_samples() {
    let labels: Vec<usize> = [0; 1].into_iter().chain([1; 9]).chain([2; 2]).collect();
    let inputs = Mat::from_fn(1, 12, |_, j| j as f32);
    let set = LabelledSet::new(inputs, labels, 3, LabelNoise::none(3)).unwrap();
    let source: Source = set
        .visited(Sampling::Classes(vec![1.0, 1.0, 2.0]))
        .unwrap()
        .into();
    let count = 40_000;
    let network = Mlp {
        widths: vec![1, 3],
        activation: Activation::Identity,
        biases: false,
    };
    let tape = Arc::new(network.tape().unwrap());
    let mut drawn = Objective::<f64>::new(tape, Loss::CrossEntropy, count);
    Sampler::new(&source, 9).fill(0, &mut drawn);
    let inputs = drawn.inputs_mut().line(0).to_vec();
    let near = |what: &str, hits: usize, p: f64| {
        let deviation = (p * (1.0 - p) * count as f64).sqrt();
        let z = (hits as f64 - p * count as f64) / deviation;
        assert!(z.abs() < 5.0, "{what}: {hits} of {count}, z = {z}");
    };
    for (class, p) in [0.25, 0.25, 0.5].into_iter().enumerate() {
        let targets = drawn.targets_mut().line(class).to_vec();
        near("class", targets.iter().filter(|y| **y == 1.0).count(), p);
    }
    for (member, p) in [(1.0, 0.25 / 9.0), (11.0, 0.5 / 2.0)] {
        near("member", inputs.iter().filter(|x| **x == member).count(), p);
    }
}
