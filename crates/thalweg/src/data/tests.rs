//! Samples in law, to the last bit, and refused. Fixed seeds; every statistic is a z-score that fails
//! beyond ±5, two-sided: a right sampler fails one of the about ninety with a chance below 1e-4.

use faer::Mat;

use super::*;
use crate::loss::{Convention, Loss, Objective};
use crate::model::{Init, Mlp, Network, Read, Rnn};
use crate::random::NoiseLaw;
use crate::tensor::{Activation, Tape};

const COUNT: usize = 20_000;

fn mlp(widths: &[usize]) -> Mlp {
    Mlp {
        widths: widths.to_vec(),
        activation: Activation::Relu,
        biases: false,
    }
}

/// A perceptron teacher of 2 inputs and 3 outputs at each of `positions`.
fn stream(positions: usize, noise: LabelNoise) -> TeacherStream {
    let tape = mlp(&[2, 6, 3]).tape_at(positions).unwrap();
    let weights = Init::Kaiming { gain: 2f64.sqrt() }.teacher_weights(&tape, 4);
    let inputs = faer::mat![[2.0, 0.6], [0.6, 0.5]];
    TeacherStream::new(tape, weights, inputs, noise).unwrap()
}

fn teacher(positions: usize, noise: LabelNoise) -> Source {
    stream(positions, noise).into()
}

fn noise(law: NoiseLaw, place: Place) -> LabelNoise {
    LabelNoise {
        covariance: faer::mat![[4.0, 0.5, 0.0], [0.5, 0.3, 0.1], [0.0, 0.1, 1.0]],
        law,
        place,
    }
}

/// 12 samples of 2 features, of classes 0, 1, 2, 0, 1, 2, …; feature 0 is the sample's number.
fn labelled(noise: LabelNoise) -> LabelledSet {
    let inputs = Mat::from_fn(2, 12, |i, j| if i == 0 { j as f32 } else { 0.5 });
    LabelledSet::new(inputs, (0..12).map(|j| j % 3).collect(), 3, noise).unwrap()
}

/// |mean of `terms` − `expected`| within 5 standard errors.
fn mean_is(name: &str, terms: &[f64], expected: f64) {
    let n = terms.len() as f64;
    let mean = terms.iter().sum::<f64>() / n;
    let variance = terms.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let z = (mean - expected) / (variance / n).sqrt();
    assert!(z.abs() < 5.0, "{name}: {mean} for {expected}, z = {z}");
}

fn second_moment(name: &str, rows: &Mat<f64>, lines: [usize; 2], expected: f64) {
    let [a, b] = lines;
    let terms: Vec<f64> = (0..rows.ncols())
        .map(|j| rows[(a, j)] * rows[(b, j)])
        .collect();
    mean_is(&format!("{name} {a} {b}"), &terms, expected);
}

#[test]
fn streams_have_the_covariances_asked_for() {
    let exact = noise(NoiseLaw::Gaussian, Place::Targets).covariance;
    for law in [
        NoiseLaw::Gaussian,
        NoiseLaw::Laplace,
        NoiseLaw::StudentT { degrees: 6.0 },
    ] {
        let source = teacher(2, noise(law, Place::Targets));
        let (noisy, clean) = (source.evaluation(5, COUNT), source.clean(5, COUNT));
        assert_eq!(noisy.inputs, clean.inputs);
        let inputs = faer::mat![[2.0, 0.6], [0.6, 0.5]];
        for a in 0..4 {
            for b in 0..=a {
                let same = a % 2 == b % 2;
                let expected = if same { inputs[(a / 2, b / 2)] } else { 0.0 };
                second_moment("inputs", &noisy.inputs, [a, b], expected);
            }
        }
        let errors = &noisy.targets - &clean.targets;
        for a in 0..6 {
            for b in 0..=a {
                let same = a % 2 == b % 2;
                let expected = if same { exact[(a / 2, b / 2)] } else { 0.0 };
                second_moment("noise", &errors, [a, b], expected);
            }
        }
    }
}

