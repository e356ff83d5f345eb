//! Sufficient statistics against samples in law, and the covariance of each noise law.
//!
//! Fixed seeds and counts; two-sided, each comparison refused at p < 1e-4: a correct sampler fails one of
//! eighty with a chance below 1 %.

use faer::Mat;

use crate::problem::{Problem, covariance};
use crate::random::{Purpose, tests::kolmogorov_tail};

use crate::recipe::{LabelWeights, Recipe};

use super::law::Law;
use super::reference::Batch;
use super::{Data, NoiseLaw, SampleSource, SimulateSettings};

const DRAWS: u64 = 4000;
const Z: f64 = 3.89;

fn problem(inputs: usize, outputs: usize) -> Problem {
    let covariance =
        |d: usize| Mat::from_fn(d, d, |i, j| if i == j { 1.0 + i as f64 } else { 0.4 });
    let teacher = Mat::from_fn(outputs, inputs, |i, j| 1.0 + (i * j) as f64);
    Problem::new(covariance(inputs), teacher, covariance(outputs), 2).unwrap()
}

/// Every entry of S_xx and S_εx, and ‖S_εx‖², for each seed. `law` draws `batch` samples.
fn statistics(law: &Law, batch: usize, first_seed: u64) -> Vec<Vec<f64>> {
    let settings = SimulateSettings::new(0.1, batch);
    let mut all = vec![Vec::new(); law.inputs * (law.inputs + law.outputs) + 1];
    for seed in first_seed..first_seed + DRAWS {
        let drawn = Batch::at(law, &settings, seed, 0, Purpose::Batches);
        let xx = &drawn.inputs * drawn.inputs.transpose();
        let ex = &drawn.noise * drawn.inputs.transpose();
        let entries = xx.col_iter().chain(ex.col_iter());
        let mut at = 0;
        for x in entries.flat_map(|c| c.iter().copied().collect::<Vec<_>>()) {
            all[at].push(x);
            at += 1;
        }
        all[at].push(ex.squared_norm_l2());
    }
    all
}

/// The two-sample Kolmogorov–Smirnov p-value.
fn two_sample(a: &mut [f64], b: &mut [f64]) -> f64 {
    a.sort_by(f64::total_cmp);
    b.sort_by(f64::total_cmp);
    let (n, m) = (a.len() as f64, b.len() as f64);
    let (mut i, mut j, mut distance) = (0, 0, 0.0f64);
    while i < a.len() && j < b.len() {
        if a[i] <= b[j] {
            i += 1;
        } else {
            j += 1;
        }
        distance = distance.max((i as f64 / n - j as f64 / m).abs());
    }
    kolmogorov_tail((n * m / (n + m)).sqrt() * distance)
}

fn laws(inputs: usize, outputs: usize) -> (Law, Law) {
    let problem = problem(inputs, outputs);
    let settings = SimulateSettings::new(0.1, 1);
    let mut by_sample = settings.clone();
    by_sample.data.sample_by_sample = true;
    (
        Law::new(&problem, &settings).unwrap(),
        Law::new(&problem, &by_sample).unwrap(),
    )
}

#[test]
fn sufficient_statistics_have_the_law_of_samples() {
    // The second is a trapezoid: fewer samples than inputs.
    for (inputs, outputs, batch) in [(2, 2, 5), (3, 2, 2), (2, 1, 40)] {
        let (sufficient, samples) = laws(inputs, outputs);
        assert!(sufficient.sufficient() && !samples.sufficient());
        let fast = statistics(&sufficient, batch, 0);
        let slow = statistics(&samples, batch, 1 << 32);
        for (i, (mut a, mut b)) in fast.into_iter().zip(slow).enumerate() {
            let p = two_sample(&mut a, &mut b);
            assert!(
                p > 1e-4,
                "{inputs} {outputs} {batch}, statistic {i}: p = {p:e}"
            );
        }
    }
}

/// The comparison above can fail: a sampler with one degree of freedom too many is refused.
#[test]
fn a_wrong_sampler_is_refused() {
    let (sufficient, samples) = laws(2, 2);
    let scale = 6.0 / 5.0;
    let wrong = statistics(&sufficient, 6, 0);
    let right = statistics(&samples, 5, 1 << 32);
    // Six samples' sums divided by five: the first entry of S_xx has χ²(6)/5 for χ²(5)/5.
    let mut wrong: Vec<f64> = wrong[0].iter().map(|x| scale * x).collect();
    assert!(two_sample(&mut wrong, &mut right[0].clone()) < 1e-9);
}

