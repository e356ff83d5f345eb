//! Spectral densities: moments, a known law, quadrature error told from sampling error.

use statrs::distribution::{ContinuousCDF, Normal, StudentsT};
use thalweg::curvature::{DensitySettings, density};
use thalweg::estimate::{Estimate, Status, Uncertainty};

use super::known::{Known, even};

/// p-value, two-sided, of `truth` under Student's t.
fn p_value(estimate: Estimate, truth: f64) -> f64 {
    let Uncertainty::StandardError { value, probes } = estimate.uncertainty else {
        panic!("{estimate:?}")
    };
    let student = StudentsT::new(0.0, 1.0, (probes - 1) as f64).unwrap();
    2.0 * student.sf((estimate.value - truth).abs() / value)
}

/// (2/π)√(1 − x²) at its quantiles, by bisection of its distribution function.
fn semicircle(dim: usize) -> Vec<f64> {
    let cdf = |x: f64| 0.5 + (x * (1.0 - x * x).sqrt() + x.asin()) / std::f64::consts::PI;
    (0..dim)
        .map(|i| {
            let (mut low, mut high) = (-1.0, 1.0);
            for _ in 0..60 {
                let middle = 0.5 * (low + high);
                if cdf(middle) < (i as f64 + 0.5) / dim as f64 {
                    low = middle;
                } else {
                    high = middle;
                }
            }
            low
        })
        .collect()
}

fn settings(probes: usize, steps: usize) -> DensitySettings {
    DensitySettings {
        probes,
        steps,
        seed: 1,
    }
}

/// Fails with p < 1e-4: a false alarm in one of 1400 runs of the seven comparisons.
#[test]
fn moments_are_those_of_the_operator() {
    let mut values = even(300, -1.0, 1.0);
    values.extend([4.0, 3.0]);
    let mut operator = Known::new(values, 1);
    let density = density(&mut operator, &settings(25, 4)).unwrap();
    assert_eq!(operator.products, 100);
    assert!((density.moment(0).value - 1.0).abs() < 1e-14);
    assert!(density.moment(0).converged());
    for power in 1..=7 {
        let found = density.moment(power);
        assert_eq!(found.matvecs, 100);
        let truth = operator.values.iter().map(|x| x.powi(power)).sum::<f64>() / 302.0;
        assert!(p_value(found, truth) > 1e-4, "{power}: {found:?}, {truth}");
    }
}

/// Nine points and two laws, p < 1e-5: a false alarm in one of 5000 runs.
#[test]
fn a_known_density_is_recovered() {
    for (i, values) in [semicircle(600), even(600, -1.0, 1.0)]
        .into_iter()
        .enumerate()
    {
        let mut operator = Known::new(values, 2 + i as u64);
        let density = density(&mut operator, &settings(12, 40)).unwrap();
        let width = 0.15;
        for step in -4..=4 {
            let point = 0.25 * f64::from(step);
            let found = density.smoothed(point, width).unwrap();
            assert!(found.converged(), "{point}: {found:?}");
            let truth = operator
                .values
                .iter()
                .map(|x| (-0.5 * ((x - point) / width).powi(2)).exp())
                .sum::<f64>()
                / (600.0 * width * std::f64::consts::TAU.sqrt());
            assert!(p_value(found, truth) > 1e-5, "{point}: {found:?}, {truth}");
            assert!((found.value - truth).abs() < 0.1 * truth);
        }
        let (low, high) = density.range();
        assert!((-1.0..-0.95).contains(&low) && (0.95..1.0).contains(&high));
    }
}

/// Mass that lies apart: a tenth of the eigenvalues is at 5.
#[test]
fn separated_mass_is_weighed() {
    let mut values = even(450, -1.0, 1.0);
    values.extend([5.0; 50]);
    let density = density(&mut Known::new(values, 4), &settings(12, 20)).unwrap();
    let below = density.cumulative(3.0);
    assert!(below.converged());
    assert!(p_value(below, 0.9) > 1e-5, "{below:?}");
    let all = density.cumulative(6.0);
    assert!(
        (all.value - 1.0).abs() < 1e-14 && all.converged(),
        "{all:?}"
    );
}

