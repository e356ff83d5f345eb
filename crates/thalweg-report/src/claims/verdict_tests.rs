//! Boundary cases of every verdict, for each kind of claim, on numbers made by hand.

use super::super::claim::paper;

use super::super::tolerance::{EXACT, SGD};
use super::*;
use crate::statistics::{Measured, PerTrial};

/// `value` ± `error` over 16 trials against 10.
fn sampled(value: f64, error: f64, tolerance: Tolerance) -> Claim {
    let measured = Measured {
        error: Some(error),
        trials: 16,
        ..Measured::exact(value)
    };
    Claim::new(
        "s",
        paper("eq. 1"),
        (Ok(measured), 10.0),
        "theory",
        tolerance,
    )
}

fn exact(value: f64, tolerance: Tolerance) -> Claim {
    Claim::exact("s", paper("eq. 1"), (value, 10.0), "theory", tolerance)
}

fn verdict(claim: Claim) -> Verdict {
    claim.judge().verdict
}

/// 5 % of 10 is 0.5.
#[test]
fn a_computed_value_is_held_to_its_tolerance_alone() {
    assert_eq!(verdict(exact(10.49, SGD)), Verdict::Agrees);
    assert_eq!(verdict(exact(10.51, SGD)), Verdict::Disagrees);
    assert_eq!(verdict(exact(9.51, SGD)), Verdict::Agrees);
    assert_eq!(verdict(exact(9.49, SGD)), Verdict::Disagrees);
    assert_eq!(verdict(exact(10.0 + 2e-8, EXACT)), Verdict::Disagrees);
    assert_eq!(verdict(exact(10.0 + 5e-9, EXACT)), Verdict::Agrees);
}

/// Three standard errors may be as large as the tolerance, 0.5, and no larger: 0.166 is below a third of it, 0.167
/// is above.
#[test]
fn a_sampled_value_agrees_only_where_it_could_have_said_no() {
    assert_eq!(verdict(sampled(10.0, 0.166, SGD)), Verdict::Agrees);
    let noisy = sampled(10.0, 0.167, SGD).judge();
    assert_eq!(noisy.verdict, Verdict::NotAtThisBudget);
    assert_eq!(noisy.cause, Some(Cause::TooNoisy));
    assert!(noisy.reason.unwrap().contains("5.0 % of the prediction"));
    // What once agreed: 2.8 off, within 0.5 + 3 · 0.8.
    assert_eq!(verdict(sampled(12.8, 0.8, SGD)), Verdict::NotAtThisBudget);
    // The tolerance and the errors are added before anything disagrees: 0.5 + 3 · 0.1.
    assert_eq!(verdict(sampled(10.79, 0.1, SGD)), Verdict::Agrees);
    assert_eq!(verdict(sampled(10.81, 0.1, SGD)), Verdict::Disagrees);
    assert_eq!(verdict(sampled(9.19, 0.1, SGD)), Verdict::Disagrees);
    // Scatter is no excuse for what is clearly off.
    assert_eq!(verdict(sampled(12.91, 0.8, SGD)), Verdict::Disagrees);
    assert_eq!(verdict(sampled(7.09, 0.8, SGD)), Verdict::Disagrees);
}

#[test]
fn a_computed_inequality_holds_or_does_not() {
    let (least, most) = (Tolerance::AtLeast {}, Tolerance::AtMost {});
    let (above, below) = (Tolerance::Above {}, Tolerance::Below {});
    for (value, expected) in [
        (10.1, [true, false, true, false]),
        (9.9, [false, true, false, true]),
        // A bound may be touched; what grows must not stay.
        (10.0, [true, true, false, false]),
        (10.0 + 5e-9, [true, false, false, false]),
    ] {
        for (tolerance, agrees) in [least, most, above, below].into_iter().zip(expected) {
            let wanted = if agrees {
                Verdict::Agrees
            } else {
                Verdict::Disagrees
            };
            assert_eq!(
                verdict(exact(value, tolerance)),
                wanted,
                "{value} {tolerance:?}"
            );
        }
    }
}

