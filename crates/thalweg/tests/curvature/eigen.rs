//! Both ends of known spectra: clusters, multiplicities, indefinite operators, short budgets, warm starts.

use faer::Mat;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use thalweg::curvature::{
    CurvatureError, EigenSettings, Eigenpairs, End, SymmetricOperator, eigenpairs,
};
use thalweg::estimate::{Status, Uncertainty};

use super::known::{Known, even, geometric};

fn settings(count: usize, end: End, tolerance: f64) -> EigenSettings {
    EigenSettings {
        tolerance,
        ..EigenSettings::new(count, end)
    }
}

/// The eigenvalues from one end inwards.
fn sorted(values: &[f64], end: End) -> Vec<f64> {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    if end == End::Top {
        values.reverse();
    }
    values
}

/// Converged to the truth; vectors orthonormal; residuals those of the vectors; products counted right.
fn check(operator: &mut Known, settings: &EigenSettings) -> Eigenpairs {
    operator.products = 0;
    let pairs = eigenpairs(operator, settings, None).unwrap();
    assert!(pairs.converged(), "{:?}", pairs.values);
    let truth = sorted(&operator.values, settings.end);
    let norm = truth.iter().fold(0.0_f64, |n, x| n.max(x.abs()));
    let rounding = 1e-14 * norm;
    for (i, found) in pairs.values.iter().enumerate() {
        assert_eq!(found.matvecs, operator.products);
        assert!(
            (found.value - truth[i]).abs() <= settings.tolerance * norm + rounding,
            "{i}: {} for {}",
            found.value,
            truth[i]
        );
    }
    let v = &pairs.vectors;
    let identity = Mat::<f64>::identity(v.ncols(), v.ncols());
    assert!((v.transpose() * v - identity).norm_max() < 1e-13);
    let mut images = Mat::zeros(v.nrows(), v.ncols());
    let Ok(()) = operator.apply_block(v.as_ref(), images.as_mut());
    for (i, found) in pairs.values.iter().enumerate() {
        let Uncertainty::Residual(residual) = found.uncertainty else {
            panic!("{:?}", found.uncertainty)
        };
        let scaled = v.col(i) * faer::Scale(found.value);
        let true_residual = (images.col(i) - scaled).norm_l2();
        assert!((residual - true_residual).abs() <= 10.0 * rounding);
    }
    pairs
}

#[test]
fn multiple_eigenvalues_come_with_their_multiplicity() {
    let mut values = even(300, -1.0, 1.0);
    values.extend([7.0, 5.0, 5.0, 5.0, 5.0, 3.0, 3.0, -4.0, -4.0, -4.0, -2.0]);
    let mut operator = Known::new(values, 1);
    check(&mut operator, &settings(7, End::Top, 1e-10));
    check(&mut operator, &settings(4, End::Bottom, 1e-10));
    // More copies than are asked for.
    check(&mut operator, &settings(3, End::Top, 1e-10));
}

#[test]
fn a_cluster_is_resolved() {
    let mut values = even(400, 0.0, 1.0);
    values.extend([2.0, 2.0 + 1e-6, 2.0 + 2e-6, 2.0 + 2e-6]);
    check(&mut Known::new(values, 2), &settings(4, End::Top, 1e-10));
}

/// Restarts are needed here: no gap at either end, and a basis of 64 for a space of 500.
#[test]
fn both_ends_of_a_spectrum_without_gaps() {
    let mut operator = Known::new(even(500, -3.0, 2.0), 3);
    let top = check(&mut operator, &settings(3, End::Top, 1e-8));
    assert!(top.values[0].matvecs > 64);
    check(&mut operator, &settings(3, End::Bottom, 1e-8));
}

/// The largest is by value: here every other eigenvalue is greater in magnitude.
#[test]
fn largest_is_by_value_not_by_magnitude() {
    let mut values = even(200, -10.0, -9.0);
    values.push(-1.0);
    let top = check(&mut Known::new(values, 4), &settings(1, End::Top, 1e-10));
    assert!((top.values[0].value + 1.0).abs() < 1e-9);
}

/// A Gauss–Newton matrix has far fewer non-zero eigenvalues than parameters.
#[test]
fn low_rank_and_zero_operators() {
    let mut values = vec![0.0; 400];
    values[..3].copy_from_slice(&[2.0, 2.0, 1.0]);
    let mut operator = Known::new(values, 5);
    check(&mut operator, &settings(5, End::Top, 1e-12));
    check(&mut operator, &settings(2, End::Bottom, 1e-12));
    check(
        &mut Known::new(vec![0.0; 100], 6),
        &settings(2, End::Top, 1e-12),
    );
}

#[test]
fn a_whole_small_spectrum_is_exact() {
    for dim in [1, 2, 5] {
        let mut operator = Known::new(even(dim.max(2), -1.0, 2.0)[..dim].to_vec(), 7);
        let pairs = check(&mut operator, &settings(dim, End::Bottom, 1e-300));
        assert!(pairs.values.iter().all(|v| v.status == Status::Exact));
    }
}