/// Most eigenvalues lie within a hundredth of the range, where few nodes are: the two rules, compared at the bound alone, gave a third of the error and less.
#[test]
fn a_share_is_known_to_its_error() {
    let exponential =
        |n: usize, mean: f64| (0..n).map(move |i| -mean * (1.0 - (i as f64 + 0.5) / n as f64).ln());
    let values: Vec<f64> = exponential(1400, 0.01)
        .chain(exponential(100, 3.0))
        .collect();
    let mut sorted = values.clone();
    sorted.sort_by(f64::total_cmp);
    for steps in [40, 80] {
        let density = density(&mut Known::new(values.clone(), 6), &settings(8, steps)).unwrap();
        for share in [0.2, 0.3, 0.5, 0.6, 0.8, 0.9] {
            let bound = sorted[(share * 1500.0) as usize - 1];
            let found = density.cumulative(bound);
            let error = found.standard_error().unwrap();
            assert!(
                (found.value - share).abs() < 3.0 * error,
                "{steps}, {share}: {found:?}"
            );
            assert!(!found.converged(), "{steps}, {share}: {found:?}");
        }
    }
}

/// Eigenvalues without gaps, few steps: nodes of the anti-Gauss rule lie close to the Gauss rule's, and by it alone a quarter of shares was three errors off.
#[test]
fn shares_between_nodes_are_covered() {
    let gaussian = |n: usize| -> Vec<f64> {
        let standard = Normal::standard();
        (0..n)
            .map(|i| standard.inverse_cdf((i as f64 + 0.5) / n as f64))
            .collect()
    };
    for (name, values) in [("even", even(2000, 0.0, 1.0)), ("normal", gaussian(2000))] {
        for (steps, seeds) in [(20, 6), (80, 2)] {
            let mut z = Vec::new();
            for seed in 0..seeds {
                let settings = DensitySettings {
                    seed,
                    ..settings(8, steps)
                };
                let density = density(&mut Known::new(values.clone(), 9), &settings).unwrap();
                for i in 0..60 {
                    let count = 100 + 30 * i;
                    let found = density.cumulative(values[count - 1]);
                    let off = (found.value - count as f64 / 2000.0).abs();
                    z.push(off / found.standard_error().unwrap());
                }
            }
            let part = |most: f64| z.iter().filter(|z| **z > most).count() as f64 / z.len() as f64;
            assert!(
                part(3.0) < 0.02 && part(2.0) < 0.08,
                "{name}, {steps}: {} {}",
                part(2.0),
                part(3.0)
            );
            // And the error is no larger than it need be.
            assert!(part(1.0) > 0.08, "{name}, {steps}: {}", part(1.0));
        }
    }
}

/// A peak much narrower than the nodes' distance: too few steps, and the status says so.
#[test]
fn too_few_steps_are_reported() {
    let mut operator = Known::new(semicircle(600), 5);
    let coarse = density(&mut operator, &settings(12, 6)).unwrap();
    let found = coarse.smoothed(0.1, 0.005).unwrap();
    assert_eq!(found.status, Status::Unconverged, "{found:?}");
    assert!(coarse.smoothed(0.0, 0.0).is_err());
    assert!(density(&mut operator, &settings(1, 6)).is_err());
    assert!(density(&mut operator, &settings(6, 1)).is_err());
}

#[test]
fn a_small_operator_is_decomposed_exactly() {
    let mut operator = Known::new(even(50, -1.0, 3.0), 6);
    let density = density(&mut operator, &settings(5, 10)).unwrap();
    let found = density.cumulative(0.5);
    assert_eq!((found.status, found.matvecs), (Status::Exact, 50));
    let truth = operator.values.iter().filter(|x| **x <= 0.5).count() as f64 / 50.0;
    assert!((found.value - truth).abs() < 1e-14);
    assert!((density.range().0 + 1.0).abs() < 1e-13);
}

/// Every probe sees all of a multiple of the identity, in one step.
#[test]
fn the_identity_has_one_node() {
    let density = density(&mut Known::new(vec![2.0; 100], 7), &settings(3, 5)).unwrap();
    for power in [1, 3, 9] {
        let found = density.moment(power);
        let truth = 2.0f64.powi(power);
        assert!((found.value - truth).abs() < 1e-12 * truth && found.converged());
    }
}