/// With a standard error of 0.2 a difference is clear from 0.6 on, to either side.
#[test]
fn a_sampled_inequality_is_undecided_within_three_standard_errors() {
    for tolerance in [Tolerance::Above {}, Tolerance::AtLeast {}] {
        let of = |value| verdict(sampled(value, 0.2, tolerance));
        assert_eq!(of(10.61), Verdict::Agrees);
        assert_eq!(of(10.59), Verdict::NotAtThisBudget);
        assert_eq!(of(9.41), Verdict::NotAtThisBudget);
        assert_eq!(of(9.39), Verdict::Disagrees);
    }
    for tolerance in [Tolerance::Below {}, Tolerance::AtMost {}] {
        let of = |value| verdict(sampled(value, 0.2, tolerance));
        assert_eq!(of(9.39), Verdict::Agrees);
        assert_eq!(of(9.41), Verdict::NotAtThisBudget);
        assert_eq!(of(10.59), Verdict::NotAtThisBudget);
        assert_eq!(of(10.61), Verdict::Disagrees);
    }
    let undecided = sampled(10.5, 0.2, Tolerance::Above {}).judge();
    assert_eq!(undecided.cause, Some(Cause::TooNoisy));
    assert!(
        undecided
            .reason
            .unwrap()
            .contains("2.50 standard errors: 3 would decide")
    );
}

/// Sixteen ratios, half of them e^{0.2}, half e^{0.4}: the mean logarithm is 0.3, its error 0.1/√15.
#[test]
fn a_ratio_is_judged_by_its_logarithm() {
    let ratios = |shift: f64| {
        let each = (0..16).map(|i| Ok((shift + if i % 2 == 0 { 0.2 } else { 0.4 }).exp()));
        PerTrial(each.collect()).geometric_mean()
    };
    let error = 0.1 / 15f64.sqrt();
    let of =
        |shift| Claim::ratio("s", paper("Figure 2"), ratios(shift), Tolerance::Above {}).judge();
    let clear = of(0.0);
    assert_eq!((clear.verdict, clear.trials), (Verdict::Agrees, 16));
    assert!((clear.measured.unwrap() - 0.3f64.exp()).abs() < 1e-12);
    assert!((clear.z_score.unwrap() - 0.3 / error).abs() < 1e-9);
    assert!((clear.standard_error.unwrap() - 0.3f64.exp() * error).abs() < 1e-12);
    assert_eq!(of(-0.3 + 3.01 * error).verdict, Verdict::Agrees);
    assert_eq!(of(-0.3 + 2.99 * error).verdict, Verdict::NotAtThisBudget);
    assert_eq!(of(-0.3 - 2.99 * error).verdict, Verdict::NotAtThisBudget);
    assert_eq!(of(-0.3 - 3.01 * error).verdict, Verdict::Disagrees);
    // The reciprocals say the opposite, as clearly.
    let inverted = ratios(0.0).map(|ratio| Measured {
        value: 1.0 / ratio.value,
        error: Some(ratio.error.unwrap() / ratio.value.powi(2)),
        ..ratio
    });
    let inverted = Claim::ratio("s", paper("Figure 2"), inverted, Tolerance::Above {}).judge();
    assert_eq!(inverted.verdict, Verdict::Disagrees);
    assert!((inverted.z_score.unwrap() + 0.3 / error).abs() < 1e-9);
}

/// "Falls" is the same from the other side, and asks for three standard errors as well.
#[test]
fn a_fall_must_be_clear() {
    let fall = |values: &[f64]| {
        let change = PerTrial(values.iter().map(|&value| Ok(value)).collect()).geometric_mean();
        Claim::ratio("s", paper("p"), change, Tolerance::Below {})
            .judge()
            .verdict
    };
    assert_eq!(fall(&[0.8, 0.81, 0.79, 0.8]), Verdict::Agrees);
    assert_eq!(fall(&[0.5, 0.9, 1.05, 1.1]), Verdict::NotAtThisBudget);
    assert_eq!(fall(&[1.2, 1.21, 1.19, 1.2]), Verdict::Disagrees);
}

#[test]
fn an_inequality_says_what_it_would_have_found() {
    let (above, below) = (Tolerance::Above {}, Tolerance::Below {});
    let of = |tolerance| sampled(10.3, 0.2, tolerance).judge().detectable.unwrap();
    let shift = detectable(16, 0.2).unwrap();
    assert!(
        (of(above) - (10.0 + shift)).abs() < 1e-12 && (of(below) - (10.0 - shift)).abs() < 1e-12
    );
    assert_eq!(sampled(10.3, 0.2, SGD).judge().detectable, None);
    assert_eq!(exact(10.3, above).judge().detectable, None);
}

#[test]
fn a_run_that_ends_before_its_limit_decides_nothing_about_it() {
    let at = |flow, value| Claim {
        reach: Some(Reach {
            by: "slow flow",
            steps: 7,
            flow,
            relaxation: 50.0,
        }),
        ..exact(value, SGD)
    };
    for value in [10.0, 20.0] {
        let judged = at(9.49, value).judge();
        assert_eq!(
            (judged.verdict, judged.cause),
            (Verdict::NotAtThisBudget, Some(Cause::TooShort))
        );
        assert!(
            judged
                .reason
                .unwrap()
                .contains("after 7 steps the slow flow itself")
        );
    }
    assert_eq!(verdict(at(9.51, 10.0)), Verdict::Agrees);
    assert_eq!(verdict(at(9.51, 20.0)), Verdict::Disagrees);
    let early = Claim {
        too_early: Some("still fitting".to_owned()),
        ..sampled(20.0, 0.1, Tolerance::Above {})
    };
    let unmeasured = Claim {
        measured: Err("nothing to measure yet".to_owned()),
        ..early.clone()
    };
    for claim in [early, unmeasured] {
        let judged = claim.judge();
        assert_eq!(judged.verdict, Verdict::NotAtThisBudget);
        assert_eq!(judged.reason.unwrap(), "still fitting");
    }
}