#[test]
fn a_teacher_is_applied_at_each_position() {
    let stream = stream(1, LabelNoise::none(3));
    let samples = teacher(4, LabelNoise::none(3)).clean(1, 5);
    let tape = std::sync::Arc::new(stream.tape().clone());
    let mut objective = Objective::<f64>::new(tape, Loss::SquaredError(Convention::Half), 5);
    for position in 0..4 {
        for sample in 0..5 {
            for row in 0..2 {
                objective.inputs_mut().line(row)[sample] =
                    samples.inputs[(row * 4 + position, sample)];
            }
            for row in 0..3 {
                objective.targets_mut().line(row)[sample] =
                    samples.targets[(row * 4 + position, sample)];
            }
        }
        let mut losses = [1.0; 5];
        objective.sample_losses(stream.weights(), &mut losses);
        assert!(losses.iter().all(|loss| loss.abs() < 1e-24), "{losses:?}");
    }
}

#[test]
fn noise_on_logits_goes_through_a_softmax() {
    let covariance = noise(NoiseLaw::Gaussian, Place::Logits).covariance;
    let source = teacher(2, noise(NoiseLaw::Gaussian, Place::Logits));
    let logits = teacher(2, LabelNoise::none(3)).clean(5, COUNT);
    let samples = source.evaluation(5, COUNT);
    let mut errors = vec![Vec::new(); 2];
    for j in 0..COUNT {
        for position in 0..2 {
            let p = |row: usize| samples.targets[(row * 2 + position, j)];
            assert!((p(0) + p(1) + p(2) - 1.0).abs() < 1e-14);
            let clean = |row: usize| logits.targets[(row * 2 + position, j)];
            // ε_0 − ε_1, whose variance is 4 + 0.3 − 2 · 0.5.
            let error = (p(0) / p(1)).ln() - (clean(0) - clean(1));
            errors[position].push(error * error);
        }
    }
    let variance = covariance[(0, 0)] + covariance[(1, 1)] - 2.0 * covariance[(0, 1)];
    for terms in errors {
        mean_is("logits", &terms, variance);
    }
}

/// The samples of `step` in `objective`, inputs above targets.
fn batch(sampler: &mut Sampler<f64>, tape: &Tape, step: u64, size: usize) -> Mat<f64> {
    let tape = std::sync::Arc::new(tape.clone());
    let mut objective = Objective::new(tape, Loss::CrossEntropy, size);
    sampler.fill(step, &mut objective);
    let inputs = objective.inputs_mut().count();
    let lines = inputs + objective.targets_mut().count();
    Mat::from_fn(lines, size, |line, sample| {
        if line < inputs {
            objective.inputs_mut().line(line)[sample]
        } else {
            objective.targets_mut().line(line - inputs)[sample]
        }
    })
}

#[test]
fn a_batch_is_a_function_of_seed_and_step() {
    let tape = mlp(&[2, 4, 3]).tape().unwrap();
    let set = labelled(noise(NoiseLaw::Uniform, Place::Logits));
    let classes = set.clone().visited(Sampling::Classes(vec![1.0, 0.0, 3.0]));
    let flipped = classes.unwrap().flipped(&symmetric_flips(3, 0.5).unwrap());
    for source in [
        teacher(1, noise(NoiseLaw::Gaussian, Place::Targets)),
        set.into(),
        flipped.unwrap().into(),
    ] {
        source.fits(&tape).unwrap();
        let mut one = Sampler::new(&source, 8);
        let straight: Vec<_> = (0..9).map(|k| batch(&mut one, &tape, k, 5)).collect();
        let mut other = Sampler::new(&source, 8);
        batch(&mut other, &tape, 2, 7);
        for k in [6, 1, 8, 0] {
            assert_eq!(batch(&mut other, &tape, k, 5), straight[k as usize]);
        }
        assert_ne!(straight[0], straight[1]);
        let mut seeded = Sampler::new(&source, 9);
        assert_ne!(batch(&mut seeded, &tape, 0, 5), straight[0]);
    }
}

