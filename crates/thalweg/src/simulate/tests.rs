//! The fast kernels against the naive reference, and what a run's numbers may depend on.

use faer::Mat;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use crate::lanes::{Isa, dispatch_on};
use crate::problem::Problem;
use crate::random::{Purpose, Stream};
use crate::recipe::{Recipe, Sam};

use super::advance::Advance;
use super::law::Law;
use super::run::Run;
use super::{
    Data, Ensemble, InitialWeights, NoiseLaw, Outcome, Precision, SampleSource, SimulateSettings,
    Switch, initial, reference,
};

/// M Mᵀ/d of a random M: a covariance without zeros.
fn covariance(stream: &mut Stream, size: usize) -> Mat<f64> {
    let m = Mat::from_fn(size, size, |_, _| stream.normal());
    faer::Scale(1.0 / size as f64) * (&m * m.transpose())
        + faer::Scale(0.1) * Mat::<f64>::identity(size, size)
}

pub(super) fn problem(widths: &[usize], seed: u64) -> Problem {
    let mut stream = Stream::new(seed, Purpose::Problem);
    let depth = widths.len() - 1;
    let input = covariance(&mut stream, widths[0]);
    let noise = covariance(&mut stream, widths[depth]);
    // Rank one, so that every hidden width is wide enough.
    let (u, v) = (stream.normal(), stream.normal());
    let teacher = Mat::from_fn(widths[depth], widths[0], |i, j| {
        (u + i as f64) * (v - j as f64) / 10.0
    });
    Problem::with_hidden_widths(input, teacher, noise, depth, &widths[1..depth]).unwrap()
}

/// The weights after `steps` steps of the naive reference, flattened.
fn naive(problem: &Problem, settings: &SimulateSettings, seed: u64, steps: u64) -> Vec<f64> {
    let law = Law::new(problem, settings).unwrap();
    let mut weights = super::ensemble::layers(problem, &initial::weights(problem, settings, seed));
    let mut velocity: Vec<Mat<f64>> = weights
        .iter()
        .map(|w| Mat::zeros(w.nrows(), w.ncols()))
        .collect();
    for step in 0..steps {
        reference::step(&law, settings, seed, step, &mut weights, &mut velocity);
    }
    flat(&weights)
}

fn flat(weights: &[Mat<f64>]) -> Vec<f64> {
    weights
        .iter()
        .flat_map(|w| (0..w.ncols()).flat_map(move |c| (0..w.nrows()).map(move |r| w[(r, c)])))
        .collect()
}

fn any_settings() -> impl Strategy<Value = SimulateSettings> {
    let noise = prop_oneof![
        Just(NoiseLaw::Gaussian),
        Just(NoiseLaw::Laplace),
        Just(NoiseLaw::Uniform),
        (2.1f64..20.0).prop_map(|degrees| NoiseLaw::StudentT { degrees }),
    ];
    let source = prop_oneof![
        3 => Just(SampleSource::Online),
        1 => (90usize..130, any::<bool>())
            .prop_map(|(samples, replacement)| SampleSource::Finite { samples, replacement }),
    ];
    let data = (
        source,
        noise,
        prop_oneof![Just(0.0), 0.0..1.0],
        any::<bool>(),
    )
        .prop_map(
            |(source, noise, heteroscedasticity, sample_by_sample)| Data {
                source,
                noise,
                heteroscedasticity,
                sample_by_sample,
            },
        );
    let batch = prop_oneof![1usize..12, 30..36usize, 60..90usize];
    let switch = proptest::option::of((0u64..12, 1usize..80))
        .prop_map(|s| s.map(|(at_step, samples)| Switch { at_step, samples }));
    let init = prop_oneof![
        (0.3..1.0f64).prop_map(|gain| InitialWeights::Kaiming { gain }),
        (0.3..1.0f64).prop_map(|gain| InitialWeights::Xavier { gain }),
        (0.1..0.5f64).prop_map(|deviation| InitialWeights::Normal { deviation }),
    ];
    let momentum = prop_oneof![Just(0.0), 0.0..0.9];
    let decay = prop_oneof![Just(0.0), 0.0..0.1];
    let sam = proptest::option::of((1e-3..0.1, any::<bool>(), any::<bool>()));
    let recipe = (momentum, decay, sam).prop_map(|(momentum, weight_decay, sam)| Recipe {
        momentum,
        weight_decay,
        sam: sam.map(|(radius, normalised, independent)| Sam {
            radius,
            normalised,
            independent,
        }),
        ..Recipe::default()
    });
    (data, batch, switch, init, recipe).prop_map(|(data, batch, switch, init, recipe)| {
        SimulateSettings {
            recipe,
            data,
            init,
            switch,
            ..SimulateSettings::new(1e-3, batch)
        }
    })
}

