//! The estimates against tables whose law is known.
#![allow(clippy::unwrap_used)]

use faer::Mat;
use thalweg::problem::{Basis, covariance};
use thalweg::random::{Purpose, Stream};

use super::{DiagnoseError, Diagnosis, Noise, Settings, Table};

/// `rows` of y = V x + s(x) ε, with Σε of these deviations in turned axes.
fn table(rows: usize, seed: u64, deviations: &[f64; 2], depends: f64) -> Table {
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
    Table {
        inputs,
        targets,
        input_names: ["a", "b", "c"].map(str::to_owned).to_vec(),
        target_names: ["y", "z"].map(str::to_owned).to_vec(),
    }
}

/// The mean of Σε's estimate over 400 tables of 40 rows is Σε, within 4 standard errors: no degree of freedom is lost, though a
/// fit takes a tenth of them.
#[test]
fn noise_is_estimated_without_bias() {
    let (mut sum, mut squares) = ([0.0; 4], [0.0; 4]);
    for seed in 0..400 {
        let table = table(40, seed, &[1.0, 0.2], 0.0);
        let mut stream = Stream::new(seed, Purpose::EvaluationOrder);
        let folds = Noise::folds(40, &mut stream);
        let all: Vec<usize> = (0..40).collect();
        let found = Noise::of((&table.inputs, &table.targets), &all, &folds)
            .unwrap()
            .covariance;
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

/// Of 60 tables 95 % intervals hold the truth of T, T_min and κ in at least 85 % (a probability of less than 2·10⁻³ to fail by chance).
#[test]
fn intervals_cover() {
    let (mut held, tables) = ([0; 3], 60);
    let truth = {
        let noise = covariance::from_spectrum(&[1.0, 0.16], Basis::Random { seed: 9 });
        let input = covariance::from_deviations(&[2.0, 1.0, 0.5]);
        let teacher = Mat::from_fn(2, 3, |i, j| [[1.0, 0.0, -0.3], [0.2, 0.0, -1.0]][i][j]);
        let problem = thalweg::problem::Problem::new(input, teacher, noise, 2).unwrap();
        let found = thalweg::theory::predict(&problem).unwrap();
        [1.0 / 0.16, found.sharpness, found.min_sharpness]
    };
    let settings = Settings {
        resamples: 200,
        ..Settings::default()
    };
    for seed in 0..tables {
        let found = Diagnosis::new(&table(300, 1000 + seed, &[1.0, 0.4], 0.0), &settings).unwrap();
        for (k, of) in [found.condition_number, found.sharpness, found.min_sharpness]
            .iter()
            .enumerate()
        {
            if of.interval[0] <= truth[k] && truth[k] <= of.interval[1] {
                held[k] += 1;
            }
        }
    }
    assert!(held.iter().all(|held| *held >= 51), "{held:?} of {tables}");
}

/// p-values: seldom small where the hypothesis holds, small where it does not.
#[test]
fn tests_say_no_where_they_should() {
    let settings = Settings {
        resamples: 0,
        ..Settings::default()
    };
    let p = |seed, deviations: &[f64; 2], depends| {
        let found = Diagnosis::new(&table(300, seed, deviations, depends), &settings).unwrap();
        (found.isotropy, found.heteroscedasticity)
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

#[test]
fn wrong_tables_are_refused_with_the_way_out() {
    let targets = ["y".to_owned()];
    let read = |text: &str| Table::from_csv(text.as_bytes(), &targets);
    let words = read("x,y\n1,2\n3,\n").unwrap_err().to_string();
    assert!(words.contains("row 3") && words.contains("`y`"), "{words}");
    let words = read("x,z\n1,2\n").unwrap_err().to_string();
    assert!(
        words.contains("no column `y`; its columns are x, z"),
        "{words}"
    );
    assert!(matches!(
        read("y\n1\n").unwrap_err(),
        DiagnoseError::NoInputs
    ));
    let settings = Settings::default();
    let few = read("x,y\n1,2\n2,3\n").unwrap();
    assert!(matches!(
        Diagnosis::new(&few, &settings),
        Err(DiagnoseError::TooFewRows { .. })
    ));
    let lines = |line: &dyn Fn(usize) -> String| {
        let body: Vec<String> = (0..40).map(line).collect();
        format!("a,b,y\n{}", body.join("\n"))
    };
    let constant = read(&lines(&|i| format!("{i},7,{}", i * i))).unwrap();
    assert!(matches!(
        Diagnosis::new(&constant, &settings),
        Err(DiagnoseError::Constant { .. })
    ));
    let twice = read(&lines(&|i| format!("{i},{},{}", 2 * i, i * i))).unwrap();
    assert!(matches!(
        Diagnosis::new(&twice, &settings),
        Err(DiagnoseError::Dependent { .. })
    ));
}