#[test]
fn beyond_the_theorys_range_nothing_is_decided() {
    let beyond = |measured, stability, product| Claim {
        range: Some(Range {
            stability,
            relative_weighted_fluctuation: product,
        }),
        ..exact(measured, SGD)
    };
    let (stable, small) = (
        0.99 * MOST_STABILITY,
        0.99 * MOST_RELATIVE_WEIGHTED_FLUCTUATION,
    );
    let (unstable, large) = (
        1.01 * MOST_STABILITY,
        1.01 * MOST_RELATIVE_WEIGHTED_FLUCTUATION,
    );
    for (stability, product, expected) in [
        (unstable, small, Verdict::OutsideTheRange),
        (stable, large, Verdict::OutsideTheRange),
        (stable, small, Verdict::Disagrees),
    ] {
        assert_eq!(verdict(beyond(20.0, stability, product)), expected);
        // Nor is agreement there any.
        let hit = verdict(beyond(10.0, stability, product));
        if expected == Verdict::Disagrees {
            assert_eq!(hit, Verdict::Agrees);
        } else {
            assert_eq!(hit, Verdict::OutsideTheRange);
        }
    }
}

/// What is exactly nothing in every trial has no error, and is below what is claimed.
#[test]
fn nothing_at_all_is_a_measurement() {
    let still = |tolerance| verdict(sampled(0.0, 0.0, tolerance));
    assert_eq!(still(Tolerance::Below {}), Verdict::Agrees);
    assert_eq!(still(Tolerance::Above {}), Verdict::Disagrees);
    assert_eq!(still(SGD), Verdict::Disagrees);
}

#[test]
fn a_paired_error_replaces_the_spread_of_the_starts() {
    let paired = Claim {
        difference_error: Some(0.01),
        ..sampled(10.6, 2.0, SGD)
    };
    let judged = paired.judge();
    assert_eq!(judged.verdict, Verdict::Disagrees);
    assert!((judged.z_score.unwrap() - 60.0).abs() < 1e-9);
    assert_eq!(judged.standard_error, Some(2.0));
}

/// Whatever goes in, the results can be written and read again.
#[test]
fn numbers_that_are_not_finite_are_not_measured() {
    let no_trials = Claim {
        measured: Err("all 5 seeds diverged".to_owned()),
        ..exact(1.0, SGD)
    };
    let no_prediction = Claim {
        predicted: f64::NAN,
        ..sampled(1.0, 0.1, SGD)
    };
    let mut negative = sampled(-1.0, 0.1, Tolerance::Above {});
    negative.scale = Counting::Log;
    for claim in [
        no_trials,
        no_prediction,
        negative,
        sampled(10.0, f64::INFINITY, SGD),
        sampled(10.0, f64::NAN, SGD),
        // Trials that agree to the last bit are one trial.
        sampled(10.0, 0.0, SGD),
        exact(f64::INFINITY, SGD),
    ] {
        let judged = claim.judge();
        assert_eq!(judged.verdict, Verdict::NotMeasured, "{judged:?}");
        assert_eq!(judged.cause, Some(Cause::NoNumber));
        assert!(judged.reason.is_some());
        let json = serde_json::to_string(&judged).unwrap();
        assert_eq!(serde_json::from_str::<Judged>(&json).unwrap(), judged);
    }
}

/// 10 and 10.3 are 3 % apart: each is told from the other to 1.5 %, and what is 10.2 is not 10; 10 and 10 are one.
#[test]
fn a_claim_that_is_told_from_another_does_not_agree_with_both() {
    let of = |predicted: f64, other: f64| {
        let claim = Claim::exact("T", paper("eq. 14"), (10.2, predicted), "here", SGD);
        claim.told_from(other).judge()
    };
    assert_eq!(of(10.0, 10.3).verdict, Verdict::Disagrees);
    assert_eq!(of(10.3, 10.0).verdict, Verdict::Agrees);
    assert_eq!(of(10.0, 10.0 + 1e-5).tolerance, SGD);
    assert_eq!(of(10.0, 30.0).tolerance, SGD);
}
