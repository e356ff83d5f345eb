//! The mismatch input by input, where it is known: labels that follow p, anisotropy that averages out, flips.
//!
//! Fixed seeds. Where labels are given and not drawn the numbers are exact; flips are z-tests at |z| < 5 over 24 numbers,
//! a false alarm in 70,000.

use std::sync::Arc;

use faer::Mat;
use thalweg::data::{LabelNoise, LabelledSet, Samples, Source, TeacherStream};
use thalweg::evaluation::Evaluation;
use thalweg::fluctuation::{
    Quantile, Quantiles, conditional, conditional_draws, conditional_inputs, measure,
};
use thalweg::loss::{Convention, Loss};
use thalweg::model::Mlp;
use thalweg::tensor::{Activation, Tape};

use super::case::assert_close;

fn linear(inputs: usize, outputs: usize, biases: bool) -> Arc<Tape> {
    let mlp = Mlp {
        widths: vec![inputs, outputs],
        activation: Activation::Identity,
        biases,
    };
    Arc::new(mlp.tape().unwrap())
}

fn one_hot(classes: usize, label: impl Fn(usize) -> usize, count: usize) -> Mat<f64> {
    Mat::from_fn(
        classes,
        count,
        |class, b| if label(b) == class { 1.0 } else { 0.0 },
    )
}

/// Half of the inputs at 1 and half at −1, with p = (½, ¼, ¼) and (¼, ¼, ½), and labels in just these shares: M = I at
/// each input, so that the bounds meet in F = tr G. The averages C̄ and Λ̄ coincide, too.
#[test]
fn labels_that_follow_p_at_each_input() {
    let count = 8;
    // Logits W x + b that are the logarithms of these at x = 1 and x = −1.
    let (up, down) = ([2.0f64, 1.0, 1.0], [1.0f64, 1.0, 2.0]);
    let at: Vec<f64> = (0..3)
        .map(|i| (up[i].ln() - down[i].ln()) / 2.0)
        .chain((0..3).map(|i| (up[i].ln() + down[i].ln()) / 2.0))
        .collect();
    let shares = |b: usize, draw: usize| [[0, 0, 1, 2], [2, 1, 2, 0]][b % 2][(draw + b / 2) % 4];
    let samples = Samples {
        inputs: Mat::from_fn(
            1,
            count,
            |_, b| if b.is_multiple_of(2) { 1.0 } else { -1.0 },
        ),
        targets: one_hot(3, |b| shares(b, 0), count),
    };
    let mut set = Evaluation::new(linear(1, 3, true), Loss::CrossEntropy, samples, 3).unwrap();
    let found = conditional(&set, &at, 4, |draw| {
        one_hot(3, |b| shares(b, draw as usize), count)
    })
    .unwrap();
    assert_eq!((found.directions, found.draws), (2, 4));
    for spectrum in &found.spectra {
        assert_close("spectrum", spectrum, &[1.0, 1.0], 1e-12);
    }
    let bounds = found.bounds;
    let exact = bounds.fluctuation.value;
    assert_close(
        "bounds",
        &[bounds.lower.value, bounds.upper.value],
        &[exact, exact],
        1e-12,
    );
    assert!(bounds.hold);
    let averaged = measure(&mut set, &at).unwrap();
    assert_close("averages", &averaged.residuals.mismatch, &[1.0, 1.0], 1e-12);
    assert_close(
        "F/tr G",
        &[averaged.total.ratio.unwrap().value],
        &[1.0],
        1e-12,
    );
}

/// At every other input the noise is on the other output: deviations 2 and 0.2, averaged over inputs the same on both.
#[test]
fn anisotropy_that_averages_out_is_seen_at_each_input() {
    let count = 16;
    let noise = |b: usize, draw: usize| {
        let signs = [[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]][draw % 4];
        let deviations = if b.is_multiple_of(2) {
            [2.0, 0.2]
        } else {
            [0.2, 2.0]
        };
        [signs[0] * deviations[0], signs[1] * deviations[1]]
    };
    let labels = |draw: usize| Mat::from_fn(2, count, |i, b| noise(b, b / 2 + draw)[i]);
    // With two outputs the conventions have the same factor, 1.
    for loss in [Convention::Half, Convention::Mean] {
        let samples = Samples {
            inputs: Mat::from_fn(1, count, |_, _| 1.5),
            targets: labels(0),
        };
        let tape = linear(1, 2, false);
        let mut set = Evaluation::new(tape, Loss::SquaredError(loss), samples, 5).unwrap();
        let found = conditional(&set, &[0.0; 2], 4, |draw| labels(draw as usize)).unwrap();
        for spectrum in &found.spectra {
            assert_close("spectrum", spectrum, &[4.0, 0.04], 1e-12);
        }
        let exact = |name, found: Option<Quantiles>, value| {
            let found = found.unwrap();
            for Quantile { value: found, .. } in [found.low, found.median, found.high] {
                assert_close(name, &[found], &[value], 1e-12);
            }
        };
        exact("smallest", found.smallest, 0.04);
        exact("largest", found.largest, 4.0);
        exact("condition", found.condition, 100.0);
        let averaged = measure(&mut set, &[0.0; 2]).unwrap();
        assert_close(
            "average",
            &[averaged.residuals.mismatch_condition()],
            &[1.0],
            1e-12,
        );
        let trace = averaged.total.gauss_newton_trace.value;
        let bounds = found.bounds;
        let expected = [0.04 * trace, 4.0 * trace];
        assert_close(
            "bounds",
            &[bounds.lower.value, bounds.upper.value],
            &expected,
            1e-12,
        );
        assert!(bounds.hold);
        assert!((averaged.bounds.fluctuation - bounds.fluctuation.value).abs() < 1e-12);
    }
}