#[test]
fn single_precision_is_double_rounded() {
    let tape = std::sync::Arc::new(mlp(&[2, 4, 3]).tape().unwrap());
    let source = teacher(1, noise(NoiseLaw::Gaussian, Place::Targets));
    let mut double = Sampler::new(&source, 8);
    let double = batch(&mut double, &tape, 3, 21);
    let mut objective = Objective::<f32>::new(tape, Loss::CrossEntropy, 21);
    Sampler::new(&source, 8).fill(3, &mut objective);
    for sample in 0..21 {
        for row in 0..3 {
            let target = objective.targets_mut().line(row)[sample];
            assert!((f64::from(target) - double[(2 + row, sample)]).abs() < 1e-5);
        }
        assert_eq!(
            objective.inputs_mut().line(0)[sample],
            double[(0, sample)] as f32
        );
    }
}

#[test]
fn an_epoch_visits_every_sample_once() {
    let tape = mlp(&[2, 3]).tape().unwrap();
    let source = labelled(LabelNoise::none(3)).into();
    let mut sampler = Sampler::new(&source, 1);
    let mut visits = Vec::new();
    // 12 batches of 5 are 5 epochs of 12.
    for step in 0..12 {
        let drawn = batch(&mut sampler, &tape, step, 5);
        for j in 0..5 {
            let sample = drawn[(0, j)] as usize;
            assert_eq!(drawn[(2 + sample % 3, j)], 1.0);
            assert_eq!((0..3).map(|c| drawn[(2 + c, j)]).sum::<f64>(), 1.0);
            visits.push(sample);
        }
    }
    for epoch in visits.chunks(12) {
        let mut sorted = epoch.to_vec();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..12).collect::<Vec<_>>());
    }
    assert_ne!(visits[..12], visits[12..24]);
    let mut evaluated: Vec<_> = (0..12)
        .map(|j| source.evaluation(1, 12).inputs[(0, j)] as usize)
        .collect();
    assert_ne!(evaluated, visits[..12]);
    evaluated.sort_unstable();
    assert_eq!(evaluated, (0..12).collect::<Vec<_>>());
}

#[test]
fn classes_and_flips_have_their_probabilities() {
    let confusion = faer::mat![[0.7, 0.3, 0.0], [0.0, 1.0, 0.0], [0.25, 0.25, 0.5]];
    let source: Source = labelled(LabelNoise::none(3))
        .visited(Sampling::Classes(vec![1.0, 0.0, 3.0]))
        .unwrap()
        .flipped(&confusion)
        .unwrap()
        .into();
    let tape = mlp(&[2, 3]).tape().unwrap();
    let drawn = batch(&mut Sampler::new(&source, 2), &tape, 0, COUNT);
    let member = |j: usize| drawn[(0, j)] as usize;
    let weights = [0.25, 0.0, 0.75];
    let is = |hit: bool| f64::from(u8::from(hit));
    for class in [0, 2] {
        let of_class: Vec<usize> = (0..COUNT).filter(|&j| member(j) % 3 == class).collect();
        let hits: Vec<f64> = (0..COUNT).map(|j| is(member(j) % 3 == class)).collect();
        mean_is("class", &hits, weights[class]);
        for one in (class..12).step_by(3) {
            let hits: Vec<f64> = (0..COUNT).map(|j| is(member(j) == one)).collect();
            mean_is("member", &hits, weights[class] / 4.0);
        }
        for label in 0..3 {
            let hits: Vec<f64> = of_class.iter().map(|&j| drawn[(2 + label, j)]).collect();
            match confusion[(class, label)] {
                0.0 => assert_eq!(hits.iter().sum::<f64>(), 0.0),
                p => mean_is("label", &hits, p),
            }
        }
    }
    assert!((0..COUNT).all(|j| member(j) % 3 != 1));
}