/// What is done to single samples, for a problem of these widths.
fn changed(
    mut settings: SimulateSettings,
    widths: &[usize],
    seed: u64,
    which: [bool; 5],
) -> SimulateSettings {
    let mut stream = Stream::new(seed, Purpose::Probes);
    let [inputs, labels, units, hidden, smoothed] = which;
    let mut noise = |there: bool, size| there.then(|| covariance(&mut stream, size));
    settings.recipe = Recipe {
        input_noise_covariance: noise(inputs, widths[0]),
        added_noise_covariance: noise(labels, widths[widths.len() - 1]),
        input_dropout: if units { 0.3 } else { 0.0 },
        hidden_dropout: if hidden && widths.len() > 2 { 0.2 } else { 0.0 },
        label_smoothing: if smoothed { 0.1 } else { 0.0 },
        ..settings.recipe
    };
    if settings.is_perturbed() {
        settings.switch = None;
        settings.data.heteroscedasticity = 0.0;
    }
    settings
}

fn any_widths() -> impl Strategy<Value = Vec<usize>> {
    prop_oneof![
        (1usize..5, 1usize..9).prop_map(|(depth, size)| vec![size; depth + 1]),
        proptest::collection::vec(1usize..7, 2..5),
        (1usize..3, 17usize..40).prop_map(|(depth, size)| vec![size; depth + 1]),
        proptest::collection::vec(15usize..40, 2..4),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

    /// Twelve steps of the same words: agreement to rounding. A run that blows up multiplies its rounding errors by
    /// powers of its growth, and is compared before it does.
    #[test]
    fn fast_kernels_agree_with_the_naive_reference(
        widths in any_widths(), settings in any_settings(), seed in any::<u64>(),
        which in proptest::option::of(any::<[bool; 5]>()),
    ) {
        let problem = problem(&widths, seed);
        let settings = changed(settings, &widths, seed, which.unwrap_or_default());
        let run = |steps| {
            let mut fast = Ensemble::start(&problem, &settings, &[seed]).unwrap();
            fast.run_to(steps);
            (fast, naive(&problem, &settings, seed, steps))
        };
        let (mut fast, mut slow) = run(12);
        if fast.outcomes()[0] == Outcome::Running {
            let largest = |weights: &[f64]| weights.iter().fold(0.0f64, |m, w| m.max(w.abs()));
            let start = largest(&initial::weights(&problem, &settings, seed));
            for steps in [6, 3, 1] {
                if largest(&slow) > 10.0 * start {
                    (fast, slow) = run(steps);
                }
            }
            let size = largest(&slow);
            let snapshot = fast.snapshot();
            for (bits, slow) in snapshot.runs[0].weights.iter().zip(&slow) {
                let fast = f64::from_bits(*bits);
                prop_assert!((fast - slow).abs() < 1e-11 * size, "{fast} {slow}");
            }
        } else {
            let norm: f64 = slow.iter().map(|w| w * w).sum();
            prop_assert!(norm.is_nan() || norm > 1e19, "{norm}");
        }
    }

    /// Every instruction set gives the same bits, in either precision.
    #[test]
    fn instruction_sets_agree_bit_for_bit(
        widths in any_widths(), mut settings in any_settings(), seed in any::<u64>(),
        single in any::<bool>(), which in proptest::option::of(any::<[bool; 5]>()),
    ) {
        settings = changed(settings, &widths, seed, which.unwrap_or_default());
        if single {
            settings.precision = Precision::F32;
        }
        let problem = problem(&widths, seed);
        let law = Law::new(&problem, &settings).unwrap();
        let run_in = |isa| {
            let weights = initial::weights(&problem, &settings, seed);
            let velocity = vec![0.0; if settings.recipe.momentum == 0.0 { 0 } else { weights.len() }];
            let mut runs = [Run::new(&law, &settings, seed, Outcome::Running, weights, velocity, None)];
            dispatch_on(isa, Advance {
                law: &law,
                settings: &settings,
                widths: problem.widths(),
                runs: &mut runs,
                steps: 0..12,
            });
            let bits: Vec<u64> = runs[0].weights.iter().map(|w| w.to_bits()).collect();
            (bits, runs[0].outcome)
        };
        let all: Vec<_> = Isa::available().into_iter().map(run_in).collect();
        for other in &all[1..] {
            prop_assert_eq!(&all[0], other);
        }
    }
}

/// Where signal and noise share their axes, kernels multiply by diagonals only.
#[test]
fn diagonal_problems_agree_with_the_naive_reference() {
    for size in [5, 8, 30] {
        let diagonal = |first: f64| {
            let entry = |i| first + i as f64 / size as f64;
            Mat::from_fn(size, size, |i, j| if i == j { entry(i) } else { 0.0 })
        };
        let problem = Problem::new(diagonal(0.5), diagonal(0.2), diagonal(0.1), 3).unwrap();
        let settings = SimulateSettings::new(1e-2, 10);
        let mut fast = Ensemble::start(&problem, &settings, &[3]).unwrap();
        fast.run_to(12);
        let slow = naive(&problem, &settings, 3, 12);
        for (bits, slow) in fast.snapshot().runs[0].weights.iter().zip(&slow) {
            let fast = f64::from_bits(*bits);
            assert!((fast - slow).abs() < 1e-12, "{size}: {fast} {slow}");
        }
    }
}

/// Seeds together or alone, on one thread or more, straight through or in pieces: the same bits.
#[test]
fn numbers_depend_on_the_seed_alone() {
    for widths in [[2, 2, 2], [5, 7, 3], [30, 26, 25]] {
        let problem = problem(&widths, 1);
        let settings = SimulateSettings {
            recipe: Recipe {
                momentum: 0.5,
                ..Recipe::default()
            },
            ..SimulateSettings::new(1e-3, 10)
        };
        let seeds: Vec<u64> = (100..119).collect();
        let mut together = Ensemble::start(&problem, &settings, &seeds).unwrap();
        together.run_to(50);
        let together = together.snapshot();
        for (seed, state) in seeds.iter().zip(&together.runs) {
            let mut alone = Ensemble::start(&problem, &settings, &[*seed]).unwrap();
            for stop in [1, 2, 13, 50] {
                alone.run_to(stop);
                alone = Ensemble::resume(&problem, &settings, alone.snapshot()).unwrap();
            }
            assert_eq!(&alone.snapshot().runs[0], state);
        }
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            let mut again = Ensemble::start(&problem, &settings, &seeds).unwrap();
            pool.install(|| again.run_to(50));
            assert_eq!(again.snapshot(), together);
        }
    }
}

