//! The estimates against tables whose law is known.
#![allow(clippy::unwrap_used)]

use faer::Mat;
use thalweg::Stop;
use thalweg::problem::{Basis, covariance};
use thalweg::random::{Purpose, Stream};

use super::noise::Entries;
use super::trials::{Trials, isotropy, isotropy_of_groups};
use super::{Diagnosis, Gathered, Matrices, Noise, Settings};

/// `rows` of y = V x + s(x) ε, with Σε of these deviations in turned axes.
fn table(rows: usize, seed: u64, deviations: &[f64; 2], depends: f64) -> Gathered {
    let mut stream = Stream::new(seed, Purpose::DataSet);
    let noise = covariance::from_spectrum(
        &[deviations[0].powi(2), deviations[1].powi(2)],
        Basis::Random { seed: 9 },
    );
    let factor = noise.llt(faer::Side::Lower).unwrap().L().to_owned();
    let (mut inputs, mut targets) = (Mat::zeros(rows, 3), Mat::zeros(rows, 2));
    for i in 0..rows {
        for j in 0..3 {
            inputs[(i, j)] = 5.0 + [2.0, 1.0, 0.5][j] * stream.normal();
        }
        let e = [stream.normal(), stream.normal()];
        let scale = (depends * (inputs[(i, 0)] - 5.0)).exp();
        for k in 0..2 {
            let clean = 1.0 + inputs[(i, 0)] * [1.0, 0.2][k] - inputs[(i, 2)] * [0.3, 1.0][k];
            let noise = factor[(k, 0)] * e[0] + factor[(k, 1)] * e[1];
            targets[(i, k)] = clean + scale * noise;
        }
    }
    let names = |of: &[&str]| of.iter().map(|&name| name.to_owned()).collect();
    let mut rows = Matrices::new(
        (inputs, names(&["a", "b", "c"])),
        (targets, names(&["y", "z"])),
        false,
    );
    Gathered::new(&mut rows, 0).unwrap()
}

/// Σε of `gathered`, by all rows.
fn noise(gathered: &Gathered, seed: u64) -> Noise {
    let groups = gathered.groups.len();
    let mut stream = Stream::new(seed, Purpose::EvaluationOrder);
    let fold = Noise::folds(groups, &mut stream);
    let entries = Entries {
        inputs: &[0, 1, 2],
        targets: &[3, 4],
    };
    let noise = Noise::of(gathered, &entries, &fold, &vec![1.0; groups], &Stop::here());
    noise.unwrap().unwrap()
}

/// The mean of Σε's estimate over 400 tables of 40 rows is Σε, within 4 standard errors: no degree of freedom is lost, though a
/// fit takes a tenth of them.
#[test]
fn noise_is_estimated_without_bias() {
    let (mut sum, mut squares) = ([0.0; 4], [0.0; 4]);
    for seed in 0..400 {
        let found = noise(&table(40, seed, &[1.0, 0.2], 0.0), seed).covariance;
        for (k, value) in [
            found[(0, 0)],
            found[(0, 1)],
            found[(1, 1)],
            found[(0, 0)] + found[(1, 1)],
        ]
        .into_iter()
        .enumerate()
        {
            sum[k] += value / 400.0;
            squares[k] += value * value / 400.0;
        }
    }
    let truth = covariance::from_spectrum(&[1.0, 0.04], Basis::Random { seed: 9 });
    let truth = [truth[(0, 0)], truth[(0, 1)], truth[(1, 1)], 1.04];
    for k in 0..4 {
        let error = ((squares[k] - sum[k] * sum[k]) / 400.0).sqrt();
        assert!(
            (sum[k] - truth[k]).abs() < 4.0 * error,
            "{k}: {} ± {error} and {}",
            sum[k],
            truth[k]
        );
    }
}

/// Sums over parts of the rows give what the rows themselves give: residuals r of fits that are made here row by row, and
/// Σ r rᵀ/Σ (1 + h).
#[test]
fn sums_give_what_rows_give() {
    let gathered = table(60, 3, &[1.0, 0.2], 0.0);
    let found = noise(&gathered, 3);
    let mut stream = Stream::new(3, Purpose::EvaluationOrder);
    let fold = Noise::folds(60, &mut stream);
    let row = |i: usize, columns: std::ops::Range<usize>| {
        let entries = &gathered.sample[i].entries[columns];
        Mat::from_fn(entries.len(), 1, |j, _| entries[j])
    };
    let (mut sum, mut weight) = (Mat::<f64>::zeros(2, 2), 0.0);
    for part in 0..10 {
        let others: Vec<usize> = (0..60).filter(|&i| fold[i] != part).collect();
        let design = Mat::from_fn(others.len(), 4, |i, j| match j {
            0 => 1.0,
            j => row(others[i], 0..3)[(j - 1, 0)],
        });
        let labels = Mat::from_fn(others.len(), 2, |i, j| row(others[i], 3..5)[(j, 0)]);
        let gram = design.transpose() * &design;
        let inverse = faer::linalg::solvers::DenseSolveCore::inverse(&gram.partial_piv_lu());
        let fit = &inverse * design.transpose() * labels;
        for i in (0..60).filter(|&i| fold[i] == part) {
            let x = row(i, 0..3);
            let x = Mat::from_fn(4, 1, |j, _| if j == 0 { 1.0 } else { x[(j - 1, 0)] });
            let residual = row(i, 3..5) - fit.transpose() * &x;
            let leverage = (x.transpose() * &inverse * &x)[(0, 0)];
            sum += &residual * residual.transpose();
            weight += 1.0 + leverage;
            let scaled = found.residual(&gathered.sample[i]);
            for k in 0..2 {
                let expected = residual[(k, 0)] / (1.0 + leverage).sqrt();
                assert!((scaled[k] - expected).abs() < 1e-9, "{i}: {scaled:?}");
            }
        }
    }
    let by_rows = faer::Scale(1.0 / weight) * sum;
    assert!((found.covariance - by_rows).norm_max() < 1e-10);
}

