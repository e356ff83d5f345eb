//! What the core found, taken over field by field.

use super::*;

fn estimate(uncertainty: Uncertainty, status: Status) -> EstimateRecord {
    EstimateRecord::from(Estimate {
        value: 7.5,
        uncertainty,
        matvecs: 42,
        status,
    })
}

#[test]
fn estimates_keep_their_errors_and_their_doubts() {
    let standard = Uncertainty::StandardError {
        value: 0.25,
        probes: 9,
    };
    for (uncertainty, kind, error) in [
        (Uncertainty::Rounding, ErrorKind::Rounding, 0.0),
        (standard, ErrorKind::StandardError, 0.25),
        (Uncertainty::Residual(0.125), ErrorKind::Residual, 0.125),
    ] {
        for (status, converged) in [
            (Status::Exact, true),
            (Status::Converged, true),
            (Status::Unconverged, false),
        ] {
            let expected = EstimateRecord {
                value: 7.5,
                error,
                kind,
                matvecs: 42,
                converged,
            };
            assert_eq!(estimate(uncertainty, status), expected);
        }
    }
}

/// 1, 3, 5, 7: mean 4, s² = 20/3, standard error √(5/3), and t₃ = 3.182 of them to either side.
#[test]
fn means_keep_their_intervals() {
    let mean = MeanRecord::from(SampleMean::of([1.0, 3.0, 5.0, 7.0]));
    let error = (5.0_f64 / 3.0).sqrt();
    let (Some(found), Some((from, to))) = (mean.standard_error, mean.interval) else {
        unreachable!("four numbers have a scatter");
    };
    assert!((mean.value - 4.0).abs() < 1e-15 && (found - error).abs() < 1e-15);
    let reach = 3.182_446_305 * error;
    assert!((from - (4.0 - reach)).abs() < 1e-7);
    assert!((to - (4.0 + reach)).abs() < 1e-7);
}

/// One number has no scatter: what is not known is absent, since JSON has no infinity.
#[test]
fn means_of_one_have_no_error() {
    let mean = MeanRecord::from(SampleMean::of([3.0]));
    let expected = MeanRecord {
        value: 3.0,
        standard_error: None,
        interval: None,
    };
    assert_eq!(mean, expected);
}

#[test]
fn quantiles_keep_their_places_and_infinities_are_absent() {
    let quantile = |value: f64| fluctuation::Quantile {
        value,
        interval: (value - 0.5, value + 0.5),
    };
    let found = QuantilesRecord::from(fluctuation::Quantiles {
        low: quantile(1.0),
        median: quantile(2.0),
        high: fluctuation::Quantile {
            value: f64::INFINITY,
            interval: (2.5, f64::INFINITY),
        },
    });
    let expected = |value: f64| QuantileRecord {
        value: Some(value),
        from: Some(value - 0.5),
        to: Some(value + 0.5),
    };
    assert_eq!((found.low, found.median), (expected(1.0), expected(2.0)));
    let high = QuantileRecord {
        value: None,
        from: Some(2.5),
        to: None,
    };
    assert_eq!(found.high, high);
}

/// 3 lies between 2 and 4, and neither 1 nor 5 does.
#[test]
fn bounds_hold_where_the_fluctuation_lies_between_them() {
    for (fluctuation, hold) in [(1.0, false), (3.0, true), (5.0, false)] {
        let found = BoundsRecord::from(fluctuation::Bounds {
            lower: 2.0,
            fluctuation,
            upper: 4.0,
            independent: 2.5,
        });
        let expected = BoundsRecord {
            lower: 2.0,
            fluctuation,
            upper: 4.0,
            independent: 2.5,
            hold,
        };
        assert_eq!(found, expected);
    }
}