/// A step on the whole set is one of gradient descent on these samples: W_1 by −(η/N) Σ W_2ᵀ(W_2W_1x − y)xᵀ, W_2 by
/// −(η/N) Σ (W_2W_1x − y)(W_1x)ᵀ.
#[test]
fn a_data_set_is_what_the_run_learns_from() {
    const SAMPLES: usize = 30;
    let problem = problem(&[3, 2, 2], 1);
    let mut settings = SimulateSettings::new(0.05, SAMPLES);
    settings.recipe.label_smoothing = 0.2;
    settings.data.source = SampleSource::Finite {
        samples: SAMPLES,
        replacement: false,
    };
    let mut ensemble = Ensemble::start(&problem, &settings, &[1, 2]).unwrap();
    let (sets, starts) = (ensemble.data_sets(), ensemble.weights());
    assert_ne!(sets[0], sets[1]);
    ensemble.run_to(1);
    let ends = ensemble.weights();
    for ((set, start), end) in sets.iter().zip(&starts).zip(&ends) {
        let (start, end) = (start.as_ref().unwrap(), end.as_ref().unwrap());
        let [first, second] = [start.layer(1), start.layer(2)];
        let rate = faer::Scale(0.05 / SAMPLES as f64);
        let residuals = second * first * &set.inputs - &set.labels;
        let step = [
            rate * (second.transpose() * &residuals * set.inputs.transpose()),
            rate * (&residuals * (first * &set.inputs).transpose()),
        ];
        for (k, step) in step.iter().enumerate() {
            let off = (start.layer(k + 1) - end.layer(k + 1) - step).norm_l2();
            assert!(off < 1e-12 * step.norm_l2(), "layer {k}: {off}");
        }
    }
    let fresh = Ensemble::start(&problem, &SimulateSettings::new(0.05, 10), &[1]).unwrap();
    assert!(fresh.data_sets().is_empty());
}

/// A resume within an epoch of a shuffled data set, and across the switch to a fixed batch.
#[test]
fn data_sets_and_switches_resume_exactly() {
    let problem = problem(&[2, 2, 2], 1);
    let mut settings = SimulateSettings::new(1e-3, 7);
    settings.data.source = SampleSource::Finite {
        samples: 45,
        replacement: false,
    };
    settings.switch = Some(Switch {
        at_step: 20,
        samples: 33,
    });
    let mut straight = Ensemble::start(&problem, &settings, &[1, 2]).unwrap();
    straight.run_to(40);
    let mut pieces = Ensemble::start(&problem, &settings, &[1, 2]).unwrap();
    for stop in [3, 10, 19, 21, 40] {
        pieces.run_to(stop);
        pieces = Ensemble::resume(&problem, &settings, pieces.snapshot()).unwrap();
    }
    assert_eq!(pieces.snapshot(), straight.snapshot());
}

