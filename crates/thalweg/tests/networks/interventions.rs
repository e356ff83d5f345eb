//! What people add to SGD: the laws of what is random, and the same bits when stopped and side by side.

use std::sync::Arc;

use faer::Mat;
use statrs::distribution::{ChiSquared, ContinuousCDF, Normal};
use thalweg::data::{Sampler, Samples};
use thalweg::evaluation::Evaluation;
use thalweg::fluctuation::measure;
use thalweg::loss::{Convention, Loss, Objective};
use thalweg::model::Mlp;
use thalweg::optimizer::{AdamW, Optimizer, RateSchedule, Sgd};
use thalweg::tensor::Activation;
use thalweg::train::{
    Ascent, Change, Flips, InputNoise, Interventions, Mixup, Shifts, Smoothing, TrainError,
    TrainSettings, Trainer, Training, clip,
};

use super::places::{BATCH, set, start, stream, tape, to_the_bit, training};

fn changed(changes: Vec<Change>) -> Interventions {
    Interventions {
        changes,
        ..Interventions::from(Sgd::new(0.1))
    }
}

fn ascent(independent: bool, parts: usize) -> Interventions {
    Interventions {
        sam: Some(Ascent {
            radius: 0.2,
            normalised: independent,
            independent,
            parts,
        }),
        clipping: Some(0.5),
        ..Interventions::from(Sgd::new(0.1))
    }
}

/// Every addition at once, in lanes and stopped half-way, in either precision.
#[test]
fn bits_depend_on_seed_and_step_alone() {
    let all = vec![
        Change::Shifts(Shifts { most: 1, width: 2 }),
        Change::Flips(Flips { width: 2 }),
        Change::InputNoise(InputNoise(0.3)),
        Change::Mixup(Mixup(0.4)),
        Change::Smoothing(Smoothing(0.1)),
    ];
    let adam = Interventions {
        update: Optimizer::AdamW(AdamW {
            weight_decay: 0.1,
            ..AdamW::new(RateSchedule::constant(0.02))
        }),
        ..ascent(true, 1)
    };
    let squares = Loss::SquaredError(Convention::Half);
    let mut methods: Vec<_> = all.iter().map(|one| changed(vec![one.clone()])).collect();
    methods.push(Interventions {
        changes: all,
        ..adam
    });
    methods.push(ascent(true, 1));
    methods.push(ascent(false, 1));
    for method in methods {
        for (source, loss) in [(set(), Loss::CrossEntropy), (stream(), squares)] {
            let training = training(source, loss, method.clone());
            to_the_bit::<f64, _>(&training);
            to_the_bit::<f32, _>(&training);
        }
    }
}

/// The fixed batch after the switch has 5 samples, the minibatch 3: only 1 divides both.
#[test]
fn parts_divide_every_batch() {
    let settings = TrainSettings {
        optimizer: ascent(false, 3),
        batch: BATCH,
        switch: None,
    };
    let refused = |settings: TrainSettings<Interventions>| {
        let found = Training::new(tape(&[2, 2]), Loss::CrossEntropy, set(), settings);
        match found.unwrap_err() {
            TrainError::Optimizer(error) => error.to_string(),
            other => other.to_string(),
        }
    };
    let training = Training::new(
        tape(&[2, 3, 2]),
        Loss::CrossEntropy,
        set(),
        settings.clone(),
    );
    let training = training.unwrap();
    let mut alone: Vec<Trainer<f64, _>> = (0..9).map(|seed| start(&training, seed)).collect();
    let mut together = alone.clone();
    alone.iter_mut().for_each(|run| run.run_to(20));
    thalweg::train::run_together(&training, &mut together, 20);
    for (run, exact) in together.iter().zip(&alone) {
        assert_eq!(run.snapshot(), exact.snapshot());
    }
    let wrong = TrainSettings {
        optimizer: ascent(false, 2),
        ..settings.clone()
    };
    assert!(refused(wrong).starts_with("sam.parts is 2; it must be 1 (the whole batch)"));
    let both = TrainSettings {
        optimizer: ascent(true, 3),
        ..settings
    };
    assert!(refused(both).contains("a batch of its own"));
}

