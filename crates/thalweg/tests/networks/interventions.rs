//! What people add to SGD: the laws of what is random, and the same bits when stopped and side by side.

use std::sync::Arc;

use faer::Mat;
use statrs::distribution::{ChiSquared, ContinuousCDF, Normal};
use thalweg::curvature::{TraceSettings, trace};
use thalweg::data::{LabelNoise, Sampler, Samples, Source, TeacherStream};
use thalweg::evaluation::{CurvedLoss, Evaluation, SampledLoss};
use thalweg::fluctuation::measure;
use thalweg::loss::{Convention, Loss, Objective};
use thalweg::model::{Dropout, Init, Mlp, Network, Read, Rnn, Transformer};
use thalweg::optimizer::{AdamW, Optimizer, RateSchedule, Sgd};
use thalweg::tensor::Activation;
use thalweg::train::{
    Ascent, Change, Flips, InputDropout, InputNoise, Interventions, Mixup, Shifts, Smoothing,
    Switch, TrainError, TrainSettings, Trainer, Training, clip,
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
        Change::Shifts(Shifts {
            most: 1,
            width: 2,
            height: 1,
        }),
        Change::Flips(Flips { width: 2 }),
        Change::InputNoise(InputNoise(0.3)),
        Change::InputDropout(InputDropout(0.2)),
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
    let shifts = Change::Shifts(Shifts {
        most: 1,
        width: 5,
        height: 5,
    });
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

    // A 2 × 3 image in two colours, moved up and to the right: what comes in repeats the border of its own colour.
    let mut block = thalweg::tensor::Block::from_fn(12, 1, |pixel, _| pixel as f64);
    let mut targets = thalweg::tensor::Block::zeros(2, 1);
    let tape = tape(&[12, 2]);
    let mut drawn = thalweg::train::Drawn {
        tape: &tape,
        inputs: block.lines_mut(),
        targets: targets.lines_mut(),
    };
    let shifts = Shifts {
        most: 1,
        width: 3,
        height: 2,
    };
    shifts.shift(&[[-1, 1]], &mut drawn);
    let pixels = |drawn: &mut thalweg::train::Drawn<'_, f64>| -> Vec<f64> {
        (0..12).map(|pixel| drawn.inputs.line(pixel)[0]).collect()
    };
    let moved = [3.0, 3.0, 4.0, 3.0, 3.0, 4.0];
    assert_eq!(pixels(&mut drawn), [moved, moved.map(|x| x + 6.0)].concat());
    Flips { width: 3 }.flip(&[true], &mut drawn);
    let mirrored = [4.0, 3.0, 3.0, 4.0, 3.0, 3.0];
    assert_eq!(
        pixels(&mut drawn),
        [mirrored, mirrored.map(|x| x + 6.0)].concat()
    );
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
        (
            Change::InputDropout(InputDropout(1.0)),
            "input_dropout is 1",
        ),
        (Change::Mixup(Mixup(0.0)), "mixup is 0"),
        (
            Change::Shifts(Shifts {
                most: 2,
                width: 2,
                height: 2,
            }),
            "shifts is 2",
        ),
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

/// One network of each family.
fn networks() -> [Network; 3] {
    [
        Network::Mlp(Mlp {
            widths: vec![2, 4, 3, 2],
            activation: Activation::Tanh,
            biases: true,
        }),
        Network::Rnn(Rnn {
            inputs: 2,
            hidden: 3,
            outputs: 2,
            steps: 3,
            activation: Activation::Tanh,
            biases: true,
            read: Read::Last,
        }),
        Network::Transformer(Transformer {
            width: 4,
            positions: 3,
            heads: 2,
            hidden: 5,
            blocks: 2,
            causal: true,
            layer_norm: true,
            activation: Activation::Relu,
            biases: true,
        }),
    ]
}

const DROPOUT: Dropout = Dropout {
    hidden: 0.4,
    attention: 0.25,
};

/// Masks of 1 leave every network as it is, and there are as many as units: hidden ones, and shares of attention.
#[test]
fn networks_with_whole_masks_are_the_plain_ones() {
    // Both hidden layers; one state; for each block 2 heads of 1 + 2 + 3 shares, and 5 units at 3 positions.
    let expected = [vec![4, 3], vec![3], vec![12, 15, 12, 15]];
    for (network, expected) in networks().into_iter().zip(expected) {
        let plain = Arc::new(network.tape().unwrap());
        let masked = Arc::new(network.tape_with(&DROPOUT).unwrap());
        assert_eq!(plain.parameters(), masked.parameters());
        let counts: Vec<usize> = masked.masks().iter().map(|mask| mask.count()).collect();
        assert_eq!(counts, expected);
        let weights = Init::Kaiming { gain: 1.0 }.weights(&plain, 3);
        let lines = plain.input().rows() * plain.input().positions();
        let outputs = plain.output().rows() * plain.output().positions();
        let of = |lines: usize, shift: f64| {
            Mat::from_fn(lines, 7, |i, b| (i as f64 + 0.7 * b as f64 + shift).sin())
        };
        let (inputs, targets) = (of(lines, 0.0), of(outputs, 1.0));
        let masks: usize = counts.iter().sum();
        let wide = Mat::from_fn(lines + masks, 7, |i, b| {
            if i < lines { inputs[(i, b)] } else { 1.0 }
        });
        let loss = Loss::SquaredError(Convention::Half);
        let measured = [(plain, inputs), (masked, wide)].map(|(tape, inputs)| {
            let samples = Samples {
                inputs,
                targets: targets.clone(),
            };
            let mut set = Evaluation::new(tape, loss, samples, 3).unwrap();
            measure(&mut set, &weights).unwrap().total
        });
        for [found, exact] in [
            measured.each_ref().map(|m| m.fluctuation.value),
            measured.each_ref().map(|m| m.gauss_newton_trace.value),
        ] {
            assert!(
                (found - exact).abs() <= 1e-12 * exact,
                "{found} and {exact}"
            );
        }
    }
    let [mlp, ..] = networks();
    let wrong = Dropout {
        hidden: 1.0,
        ..DROPOUT
    };
    let error = mlp.tape_with(&wrong).unwrap_err().to_string();
    assert!(
        error.starts_with("hidden_dropout is 1: give a chance"),
        "{error}"
    );
}