/// Of 60 tables 95 % intervals hold the truth of T, T_min and κ in at least 85 % (a probability of less than 2·10⁻³ to fail by chance):
/// of 300 rows, each a group of its own, and of 3000 in a thousand groups.
#[test]
fn intervals_cover() {
    let tables = 60;
    let truth = {
        let noise = covariance::from_spectrum(&[1.0, 0.16], Basis::Random { seed: 9 });
        let input = covariance::from_deviations(&[2.0, 1.0, 0.5]);
        let teacher = Mat::from_fn(2, 3, |i, j| [[1.0, 0.0, -0.3], [0.2, 0.0, -1.0]][i][j]);
        let problem = thalweg::problem::Problem::new(input, teacher, noise, 2).unwrap();
        let found = thalweg::theory::predict(&problem).unwrap();
        [1.0 / 0.16, found.sharpness, found.min_sharpness]
    };
    let settings = Settings {
        resamples: Some(200),
        ..Settings::default()
    };
    for rows in [300, 3000] {
        let mut held = [0; 3];
        for seed in 0..tables {
            let gathered = table(rows, 1000 + seed, &[1.0, 0.4], 0.0);
            let found = Diagnosis::new(&gathered, &settings).unwrap();
            for (k, of) in [found.condition_number, found.sharpness, found.min_sharpness]
                .iter()
                .enumerate()
            {
                if of.interval[0] <= truth[k] && truth[k] <= of.interval[1] {
                    held[k] += 1;
                }
            }
        }
        assert!(
            held.iter().all(|held| *held >= 51),
            "{rows}: {held:?} of {tables}"
        );
    }
}

/// Of 1000 tables of isotropic noise 5 % are called anisotropic at p < 0.05: between 32 and 72, which chance leaves less than once in 300.
#[test]
fn the_test_of_isotropy_has_its_false_alarm_rate() {
    let mut alarms = 0;
    for seed in 0..1000 {
        let mut stream = Stream::new(seed, Purpose::DataSet);
        let residuals = Mat::from_fn(100, 2, |_, _| stream.normal());
        let inputs = Mat::from_fn(100, 1, |_, _| 0.0);
        let trials = Trials::new(&inputs, &residuals, 2);
        let mut stream = Stream::new(seed, Purpose::Redraws);
        alarms += usize::from(isotropy(&trials, &mut stream).unwrap().p_value < 0.05);
    }
    assert!((32..=72).contains(&alarms), "{alarms}");
}

/// The same of tokens: of 1000 sets of 60 sequences of 8 places, whose residuals in a sequence are one vector with eight lengths, so that
/// they depend on one another: between 32 and 72. As if they were independent, far more would be called anisotropic.
#[test]
fn the_test_of_isotropy_takes_sequences_whole() {
    let (mut alarms, mut as_rows) = (0, 0);
    for seed in 0..1000 {
        let mut stream = Stream::new(seed, Purpose::DataSet);
        let (mut sums, mut rows) = (Vec::new(), Vec::new());
        for _ in 0..60 {
            let along = [stream.normal(), stream.normal()];
            let mut sum = Mat::<f64>::zeros(3, 3);
            for _ in 0..8 {
                let length = 1.0 + 0.1 * stream.normal();
                // Three classes: what they leave sums to 0, and moves along two axes of length 1.
                let (a, b) = (
                    length * along[0] / 2f64.sqrt(),
                    length * along[1] / 6f64.sqrt(),
                );
                let r = [a + b, b - a, -2.0 * b];
                sum += Mat::from_fn(3, 3, |i, j| r[i] * r[j]);
                rows.push(r);
            }
            sums.push(sum);
        }
        let mut stream = Stream::new(seed, Purpose::Redraws);
        alarms += usize::from(isotropy_of_groups(&sums, 2, &mut stream).unwrap().p_value < 0.05);
        if seed < 100 {
            let inputs = Mat::zeros(rows.len(), 1);
            let residuals = Mat::from_fn(rows.len(), 3, |i, j| rows[i][j]);
            let trials = Trials::new(&inputs, &residuals, 2);
            as_rows += usize::from(isotropy(&trials, &mut stream).unwrap().p_value < 0.05);
        }
    }
    assert!((32..=72).contains(&alarms), "{alarms}");
    assert!(as_rows > 20, "{as_rows}");
}