/// A sample's labels have its own distribution, whichever its class; without noise, and as a target, it is the distribution itself.
#[test]
fn each_sample_has_a_distribution_of_its_own_if_wanted() {
    let distributions = Mat::from_fn(3, 12, |class, j| {
        [[0.7, 0.3, 0.0], [0.125, 0.25, 0.625]][j % 2][class]
    });
    let set = |drawn| {
        let set = labelled(LabelNoise::none(3)).with_distributions(&distributions, drawn);
        Source::from(set.unwrap())
    };
    let tape = mlp(&[2, 3]).tape().unwrap();
    let drawn = batch(&mut Sampler::new(&set(true), 2), &tape, 0, COUNT);
    for of in 0..2 {
        let own: Vec<usize> = (0..COUNT)
            .filter(|&j| drawn[(0, j)] as usize % 2 == of)
            .collect();
        for label in 0..3 {
            let hits: Vec<f64> = own.iter().map(|&j| drawn[(2 + label, j)]).collect();
            match distributions[(label, of)] {
                0.0 => assert_eq!(hits.iter().sum::<f64>(), 0.0),
                p => mean_is("label", &hits, p),
            }
        }
    }
    for source in [set(true), set(false)] {
        let clean = source.clean(3, 12);
        for b in 0..12 {
            let sample = clean.inputs[(0, b)] as usize;
            for class in 0..3 {
                let expected = f64::from(distributions[(class, sample)] as f32);
                assert_eq!(clean.targets[(class, b)], expected);
            }
        }
    }
    assert!(set(true).redraw(1, 12, 4).is_some() && set(false).redraw(1, 12, 4).is_none());
    for (classes, samples, sum) in [(3, 11, 1.0), (2, 12, 1.0), (3, 12, 0.9)] {
        let wrong = Mat::full(classes, samples, sum / classes as f64);
        let set = labelled(LabelNoise::none(3)).with_distributions(&wrong, true);
        assert!(set.is_err(), "{classes} × {samples}");
    }
}

/// Targets that are numbers come with their inputs and get the noise's covariance; there are no classes to draw by.
#[test]
fn targets_can_be_numbers() {
    let inputs = || Mat::from_fn(2, 12, |i, j| if i == 0 { j as f32 } else { 0.5 });
    let values = Mat::from_fn(3, 12, |i, j| (i as f64 - 1.0) * j as f64 / 4.0);
    let law = noise(NoiseLaw::Gaussian, Place::Targets);
    let covariance = law.covariance.clone();
    let set = LabelledSet::with_values(inputs(), &values, law).unwrap();
    let refused = set.clone().visited(Sampling::Classes(vec![1.0; 3]));
    assert!(matches!(refused, Err(DataError::NoClasses)));
    let source = Source::from(set);
    let tape = mlp(&[2, 3]).tape().unwrap();
    let drawn = batch(&mut Sampler::new(&source, 2), &tape, 0, COUNT);
    let left = Mat::from_fn(3, COUNT, |i, j| {
        drawn[(2 + i, j)] - values[(i, drawn[(0, j)] as usize)]
    });
    for (a, b) in [(0, 0), (0, 1), (1, 1), (2, 2)] {
        second_moment("noise", &left, [a, b], covariance[(a, b)]);
    }
    let clean = source.clean(3, 12);
    for b in 0..12 {
        let sample = clean.inputs[(0, b)] as usize;
        assert!((0..3).all(|i| clean.targets[(i, b)] == values[(i, sample)]));
    }
    for wrong in [Mat::full(3, 11, 0.0), Mat::full(3, 12, f64::NAN)] {
        assert!(LabelledSet::with_values(inputs(), &wrong, LabelNoise::none(3)).is_err());
    }
}