/// The ascent of its own uses a minibatch that is none of the run's others, and the descent that of plain SGD.
#[test]
fn an_independent_ascent_has_its_own_batch() {
    let (rate, radius, seed) = (0.1, 0.4, 4);
    let loss = Loss::SquaredError(Convention::Half);
    let sam = Interventions {
        sam: Some(Ascent {
            radius,
            normalised: false,
            independent: true,
            parts: 1,
        }),
        ..Interventions::from(Sgd::new(rate))
    };
    for source in [stream(), set()] {
        let training = training(source.clone(), loss, sam.clone());
        let mut run = start::<f64, _>(&training, seed);
        let mut theta = run.parameters().to_vec();
        let mut own = Objective::<f64>::new(training.tape().clone(), loss, BATCH);
        let mut other = own.clone();
        let mut sampler = Sampler::new(&source, seed);
        let mut gradient = vec![0.0; theta.len()];
        for step in 0..10 {
            sampler.fill(step, &mut own);
            sampler.fill_ascent(step, &mut other);
            assert_ne!(own.inputs_mut().line(0), other.inputs_mut().line(0));
            other.gradient(&theta, &mut gradient);
            let ahead: Vec<f64> = theta
                .iter()
                .zip(&gradient)
                .map(|(x, g)| x + radius * g)
                .collect();
            own.gradient(&ahead, &mut gradient);
            theta
                .iter_mut()
                .zip(&gradient)
                .for_each(|(x, g)| *x -= rate * g);
        }
        run.run_to(10);
        for (found, exact) in run.parameters().iter().zip(&theta) {
            assert!((found - exact).abs() < 1e-13, "{found} for {exact}");
        }
    }
}

/// Samples of zeros with the classes in turn, after `change`.
fn zeros(change: Change, inputs: usize, count: usize) -> Samples {
    let samples = Samples {
        inputs: Mat::zeros(inputs, count),
        targets: Mat::from_fn(2, count, |class, b| f64::from(b % 2 == class)),
    };
    changed(vec![change]).samples(&tape(&[inputs, 2]), &samples, 8)
}

/// A right generator fails with a chance of 1e-4.
#[test]
fn input_noise_is_normal_and_white() {
    let samples = zeros(Change::InputNoise(InputNoise(0.3)), 4, 10_000);
    let mut all: Vec<f64> = samples
        .inputs
        .col_iter()
        .flat_map(|x| x.iter().copied().collect::<Vec<_>>())
        .collect();
    // Neighbours, over inputs and over samples, are uncorrelated: within 4.5 standard errors.
    for lag in [1, 4] {
        let products = all.iter().zip(&all[lag..]).map(|(x, y)| x * y / 0.09);
        let z = products.sum::<f64>() / (all.len() as f64).sqrt();
        assert!(z.abs() < 4.5, "lag {lag}: {z}");
    }
    let law = Normal::new(0.0, 0.3).unwrap();
    all.sort_by(f64::total_cmp);
    let n = all.len() as f64;
    let distance = all.iter().enumerate().fold(0.0_f64, |d, (i, &x)| {
        let p = law.cdf(x);
        d.max((p - i as f64 / n).abs())
            .max(((i + 1) as f64 / n - p).abs())
    });
    // Kolmogorov's law: 2 exp(−2 · 2.23²) = 1e-4.
    assert!(n.sqrt() * distance < 2.23, "{distance}");
}