#[test]
fn the_tightest_tolerance_in_use_is_reached() {
    let mut operator = Known::new(geometric(600, 0.97), 8);
    check(&mut operator, &settings(1, End::Top, 1e-13));
}

/// Too few products: it says so, keeps to the budget, and its residuals still bound the error.
#[test]
fn a_short_budget_is_reported() {
    let mut operator = Known::new(even(500, 0.0, 1.0), 9);
    let short = EigenSettings {
        max_matvecs: 30,
        ..settings(2, End::Top, 1e-8)
    };
    let pairs = eigenpairs(&mut operator, &short, None).unwrap();
    assert!(!pairs.converged());
    assert!(operator.products <= 30);
    for found in &pairs.values {
        assert_eq!(found.status, Status::Unconverged);
        assert_eq!(found.matvecs, operator.products);
        let Uncertainty::Residual(residual) = found.uncertainty else {
            panic!("{:?}", found.uncertainty)
        };
        let nearest = operator
            .values
            .iter()
            .fold(f64::INFINITY, |d, x| d.min((x - found.value).abs()));
        assert!(nearest <= residual);
    }
}

/// The eigenvectors of a nearby operator save most of the work.
#[test]
fn a_warm_start_needs_fewer_products() {
    let mut values = even(500, 0.0, 1.0);
    values.extend([3.0, 2.5, 2.0]);
    let mut before = Known::new(values.clone(), 10);
    let settings = settings(3, End::Top, 1e-8);
    let old = eigenpairs(&mut before, &settings, None).unwrap();
    for value in &mut values {
        *value *= 1.01;
    }
    let mut after = Known::new(values, 10);
    let cold = eigenpairs(&mut after, &settings, None).unwrap();
    let warm = eigenpairs(&mut after, &settings, Some(old.vectors.as_ref())).unwrap();
    assert!(cold.converged() && warm.converged());
    for (warm, cold) in warm.values.iter().zip(&cold.values) {
        assert!((warm.value - cold.value).abs() < 1e-7);
    }
    let (warm, cold) = (warm.values[0].matvecs, cold.values[0].matvecs);
    assert!(2 * warm < cold, "{warm} and {cold}");
}

/// An exact eigenvector as a start, but not that of the largest eigenvalue: the guard finds that one.
#[test]
fn a_misleading_warm_start_is_overruled() {
    let mut values = even(300, 0.0, 1.0);
    values.extend([3.0, 2.0]);
    let mut operator = Known::new(values, 11);
    let wrong = operator.vector(301);
    let pairs = eigenpairs(
        &mut operator,
        &settings(1, End::Top, 1e-9),
        Some(wrong.as_mat()),
    )
    .unwrap();
    assert!(pairs.converged());
    let found = pairs.values[0].value;
    assert!((found - 3.0).abs() < 1e-8, "{found}");
}

#[test]
fn bad_settings_are_named() {
    let mut operator = Known::new(even(10, 0.0, 1.0), 12);
    let field =
        |operator: &mut Known, settings: EigenSettings| match eigenpairs(operator, &settings, None)
            .unwrap_err()
        {
            CurvatureError::Setting { field, .. } => field,
            other => panic!("{other}"),
        };
    let good = settings(2, End::Top, 1e-8);
    for (changed, name) in [
        (
            EigenSettings {
                count: 0,
                ..good.clone()
            },
            "count",
        ),
        (
            EigenSettings {
                count: 11,
                ..good.clone()
            },
            "count",
        ),
        (
            EigenSettings {
                tolerance: 0.0,
                ..good.clone()
            },
            "tolerance",
        ),
        (
            EigenSettings {
                tolerance: f64::NAN,
                ..good.clone()
            },
            "tolerance",
        ),
        (
            EigenSettings {
                max_matvecs: 2,
                ..good.clone()
            },
            "max_matvecs",
        ),
    ] {
        assert_eq!(field(&mut operator, changed), name);
    }
    let warm = Mat::zeros(9, 1);
    let error = eigenpairs(&mut operator, &good, Some(warm.as_ref())).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the warm start is 9 × 1: must be 10 × at most 2, of finite numbers"
    );
    let mut broken = Known::new(vec![f64::NAN; 10], 13);
    assert_eq!(
        eigenpairs(&mut broken, &good, None).unwrap_err(),
        CurvatureError::NonFinite { matvecs: 3 }
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

    /// Few distinct values, so that most are multiple.
    #[test]
    fn random_spectra_with_repeats(
        values in proptest::collection::vec(-3i32..=3, 8..120),
        count in 1usize..6,
        top in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let values = values.into_iter().map(f64::from).collect();
        let end = if top { End::Top } else { End::Bottom };
        check(&mut Known::new(values, seed), &settings(count, end, 1e-9));
    }
}