#[test]
fn a_data_set_is_drawn_with_replacement_if_wanted() {
    let set = labelled(LabelNoise::none(3)).visited(Sampling::Replacement);
    let tape = mlp(&[2, 3]).tape().unwrap();
    let mut sampler = Sampler::new(&set.unwrap().into(), 3);
    let drawn = batch(&mut sampler, &tape, 0, COUNT);
    for member in 0..12 {
        let hits: Vec<f64> = (0..COUNT)
            .map(|j| f64::from(u8::from(drawn[(0, j)] == f64::from(member))))
            .collect();
        mean_is("member", &hits, 1.0 / 12.0);
    }
}

/// In whichever order a set is trained on, an evaluation set has no sample twice: it ends where there are no more.
#[test]
fn an_evaluation_set_takes_each_sample_once() {
    let members = |source: &Source, seed, count| -> Vec<usize> {
        let samples = source.evaluation(seed, count);
        let clean = source.clean(seed, count);
        assert_eq!(samples, clean);
        (0..samples.inputs.ncols())
            .map(|j| samples.inputs[(0, j)] as usize)
            .collect()
    };
    let sorted = |mut members: Vec<usize>| {
        members.sort_unstable();
        members
    };
    let all: Vec<usize> = (0..12).collect();
    for sampling in [Sampling::Shuffled, Sampling::Replacement] {
        let set = labelled(LabelNoise::none(3)).visited(sampling).unwrap();
        let source = Source::from(set);
        assert_eq!(source.evaluation_limit(), Some(12));
        assert_eq!(members(&source, 3, 7).len(), 7);
        for count in [12, 13, 300] {
            assert_eq!(sorted(members(&source, 3, count)), all);
        }
        assert_ne!(members(&source, 3, 12), members(&source, 4, 12));
    }
    assert_eq!(teacher(1, LabelNoise::none(3)).evaluation_limit(), None);

    // A quarter and three quarters, never more than one sample off, until class 2 has none left.
    let weighted = |weights: &[f64]| {
        let set = labelled(LabelNoise::none(3));
        Source::from(set.visited(Sampling::Classes(weights.to_vec())).unwrap())
    };
    let source = weighted(&[1.0, 0.0, 3.0]);
    assert_eq!(source.evaluation_limit(), Some(6));
    for seed in 0..5 {
        let drawn = members(&source, seed, 300);
        let classes: Vec<usize> = drawn.iter().map(|member| member % 3).collect();
        assert_eq!(classes, [2, 0, 2, 2, 2, 0]);
        let drawn = sorted(drawn);
        assert!(drawn.windows(2).all(|pair| pair[0] < pair[1]), "{drawn:?}");
    }
    assert_eq!(weighted(&[1.0, 1.0, 1.0]).evaluation_limit(), Some(12));
    // Labels are drawn again for as many.
    let flips = symmetric_flips(3, 0.5).unwrap();
    let set = labelled(LabelNoise::none(3)).flipped(&flips).unwrap();
    let mut redraw = Source::from(set).redraw(3, 300, 300).unwrap();
    assert_eq!(redraw.labels(0).ncols(), 12);
}

/// For some of a set's inputs alone: each label in its own column, by its own input's law.
#[test]
fn labels_are_drawn_again_for_the_first_inputs_alone() {
    let flips = symmetric_flips(3, 0.3).unwrap();
    let images = Source::from(labelled(LabelNoise::none(3)).flipped(&flips).unwrap());
    let stream = teacher(2, noise(NoiseLaw::Gaussian, Place::Targets));
    for source in [images, stream] {
        let clean = source.clean(5, 12).targets;
        let mut redraw = source.redraw(5, 12, 3).unwrap();
        let draws: Vec<Mat<f64>> = (0..2000).map(|index| redraw.labels(index)).collect();
        assert_eq!((draws[0].nrows(), draws[0].ncols()), (clean.nrows(), 3));
        for input in 0..3 {
            for line in 0..clean.nrows() {
                let own = |draw: &Mat<f64>| draw[(line, input)];
                let drawn: Vec<f64> = draws.iter().map(own).collect();
                let mean = match clean[(line, input)] {
                    // Flips keep a label with 0.7 and give 0.15 to each other.
                    1.0 => 0.7,
                    0.0 => 0.15,
                    mean => mean,
                };
                mean_is("label", &drawn, mean);
            }
        }
    }
}