/// The bounds are told not to hold where the labels drawn are not those that the set's own follow.
#[test]
fn bounds_of_other_labels_do_not_hold() {
    let count = 50;
    let labels = |size: f64| {
        Mat::from_fn(
            1,
            count,
            |_, b| if b.is_multiple_of(2) { size } else { -size },
        )
    };
    let samples = Samples {
        inputs: Mat::from_fn(1, count, |_, b| 1.0 + (b % 3) as f64),
        targets: labels(1.0),
    };
    let loss = Loss::SquaredError(Convention::Half);
    let set = Evaluation::new(linear(1, 1, false), loss, samples, 64).unwrap();
    for (size, hold) in [(1.0, true), (2.0, false), (0.5, false)] {
        let found = conditional(&set, &[0.0], 1, |_| labels(size)).unwrap();
        assert_eq!(found.bounds.hold, hold, "{size}");
    }
}

/// Flips in closed form: C = p pᵀ − p qᵀ − q pᵀ + diag q, with q the confusion's row of the input's class.
#[test]
fn flips_have_the_mismatch_of_their_confusion() {
    let (classes, count, seed) = (3, 12, 5);
    let confusion = faer::mat![[0.7, 0.2, 0.1], [0.05, 0.9, 0.05], [0.3, 0.3, 0.4]];
    let p = [0.5f64, 0.3, 0.2];
    let labels: Vec<usize> = (0..count).map(|b| b % classes).collect();
    // Which sample is which is told by its only feature.
    let inputs = Mat::from_fn(1, count, |_, b| b as f32);
    let set = LabelledSet::new(inputs, labels.clone(), classes, LabelNoise::none(classes));
    let source = Source::from(set.unwrap().flipped(&confusion).unwrap());
    let samples = source.evaluation(seed, count);
    let order: Vec<usize> = (0..count)
        .map(|b| samples.inputs[(0, b)] as usize)
        .collect();
    let mut redraw = source.redraw(seed, count, count).unwrap();
    let draws = 20_000;
    let mut at = vec![0.0; 2 * classes];
    for (bias, p) in at[classes..].iter_mut().zip(p) {
        *bias = p.ln();
    }
    let tape = linear(1, classes, true);
    let set = Evaluation::new(tape, Loss::CrossEntropy, samples, 5).unwrap();
    let found = conditional(&set, &at, draws, |draw| redraw.labels(draw)).unwrap();

    // Λ = diag p − p pᵀ, and W with W Wᵀ = Λ⁺.
    let lambda = Mat::from_fn(classes, classes, |i, j| {
        if i == j {
            p[i] - p[i] * p[i]
        } else {
            -p[i] * p[j]
        }
    });
    let eigen = lambda.self_adjoint_eigen(faer::Side::Lower).unwrap();
    assert!(eigen.S()[0].abs() < 1e-15);
    let half = Mat::from_fn(classes, 2, |i, j| {
        eigen.U()[(i, j + 1)] / eigen.S()[j + 1].sqrt()
    });
    for (spectrum, &sample) in found.spectra.iter().zip(&order) {
        let q = confusion.row(labels[sample]);
        let c = Mat::from_fn(classes, classes, |i, j| {
            let own = if i == j { q[i] } else { 0.0 };
            p[i] * p[j] - p[i] * q[j] - q[i] * p[j] + own
        });
        let mismatch = half.transpose() * c * &half;
        let eigen = mismatch.self_adjoint_eigen(faer::Side::Lower).unwrap();
        for (k, value) in spectrum.iter().enumerate() {
            let exact = eigen.S()[1 - k];
            // (v·Wᵀr)², one value for each label: its mean is the eigenvalue.
            let along = &half * eigen.U().col(1 - k);
            let square = |label: usize| {
                let residual = (0..classes).map(|i| p[i] - if i == label { 1.0 } else { 0.0 });
                let product: f64 = residual.zip(along.iter()).map(|(r, v)| r * v).sum();
                product.powi(2)
            };
            let mean: f64 = (0..classes).map(|label| q[label] * square(label)).sum();
            assert_close("closed form", &[mean], &[exact], 1e-12);
            let variance: f64 = (0..classes)
                .map(|label| q[label] * (square(label) - mean).powi(2))
                .sum();
            let z = (value - exact) / (variance / draws as f64).sqrt();
            assert!(z.abs() < 5.0, "{value} for {exact}, z = {z}");
        }
    }
    assert!(found.bounds.hold);
}