#[test]
fn every_noise_law_has_its_covariance() {
    let noises = [
        NoiseLaw::Gaussian,
        NoiseLaw::Laplace,
        NoiseLaw::Uniform,
        NoiseLaw::StudentT { degrees: 9.0 },
    ];
    for noise in noises {
        for heteroscedasticity in [0.0, 0.7] {
            let problem = problem(2, 2);
            let data = Data {
                noise,
                heteroscedasticity,
                sample_by_sample: true,
                ..Data::default()
            };
            let settings = SimulateSettings {
                data,
                ..SimulateSettings::new(0.1, 1)
            };
            let law = Law::new(&problem, &settings).unwrap();
            let samples: Vec<_> = (0..5 * DRAWS)
                .map(|seed| Batch::at(&law, &settings, seed, 0, Purpose::Batches))
                .collect();
            for (r, c) in [(0, 0), (0, 1), (1, 1)] {
                let products = samples.iter().map(|s| s.noise[(r, 0)] * s.noise[(c, 0)]);
                let z = z_score(products, problem.noise_covariance()[(r, c)]);
                assert!(
                    z.abs() < Z,
                    "{noise:?} {heteroscedasticity} ({r}, {c}): z = {z}"
                );
                // E ‖z‖² εεᵀ = (d_x + 2c) Σε, ‖z‖² the whitened input's squared norm.
                let weighted = samples.iter().map(|s| {
                    let l = &law.input_factor;
                    let first = s.inputs[(0, 0)] / l[(0, 0)];
                    let second = (s.inputs[(1, 0)] - l[(1, 0)] * first) / l[(1, 1)];
                    (first * first + second * second) * s.noise[(r, 0)] * s.noise[(c, 0)]
                });
                let exact = (2.0 + 2.0 * heteroscedasticity) * problem.noise_covariance()[(r, c)];
                let z = z_score(weighted, exact);
                assert!(
                    z.abs() < Z,
                    "{noise:?} {heteroscedasticity} ({r}, {c}): z = {z}"
                );
            }
        }
    }
}

/// (mean − exact) in standard errors.
pub(super) fn z_score(values: impl Iterator<Item = f64> + Clone, exact: f64) -> f64 {
    let n = values.clone().count() as f64;
    let mean = values.clone().sum::<f64>() / n;
    let variance = values.map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (mean - exact) / (variance / n).sqrt()
}

/// Noise of the samples and noise that is added to each of them make up the noise that is learnt, with weights on the labels too.
#[test]
fn weighted_labels_have_weighted_noise_added() {
    let problem = problem(2, 2);
    let given = LabelWeights::Matrix(faer::mat![[0.8, 0.1], [-0.4, 1.5]]);
    for label_weights in [None, Some(given), Some(LabelWeights::Whiten)] {
        let recipe = Recipe {
            added_noise_covariance: Some(covariance::from_deviations(&[0.2, 1.5])),
            label_smoothing: 0.1,
            label_weights,
            ..Recipe::default()
        };
        let learnt = recipe.problem(&problem).unwrap();
        let fresh = SimulateSettings {
            recipe: recipe.clone(),
            ..SimulateSettings::new(0.1, 2)
        };
        let mut dropped = fresh.clone();
        dropped.recipe.hidden_dropout = 0.1;
        let mut of_set = fresh.clone();
        of_set.data.source = SampleSource::Finite {
            samples: 10,
            replacement: true,
        };
        for (settings, one_by_one) in [(fresh, false), (dropped, true), (of_set, true)] {
            let law = Law::new(&problem, &settings).unwrap();
            let own = &law.noise_factor * law.noise_factor.transpose();
            let all = match &law.added_noise_factor {
                None => own,
                Some(added) => own + added * added.transpose(),
            };
            assert_eq!(law.added_noise_factor.is_some(), one_by_one);
            assert!((all - learnt.noise_covariance()).norm_max() < 1e-12);
            assert!((&law.teacher - learnt.teacher()).norm_max() < 1e-12);
        }
    }
}