/// Where one bright pixel of a 5 × 5 image goes: to each of nine places alike. χ² with 8 degrees: a right law fails
/// with a chance of 1e-4.
#[test]
fn shifts_are_uniform_and_repeat_the_border() {
    let count = 9_000;
    let spot = Samples {
        inputs: Mat::from_fn(25, count, |pixel, _| f64::from(pixel == 12)),
        targets: Mat::zeros(2, count),
    };
    let shifts = Change::Shifts(Shifts { most: 1, width: 5 });
    let found = changed(vec![shifts]).samples(&tape(&[25, 2]), &spot, 3);
    let mut counts = [0.0; 25];
    for image in found.inputs.col_iter() {
        assert_eq!(image.sum(), 1.0);
        counts[image.iter().position(|&x| x == 1.0).unwrap()] += 1.0;
    }
    let near = [6, 7, 8, 11, 12, 13, 16, 17, 18];
    let expected = count as f64 / 9.0;
    let square = near
        .iter()
        .map(|&place| (counts[place] - expected).powi(2) / expected)
        .sum();
    assert_eq!(
        near.iter().map(|&place| counts[place]).sum::<f64>(),
        count as f64
    );
    assert!(
        ChiSquared::new(8.0).unwrap().cdf(square) < 1.0 - 1e-4,
        "{counts:?}"
    );

    // A 2 × 3 image, moved up and to the right: what comes in repeats the border.
    let image = Samples {
        inputs: Mat::from_fn(6, 1, |pixel, _| pixel as f64),
        targets: Mat::zeros(2, 1),
    };
    let mut block = thalweg::tensor::Block::from_fn(6, 1, |pixel, _| image.inputs[(pixel, 0)]);
    let mut targets = thalweg::tensor::Block::zeros(2, 1);
    let tape = tape(&[6, 2]);
    let mut drawn = thalweg::train::Drawn {
        tape: &tape,
        inputs: block.lines_mut(),
        targets: targets.lines_mut(),
    };
    Shifts { most: 1, width: 3 }.shift(&[[-1, 1]], &mut drawn);
    let moved: Vec<f64> = (0..6).map(|pixel| drawn.inputs.line(pixel)[0]).collect();
    assert_eq!(moved, [3.0, 3.0, 4.0, 3.0, 3.0, 4.0]);
    Flips { width: 3 }.flip(&[true], &mut drawn);
    let mirrored: Vec<f64> = (0..6).map(|pixel| drawn.inputs.line(pixel)[0]).collect();
    assert_eq!(mirrored, [4.0, 3.0, 3.0, 4.0, 3.0, 3.0]);
}

/// Half of the images are mirrored, within 4 standard deviations; each as a whole.
#[test]
fn half_of_the_images_are_mirrored() {
    let count = 10_000;
    let samples = Samples {
        inputs: Mat::from_fn(4, count, |pixel, _| pixel as f64),
        targets: Mat::zeros(2, count),
    };
    let flips = Change::Flips(Flips { width: 2 });
    let found = changed(vec![flips]).samples(&tape(&[4, 2]), &samples, 5);
    let mut mirrored = 0;
    for image in found.inputs.col_iter() {
        let image: Vec<f64> = image.iter().copied().collect();
        match &image[..] {
            [0.0, 1.0, 2.0, 3.0] => {}
            [1.0, 0.0, 3.0, 2.0] => mirrored += 1,
            other => unreachable!("{other:?}"),
        }
    }
    assert!(
        (f64::from(mirrored) - 5000.0).abs() < 4.0 * 50.0,
        "{mirrored}"
    );
}

/// Inputs and labels are mixed alike, E λ = ½, Var λ = 1/(4(2α + 1)), and no sample is lost.
#[test]
fn samples_are_mixed_with_one_another() {
    let (count, alpha) = (20_000, 0.5);
    let samples = Samples {
        inputs: Mat::from_fn(2, count, |line, b| {
            if line == 0 {
                f64::from(b % 2 == 0)
            } else {
                b as f64
            }
        }),
        targets: Mat::from_fn(2, count, |class, b| f64::from(b % 2 == class)),
    };
    let found = changed(vec![Change::Mixup(Mixup(alpha))]).samples(&tape(&[2, 2]), &samples, 5);
    let (mut mixed, mut between, mut square) = (0.0, 0.0, 0.0);
    for b in 0..count {
        let y = [found.targets[(0, b)], found.targets[(1, b)]];
        assert!((y[0] + y[1] - 1.0).abs() < 1e-12 && (y[0] - found.inputs[(0, b)]).abs() < 1e-12);
        // With a partner of the other class y is λ, or 1 − λ, of the same law.
        if y[0] > 0.0 && y[0] < 1.0 {
            mixed += 1.0;
            between += y[0];
            square += (y[0] - 0.5).powi(2);
        }
    }
    // Half of the partners are of the other class.
    assert!((mixed / count as f64 - 0.5).abs() < 4.5 * 0.5 / (count as f64).sqrt());
    // Of one λ the variance is 1/(4(2α + 1)) = 1/8, and the standard deviation of (λ − ½)² is below 1/8.
    let error = 4.5 * (0.125 / mixed).sqrt();
    assert!((between / mixed - 0.5).abs() < error, "{}", between / mixed);
    assert!(
        (square / mixed - 0.125).abs() < 4.5 * 0.125 / mixed.sqrt(),
        "{}",
        square / mixed
    );
}