#[test]
fn what_cannot_be_is_refused() {
    let stream = |inputs, noise| {
        let tape = mlp(&[2, 3]).tape().unwrap();
        TeacherStream::new(tape, vec![0.5; 6], inputs, noise).unwrap_err()
    };
    let unit = || Mat::<f64>::identity(2, 2);
    let found = stream(unit(), LabelNoise::none(2));
    assert!(
        matches!(found, DataError::CovarianceShape { size: 3, .. }),
        "{found}"
    );
    let found = stream(Mat::identity(3, 3), LabelNoise::none(3));
    assert!(
        matches!(found, DataError::CovarianceShape { size: 2, .. }),
        "{found}"
    );
    let found = stream(faer::mat![[1.0, 2.0], [2.0, 1.0]], LabelNoise::none(3));
    assert!(
        found.to_string().contains("not positive semi-definite"),
        "{found}"
    );
    let heavy = noise(NoiseLaw::StudentT { degrees: 2.0 }, Place::Targets);
    assert_eq!(stream(unit(), heavy), DataError::Degrees { found: 2.0 });
    let tape = || mlp(&[2, 3]).tape().unwrap();
    let weights = |weights| TeacherStream::new(tape(), weights, unit(), LabelNoise::none(3));
    assert!(weights(vec![0.0; 5]).is_err() && weights(vec![f64::NAN; 6]).is_err());

    let set = |columns, labels, classes| {
        let inputs = Mat::from_fn(1, columns, |_, j| j as f32);
        LabelledSet::new(inputs, labels, classes, LabelNoise::none(classes)).unwrap_err()
    };
    assert!(matches!(set(0, vec![], 2), DataError::Empty { .. }));
    assert!(matches!(set(2, vec![0], 2), DataError::LabelCount { .. }));
    assert!(matches!(
        set(2, vec![0, 2], 2),
        DataError::Label { sample: 2, .. }
    ));
    assert!(matches!(set(1, vec![0], 0), DataError::Classes { .. }));

    let weighted = |weights: &[f64]| {
        let set = LabelledSet::new(Mat::zeros(1, 2), vec![0, 1], 3, LabelNoise::none(3));
        set.unwrap().visited(Sampling::Classes(weights.to_vec()))
    };
    assert!(weighted(&[1.0, 2.0, 0.0]).is_ok());
    for weights in [
        &[1.0, 1.0][..],
        &[1.0, -1.0, 0.0],
        &[1.0, f64::NAN, 0.0],
        &[0.0, 0.0, 0.0],
        &[1.0, 1.0, 1.0],
    ] {
        assert!(weighted(weights).is_err(), "{weights:?}");
    }
    assert!(symmetric_flips(1, 0.5).is_err() && symmetric_flips(3, f64::NAN).is_err());
    let flipped = |row: [f64; 3]| {
        let confusion = Mat::from_fn(3, 3, |_, j| row[j]);
        labelled(LabelNoise::none(3)).flipped(&confusion)
    };
    assert!(flipped([0.5, 0.25, 0.25]).is_ok());
    for row in [[0.5, 0.5, 0.5], [1.5, -0.5, 0.0], [f64::NAN, 0.5, 0.5]] {
        assert!(flipped(row).is_err(), "{row:?}");
    }
}