/// Sequences whose noise is twice as loud along one axis are told from isotropic ones.
#[test]
fn anisotropic_sequences_are_seen() {
    let mut stream = Stream::new(3, Purpose::DataSet);
    let sums: Vec<Mat<f64>> = (0..60)
        .map(|_| {
            let along = [2.0 * stream.normal(), stream.normal()];
            Mat::from_fn(2, 2, |i, j| along[i] * along[j])
        })
        .collect();
    let mut stream = Stream::new(3, Purpose::Redraws);
    let found = isotropy_of_groups(&sums, 2, &mut stream).unwrap();
    assert_eq!(found.rows, 60);
    assert!(found.p_value <= 0.002, "{found:?}");
}

/// p-values: seldom small where the hypothesis holds, small where it does not.
#[test]
fn tests_say_no_where_they_should() {
    let settings = Settings {
        resamples: Some(0),
        ..Settings::default()
    };
    let p = |seed, deviations: &[f64; 2], depends| {
        let found = Diagnosis::new(&table(300, seed, deviations, depends), &settings).unwrap();
        (found.isotropy.p_value, found.heteroscedasticity.p_value)
    };
    assert!(p(1, &[1.0, 0.3], 0.0).0 <= 0.002);
    assert!(p(2, &[1.0, 1.0], 0.5).1 <= 0.002);
    let (mut isotropic, mut homoscedastic) = (0, 0);
    for seed in 10..40 {
        let (first, second) = p(seed, &[1.0, 1.0], 0.0);
        isotropic += usize::from(first < 0.05);
        homoscedastic += usize::from(second < 0.05);
    }
    // Of 30 at 5 %: more than 6 less than once in a thousand.
    assert!(
        isotropic <= 6 && homoscedastic <= 6,
        "{isotropic} {homoscedastic}"
    );
}

/// A row counted in a group is a row: sums, sample and rows agree on a table that is longer than the sample, and every row has the
/// same chance to be in it.
#[test]
fn long_tables_are_summed_and_sampled() {
    let rows = 20_000;
    let inputs = Mat::from_fn(rows, 1, |i, _| i as f64);
    let targets = Mat::from_fn(rows, 1, |i, _| (i % 2) as f64);
    let mut all = Matrices::new(
        (inputs, vec!["x".to_owned()]),
        (targets, vec!["y".to_owned()]),
        false,
    );
    let gathered = Gathered::new(&mut all, 5).unwrap();
    assert_eq!((gathered.rows, gathered.groups.len()), (20_000, 1000));
    let total = gathered.total();
    assert_eq!(total.rows(), 20_000.0);
    assert!((total.mean(0) - 9999.5).abs() < 1e-9 && (total.mean(1) - 0.5).abs() < 1e-12);
    // The mean place of 4096 rows drawn from 20,000: 9999.5 ± 80.
    let places = gathered.sample.iter().map(|row| row.entries[0]);
    let mean = places.sum::<f64>() / gathered.sample.len() as f64;
    assert!(
        gathered.sample.len() == 4096 && (mean - 9999.5).abs() < 320.0,
        "{mean}"
    );
}

/// With nearly as many inputs as rows, resampled rows, of which many are the same, leave far more noise than all rows do: intervals are then
/// wrong, and are said to be.
#[test]
fn intervals_of_too_few_rows_are_doubted() {
    let settings = Settings::default();
    let found = Diagnosis::new(&table(300, 4, &[1.0, 0.3], 0.0), &settings).unwrap();
    assert_eq!(found.doubt(), None);
    let mut stream = Stream::new(8, Purpose::Redraws);
    let (rows, columns) = (260, 120);
    let inputs = Mat::from_fn(rows, columns, |_, _| stream.normal());
    let targets = Mat::from_fn(rows, 2, |i, j| inputs[(i, j)] + stream.normal());
    let names = |count: usize| (0..count).map(|j| format!("{j}")).collect();
    let mut few = Matrices::new((inputs, names(columns)), (targets, names(2)), false);
    let found = Diagnosis::new(&Gathered::new(&mut few, 0).unwrap(), &settings).unwrap();
    let doubt = found.doubt().unwrap();
    assert!(
        doubt.contains("F by more than they scatter: 260 rows and 120 inputs"),
        "{doubt}"
    );
    assert!(
        found.condition_number.interval[0] >= 1.0,
        "{:?}",
        found.condition_number
    );
}
