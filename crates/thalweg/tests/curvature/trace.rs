//! Trace estimators: unbiased by z-tests, standard errors by coverage, variances by comparison.
//!
//! Seeds and numbers of repeats are fixed. A z-test fails beyond 4 standard errors, two-sided: a false alarm in
//! 6 of 100,000 tests, and there are nine here.

use statrs::distribution::{ContinuousCDF, StudentsT};
use thalweg::curvature::{CurvatureError, TraceMethod, TraceSettings, trace};
use thalweg::estimate::{Estimate, Status, Uncertainty};

use super::known::{Known, even, geometric};

const METHODS: [TraceMethod; 3] = [
    TraceMethod::Hutchinson,
    TraceMethod::HutchPlusPlus,
    TraceMethod::XTrace,
];
const REPEATS: u64 = 400;

fn estimates(operator: &mut Known, method: TraceMethod, matvecs: usize) -> Vec<Estimate> {
    (0..REPEATS)
        .map(|seed| {
            let settings = TraceSettings {
                method,
                seed,
                ..TraceSettings::new(matvecs)
            };
            trace(operator, &settings).unwrap()
        })
        .collect()
}

/// Mean and sample variance.
fn moments(estimates: &[Estimate]) -> (f64, f64) {
    let n = estimates.len() as f64;
    let mean = estimates.iter().map(|e| e.value).sum::<f64>() / n;
    let squares: f64 = estimates.iter().map(|e| (e.value - mean).powi(2)).sum();
    (mean, squares / (n - 1.0))
}

/// The share of estimates whose 95 % interval, by Student's t, holds the truth.
fn coverage(estimates: &[Estimate], truth: f64) -> f64 {
    let held = estimates.iter().filter(|estimate| {
        let Uncertainty::StandardError { value, probes } = estimate.uncertainty else {
            panic!("{estimate:?}")
        };
        let student = StudentsT::new(0.0, 1.0, (probes - 1) as f64).unwrap();
        (estimate.value - truth).abs() <= student.inverse_cdf(0.975) * value
    });
    held.count() as f64 / estimates.len() as f64
}

/// Flat and indefinite; slow decay; fast decay.
fn spectra() -> [Vec<f64>; 3] {
    let slow = (1..=150).map(|i| 1.0 / f64::from(i)).collect();
    [even(150, -1.0, 2.0), slow, geometric(150, 0.9)]
}

/// XTrace's error is an upper bound on average, so its coverage is tested from below alone. Coverage of a right 95 % interval has standard deviation 1.1 % over 400 repeats: four of them are allowed, a
/// false alarm in 6 of 100,000 tests, of which there are nine.
#[test]
fn estimates_are_unbiased_and_their_errors_honest() {
    for (i, values) in spectra().into_iter().enumerate() {
        let mut operator = Known::new(values, 1 + i as u64);
        let truth = operator.trace();
        for method in METHODS {
            let found = estimates(&mut operator, method, 30);
            let (mean, variance) = moments(&found);
            let z = (mean - truth) / (variance / REPEATS as f64).sqrt();
            assert!(z.abs() < 4.0, "{method:?} on spectrum {i}: z = {z}");
            let covered = coverage(&found, truth);
            let excess = covered - 0.95;
            assert!(
                excess > -0.044 && (excess < 0.044 || method == TraceMethod::XTrace),
                "{method:?} on spectrum {i}: {covered}"
            );
        }
    }
}

/// On a decaying spectrum, the same number of products: the methods' variances are orders apart.
#[test]
fn sketches_pay_on_decaying_spectra() {
    let mut operator = Known::new(geometric(150, 0.6), 4);
    let [plain, sketched, exchangeable] = METHODS.map(|method| {
        let (_, variance) = moments(&estimates(&mut operator, method, 30));
        variance
    });
    assert!(plain > 100.0 * sketched, "{plain} and {sketched}");
    assert!(
        sketched > 10.0 * exchangeable,
        "{sketched} and {exchangeable}"
    );
}

#[test]
fn a_small_operator_is_summed_exactly() {
    let mut operator = Known::new(even(40, -1.0, 2.0), 5);
    let found = trace(&mut operator, &TraceSettings::new(40)).unwrap();
    assert!((found.value - operator.trace()).abs() < 1e-13);
    assert_eq!(
        (found.status, found.uncertainty),
        (Status::Exact, Uncertainty::Rounding)
    );
    assert_eq!((found.matvecs, operator.products), (40, 40));
}

/// Rank below the number of probes: the sketch holds everything, and the answer is exact to rounding.
#[test]
fn low_rank_is_no_trouble() {
    let mut values = vec![0.0; 200];
    values[..5].copy_from_slice(&[3.0, 2.0, 1.0, -1.0, 0.5]);
    for values in [values, vec![0.0; 200]] {
        let mut operator = Known::new(values, 6);
        for method in [TraceMethod::HutchPlusPlus, TraceMethod::XTrace] {
            let settings = TraceSettings {
                method,
                ..TraceSettings::new(60)
            };
            let found = trace(&mut operator, &settings).unwrap();
            assert!((found.value - operator.trace()).abs() < 1e-11, "{found:?}");
            assert!(found.converged(), "{found:?}");
        }
    }
}

#[test]
fn budget_and_tolerance_are_kept() {
    let mut operator = Known::new(even(300, 0.0, 1.0), 7);
    for method in METHODS {
        for matvecs in [31, 32, 60] {
            operator.products = 0;
            let mut settings = TraceSettings {
                method,
                ..TraceSettings::new(matvecs)
            };
            let found = trace(&mut operator, &settings).unwrap();
            assert_eq!(found.matvecs, operator.products);
            assert!(found.matvecs <= matvecs && found.matvecs + 1 >= matvecs);
            let relative = found.standard_error().unwrap() / found.value;
            settings.tolerance = 1.01 * relative;
            assert!(trace(&mut operator, &settings).unwrap().converged());
            settings.tolerance = 0.99 * relative;
            assert!(!trace(&mut operator, &settings).unwrap().converged());
        }
        let settings = TraceSettings {
            method,
            ..TraceSettings::new(1)
        };
        assert!(matches!(
            trace(&mut operator, &settings).unwrap_err(),
            CurvatureError::Setting {
                field: "matvecs",
                ..
            }
        ));
    }
}