#[test]
fn a_source_must_fit_its_network() {
    let rnn = |steps, read| Rnn {
        inputs: 2,
        hidden: 4,
        outputs: 3,
        steps,
        activation: Activation::Tanh,
        biases: false,
        read,
    };
    let stream = teacher(4, LabelNoise::none(3));
    assert!(stream.fits(&rnn(4, Read::Every).tape().unwrap()).is_ok());
    for network in [rnn(4, Read::Last), rnn(3, Read::Every)] {
        let found = stream.fits(&network.tape().unwrap()).unwrap_err();
        assert!(matches!(found, DataError::Network { .. }), "{found}");
    }
    let set: Source = labelled(LabelNoise::none(3)).into();
    assert!(set.fits(&mlp(&[2, 3]).tape().unwrap()).is_ok());
    assert!(set.fits(&mlp(&[3, 3]).tape().unwrap()).is_err());
    assert!(set.fits(&mlp(&[2, 4]).tape().unwrap()).is_err());
    let network = Network::Rnn(rnn(4, Read::Last));
    assert!(network.tape_at(4).is_ok() && network.tape_at(5).is_err());
}

/// Labels drawn again: for the same inputs, by the draw's number alone, with the noise's own law about the clean
/// labels; and not at all where there is no noise.
#[test]
fn labels_are_drawn_again_for_the_same_inputs() {
    let law = noise(NoiseLaw::Gaussian, Place::Targets);
    let (source, count) = (teacher(2, law.clone()), 20);
    let (clean, own) = (source.clean(5, count), source.evaluation(5, count));
    let mut redraw = source.redraw(5, count, count).unwrap();
    let first = redraw.labels(0);
    assert_ne!(first, own.targets);
    assert_ne!(redraw.labels(1), first);
    assert_eq!(redraw.labels(0), first);
    assert_eq!(source.redraw(5, count, count).unwrap().labels(0), first);
    let draws: Vec<Mat<f64>> = (0..1000).map(|index| redraw.labels(index)).collect();
    // All draws' errors at one input, and at another: each of mean 0 and of the noise's covariance.
    for input in [0, 17] {
        let errors = Mat::from_fn(6, draws.len(), |line, draw| {
            draws[draw][(line, input)] - clean.targets[(line, input)]
        });
        for a in 0..6 {
            let line: Vec<f64> = errors.row(a).iter().copied().collect();
            mean_is("mean", &line, 0.0);
            for b in 0..=a {
                let same = a % 2 == b % 2;
                let expected = if same {
                    law.covariance[(a / 2, b / 2)]
                } else {
                    0.0
                };
                second_moment("again", &errors, [a, b], expected);
            }
        }
    }
    assert!(
        teacher(1, LabelNoise::none(3))
            .redraw(5, count, count)
            .is_none()
    );

    // Flips, of samples that are told apart by feature 0.
    let certain = labelled(LabelNoise::none(3));
    assert!(Source::from(certain.clone()).redraw(1, 12, 12).is_none());
    let source = Source::from(certain.flipped(&symmetric_flips(3, 0.3).unwrap()).unwrap());
    let set = source.evaluation(1, 12);
    let mut redraw = source.redraw(1, 12, 12).unwrap();
    let kept: Vec<f64> = (0..2000)
        .flat_map(|index| {
            let labels = redraw.labels(index);
            let own = |sample: usize| labels[(set.inputs[(0, sample)] as usize % 3, sample)];
            (0..12).map(own).collect::<Vec<f64>>()
        })
        .collect();
    mean_is("labels kept", &kept, 0.7);

    // Noise on logits: distributions, whose log-odds scatter about those of the class.
    let source = Source::from(labelled(noise(NoiseLaw::Gaussian, Place::Logits)));
    let set = source.evaluation(1, 12);
    let mut redraw = source.redraw(1, 12, 12).unwrap();
    let mut odds = Vec::new();
    for index in 0..2000 {
        let labels = redraw.labels(index);
        for (sample, y) in labels.col_iter().enumerate() {
            assert!((y.iter().sum::<f64>() - 1.0).abs() < 1e-14);
            let class = set.inputs[(0, sample)] as usize % 3;
            odds.push((y[class] / y[(class + 1) % 3]).ln());
        }
    }
    mean_is("log-odds", &odds, 1.0);
}