/// A student that is its teacher under isotropic Gaussian noise, by the rule for R. No eigenvalue of 400 inputs lies
/// beyond (0.35, 2) (by Davidson and Szarek's inequality a false alarm in 2000), their mean is the variance (|z| < 5, one in
/// two million), and they spread.
#[test]
fn isotropic_noise_spreads_as_the_reference_says() {
    let (outputs, count, seed) = (3, 400, 2);
    let tape = linear(2, outputs, false);
    let weights = vec![0.3, -0.2, 1.0, 0.4, -0.7, 0.1];
    let noise = LabelNoise::gaussian(&[2.0; 3]);
    let teacher = tape.as_ref().clone();
    let stream = TeacherStream::new(teacher, weights.clone(), Mat::identity(2, 2), noise);
    let source = Source::from(stream.unwrap());
    let mut redraw = source.redraw(seed, count, count).unwrap();
    let loss = Loss::SquaredError(Convention::Half);
    let set = Evaluation::new(tape, loss, source.evaluation(seed, count), 128).unwrap();
    let draws = conditional_draws(&set);
    assert_eq!(draws, 300);
    let found = conditional(&set, &weights, draws, |draw| redraw.labels(draw)).unwrap();
    let (low, high) = found.reference();
    assert_close("reference", &[low, high], &[0.81, 1.21], 1e-12);
    for spectrum in &found.spectra {
        let scaled = |value: &f64| value / 4.0;
        assert!(
            spectrum
                .iter()
                .map(scaled)
                .all(|x| (0.35..2.0).contains(&x)),
            "{spectrum:?}"
        );
    }
    let all: Vec<f64> = found.spectra.concat();
    let mean = all.iter().sum::<f64>() / all.len() as f64;
    // R tr M̂/σ² is χ² with qR degrees at each input.
    let error = (2.0 / (all.len() * draws) as f64).sqrt();
    assert!(((mean / 4.0 - 1.0) / error).abs() < 5.0, "{mean}");
    let median = |quantiles: Option<Quantiles>| quantiles.unwrap().median.value;
    assert!(median(found.smallest) < 0.97 * 4.0 && median(found.largest) > 1.03 * 4.0);
    assert!(found.bounds.hold);
}

#[test]
fn no_draws_and_labels_of_another_shape_are_refused() {
    let samples = Samples {
        inputs: Mat::zeros(1, 3),
        targets: Mat::zeros(2, 3),
    };
    let loss = Loss::SquaredError(Convention::Half);
    let set = Evaluation::new(linear(1, 2, false), loss, samples, 2).unwrap();
    let error = conditional(&set, &[0.0; 2], 0, |_| Mat::zeros(2, 3)).unwrap_err();
    assert!(error.to_string().contains("draws"), "{error}");
    let error = conditional(&set, &[0.0; 2], 1, |_| Mat::zeros(2, 4)).unwrap_err();
    assert!(error.to_string().contains("labels"), "{error}");
    let broken = conditional(&set, &[0.0; 2], 1, |_| Mat::full(2, 3, f64::NAN));
    assert!(broken.is_err());
}

/// Of a set with more inputs than are looked at, the first 1024, as if there were no others.
#[test]
fn only_the_inputs_that_are_looked_at_count() {
    let (count, seed, looked_at) = (1100, 4, 1024);
    let tape = linear(2, 2, false);
    let weights = vec![0.3, -0.2, 1.0, 0.4];
    let teacher = tape.as_ref().clone();
    let noise = LabelNoise::gaussian(&[2.0, 0.5]);
    let stream = TeacherStream::new(teacher, weights.clone(), Mat::identity(2, 2), noise);
    let source = Source::from(stream.unwrap());
    let samples = source.evaluation(seed, count);
    assert_eq!(conditional_inputs(count), looked_at);
    assert_eq!(conditional_inputs(1000), 1000);
    let part = |matrix: &Mat<f64>| matrix.subcols(0, looked_at).to_owned();
    let first = Samples {
        inputs: part(&samples.inputs),
        targets: part(&samples.targets),
    };
    let loss = Loss::SquaredError(Convention::Half);
    let found = |samples: Samples| {
        let set = Evaluation::new(tape.clone(), loss, samples, 128).unwrap();
        let mut redraw = source.redraw(seed, count, looked_at).unwrap();
        conditional(&set, &weights, 10, |draw| redraw.labels(draw)).unwrap()
    };
    let whole = found(samples);
    assert_eq!(whole.spectra.len(), looked_at);
    assert_eq!(whole, found(first));
}