#[test]
fn impossible_settings_are_refused() {
    let refused = |method: Interventions| {
        let settings = TrainSettings {
            optimizer: method,
            batch: BATCH,
            switch: None,
        };
        let found = Training::new(tape(&[2, 2]), Loss::CrossEntropy, set(), settings);
        found.unwrap_err().to_string()
    };
    for (change, field) in [
        (Change::Smoothing(Smoothing(1.0)), "label_smoothing is 1"),
        (Change::InputNoise(InputNoise(-1.0)), "input_noise is -1"),
        (Change::Mixup(Mixup(0.0)), "mixup is 0"),
        (Change::Shifts(Shifts { most: 2, width: 2 }), "shifts is 2"),
    ] {
        let error = refused(changed(vec![change]));
        assert!(error.starts_with(field), "{error}");
    }
    let mut sam = ascent(false, 1);
    sam.clipping = Some(0.0);
    assert!(refused(sam.clone()).starts_with("clipping is 0"));
    if let Some(sam) = &mut sam.sam {
        sam.radius = 0.0;
    }
    assert!(refused(sam).starts_with("sam.radius is 0"));
}

#[test]
fn a_short_gradient_stays() {
    let mut gradient = [0.3_f64, -0.4];
    clip(0.6, &mut gradient);
    assert_eq!(gradient, [0.3, -0.4]);
    clip(0.25, &mut gradient);
    assert!((gradient[0] - 0.15).abs() < 1e-15 && (gradient[1] + 0.2).abs() < 1e-15);
}

/// Of f(x) = W x at W = I, on x = 0 with y = 0, the loss as trained with input noise is E ½‖σz‖² = σ² for two inputs, its
/// sharpness 2 tr E[σ²zzᵀ] = 4σ², its fluctuation E‖σz‖⁴ = 8σ⁴; each within 4.5 standard errors.
#[test]
fn the_loss_as_trained_has_the_noise_in_it() {
    let count = 20_000;
    let line = Mlp {
        widths: vec![2, 2],
        activation: Activation::Identity,
        biases: false,
    };
    let tape = Arc::new(line.tape().unwrap());
    let samples = Samples {
        inputs: Mat::zeros(2, count),
        targets: Mat::zeros(2, count),
    };
    let noise = changed(vec![Change::InputNoise(InputNoise(0.5))]);
    let trained = noise.samples(&tape, &samples, 2);
    let loss = Loss::SquaredError(Convention::Half);
    let mut evaluation = Evaluation::new(tape, loss, trained, 1000).unwrap();
    let identity = [1.0, 0.0, 0.0, 1.0];
    let found = measure(&mut evaluation, &identity).unwrap();
    // ‖z‖² has mean 2 and variance 4; its square mean 8 and variance 320.
    let root = (count as f64).sqrt();
    let near = |value: f64, exact: f64, deviation: f64| {
        assert!(
            (value - exact).abs() < 4.5 * deviation / root,
            "{value} for {exact}"
        );
    };
    near(found.loss.value, 0.25, 0.25);
    near(found.total.gauss_newton_trace.value, 1.0, 1.0);
    near(found.total.fluctuation.value, 0.5, 0.0625 * 320f64.sqrt());
}