#[test]
fn single_precision_follows_double_for_a_while() {
    let problem = problem(&[3, 3, 3], 1);
    let run = |precision| {
        let settings = SimulateSettings {
            precision,
            ..SimulateSettings::new(1e-3, 10)
        };
        let mut ensemble = Ensemble::start(&problem, &settings, &[4]).unwrap();
        ensemble.run_to(100);
        flat(ensemble.weights().remove(0).unwrap().layers())
    };
    let (double, single) = (run(Precision::F64), run(Precision::F32));
    assert_ne!(double, single);
    for (d, s) in double.iter().zip(&single) {
        // A hundred steps of half-ulp roundings of weights of order 1.
        assert!((d - s).abs() < 100.0 * f64::from(f32::EPSILON), "{d} {s}");
    }
}

/// Runs in single precision hold numbers of single precision, in every kernel, and those in double do not.
#[test]
fn weights_are_of_the_precision_asked_for() {
    for widths in [&[2, 2, 2][..], &[3, 2, 4], &[30, 30]] {
        let problem = problem(widths, 1);
        for precision in [Precision::F32, Precision::F64] {
            let settings = SimulateSettings {
                precision,
                recipe: Recipe {
                    momentum: 0.5,
                    ..Recipe::default()
                },
                ..SimulateSettings::new(1e-3, 10)
            };
            let mut ensemble = Ensemble::start(&problem, &settings, &[4]).unwrap();
            ensemble.run_to(20);
            let run = ensemble.snapshot().runs.remove(0);
            let is_single = |bits: &&u64| {
                let number = f64::from_bits(**bits);
                f64::from(number as f32) == number
            };
            for numbers in [run.weights, run.velocity] {
                let single = numbers.iter().filter(is_single).count();
                match precision {
                    Precision::F32 => assert_eq!(single, numbers.len(), "{widths:?}"),
                    Precision::F64 => assert!(2 * single < numbers.len(), "{widths:?}"),
                }
            }
        }
    }
}

#[test]
fn bad_settings_are_refused_by_name() {
    let problem = problem(&[2, 2, 2], 1);
    let good = SimulateSettings::new(0.1, 4);
    let student = |degrees| Data {
        noise: NoiseLaw::StudentT { degrees },
        ..Data::default()
    };
    let finite = |samples| Data {
        source: SampleSource::Finite {
            samples,
            replacement: false,
        },
        ..Data::default()
    };
    let mixed = |heteroscedasticity| Data {
        heteroscedasticity,
        ..Data::default()
    };
    let cases = [
        (
            "learning_rate",
            SimulateSettings {
                learning_rate: 0.0,
                ..good.clone()
            },
        ),
        (
            "learning_rate",
            SimulateSettings {
                learning_rate: f64::NAN,
                ..good.clone()
            },
        ),
        (
            "batch",
            SimulateSettings {
                batch: 0,
                ..good.clone()
            },
        ),
        (
            "momentum",
            SimulateSettings {
                recipe: Recipe {
                    momentum: 1.0,
                    ..Recipe::default()
                },
                ..good.clone()
            },
        ),
        (
            "weight_decay",
            SimulateSettings {
                recipe: Recipe {
                    weight_decay: -0.1,
                    ..Recipe::default()
                },
                ..good.clone()
            },
        ),
        (
            "data.noise.degrees",
            SimulateSettings {
                data: student(2.0),
                ..good.clone()
            },
        ),
        (
            "data.source",
            SimulateSettings {
                data: finite(3),
                ..good.clone()
            },
        ),
        (
            "data.heteroscedasticity",
            SimulateSettings {
                data: mixed(1.5),
                ..good.clone()
            },
        ),
        (
            "switch.samples",
            SimulateSettings {
                switch: Some(Switch {
                    at_step: 1,
                    samples: 0,
                }),
                ..good.clone()
            },
        ),
        (
            "init.gain",
            SimulateSettings {
                init: InitialWeights::Xavier { gain: 0.0 },
                ..good.clone()
            },
        ),
    ];
    for (field, settings) in cases {
        let message = Ensemble::start(&problem, &settings, &[1])
            .unwrap_err()
            .to_string();
        assert!(message.starts_with(field), "{message}");
    }
    assert!(Ensemble::start(&problem, &good, &[]).is_err());
    let mut snapshot = Ensemble::start(&problem, &good, &[1]).unwrap().snapshot();
    snapshot.runs[0].weights.pop();
    assert!(Ensemble::resume(&problem, &good, snapshot).is_err());
}