/// Runs with dropout in every family, stopped and side by side.
#[test]
fn bits_with_dropout_depend_on_seed_and_step_alone() {
    for network in networks() {
        let tape = Arc::new(network.tape_with(&DROPOUT).unwrap());
        let plain = network.tape().unwrap();
        let weights = Init::Kaiming { gain: 1.0 }.teacher_weights(&plain, 1);
        let (inputs, outputs) = (plain.input().rows(), plain.output().rows());
        let noise = LabelNoise::gaussian(&vec![0.3; outputs]);
        let source = TeacherStream::new(plain, weights, Mat::identity(inputs, inputs), noise);
        let source = Source::from(source.unwrap());
        for method in [ascent(true, 1), ascent(false, 3)] {
            let settings = TrainSettings {
                optimizer: method,
                batch: BATCH,
                switch: Some(Switch {
                    at_step: 60,
                    samples: 2 * BATCH,
                }),
            };
            let loss = Loss::SquaredError(Convention::Half);
            let training =
                Training::new(Arc::clone(&tape), loss, source.clone(), settings).unwrap();
            to_the_bit::<f64, _>(&training);
            to_the_bit::<f32, _>(&training);
        }
    }
}

/// Of f(x) = a Σ_i m_i w_i x with every w_i = a = 1 and n hidden units, E f = n x and Var f = n x² p/(1 − p): within 4.5
/// standard errors over 20 000 samples; inputs dropped with p = 0.2 likewise. And no two units share a mask.
#[test]
fn masks_are_independent_and_leave_the_mean() {
    let (count, n) = (20_000, 5);
    let line = Network::Mlp(Mlp {
        widths: vec![1, n, 1],
        activation: Activation::Identity,
        biases: false,
    });
    let masked = Arc::new(line.tape_with(&DROPOUT).unwrap());
    let samples = Samples {
        inputs: Mat::from_fn(1, count, |_, _| 1.0),
        targets: Mat::zeros(1, count),
    };
    let chance = |variance: f64, values: &[f64], mean: f64| {
        let average = values.iter().sum::<f64>() / count as f64;
        let error = (variance / count as f64).sqrt();
        assert!((average - mean).abs() < 4.5 * error, "{average} for {mean}");
    };
    let kept = changed(Vec::new()).samples(&masked, &samples, 4);
    assert_eq!(kept.inputs.nrows(), 1 + n);
    let rows: Vec<Vec<f64>> = (1..=n)
        .map(|i| kept.inputs.row(i).iter().copied().collect())
        .collect();
    let share = 0.4 / 0.6;
    for (i, row) in rows.iter().enumerate() {
        assert!(
            row.iter()
                .all(|&m| m == 0.0 || (m - 1.0 / 0.6).abs() < 1e-15)
        );
        chance(share, row, 1.0);
        for other in &rows[..i] {
            let products: Vec<f64> = row
                .iter()
                .zip(other)
                .map(|(a, b)| (a - 1.0) * (b - 1.0))
                .collect();
            chance(share * share, &products, 0.0);
        }
    }
    let loss = Loss::SquaredError(Convention::Half);
    let mut set = Evaluation::new(masked, loss, kept, 1000).unwrap();
    let f = set.residuals(&vec![1.0; 2 * n]).unwrap();
    let f: Vec<f64> = f.row(0).iter().copied().collect();
    chance(n as f64 * share, &f, n as f64);

    let inputs =
        changed(vec![Change::InputDropout(InputDropout(0.2))]).samples(&tape(&[1, 1]), &samples, 4);
    let inputs: Vec<f64> = inputs.inputs.row(0).iter().copied().collect();
    chance(0.25, &inputs, 1.0);
    assert!(inputs.iter().all(|&x| x == 0.0 || x == 1.25));
}

/// A ReLU network with dropped units is still linear in each parameter: its trace is exact, and right.
#[test]
fn dropped_units_leave_the_trace_exact() {
    let network = Network::Mlp(Mlp {
        widths: vec![2, 6, 2],
        activation: Activation::Relu,
        biases: true,
    });
    let tape = Arc::new(network.tape_with(&DROPOUT).unwrap());
    assert!(tape.linear_in_each_parameter());
    let samples = Samples {
        inputs: Mat::from_fn(2, 9, |i, b| (i as f64 + b as f64).cos()),
        targets: Mat::from_fn(2, 9, |i, b| (i as f64 - b as f64).sin()),
    };
    let samples = changed(Vec::new()).samples(&tape, &samples, 1);
    let weights = Init::Kaiming { gain: 1.0 }.weights(&tape, 3);
    let mut set = Evaluation::new(tape, Loss::SquaredError(Convention::Half), samples, 4).unwrap();
    let exact = set.hessian_trace(&weights, &TraceSettings::new(4)).unwrap();
    let mut hessian = set.hessian(&weights).unwrap();
    let columns = trace(&mut hessian, &TraceSettings::new(weights.len())).unwrap();
    assert!((exact.value - columns.value).abs() < 1e-10 * exact.value);
}
