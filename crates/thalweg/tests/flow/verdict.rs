//! The verdict on η and B: its numbers by hand, each of them decisive alone, and the worst of several.

use faer::mat;
use thalweg::flow::{
    MOST_MISALIGNMENT, MOST_RELATIVE_WEIGHTED_FLUCTUATION, MOST_STABILITY, Validity,
};
use thalweg::problem::Problem;
use thalweg::theory::predict;

use crate::relative;

/// Two scalar layers with Σx = 2, V = 3 and Σε = ¼: at the minimum w₁² = w₂² = V, so T = λ_max = 2ΣxV = 12 and F = ΣεT = 3,
/// beside ‖V√Σx‖² = 18.
fn scalar(learning_rate: f64, batch: usize) -> Validity {
    let problem = Problem::new(mat![[2.0]], mat![[3.0]], mat![[0.25]], 2).unwrap();
    at_minimum(&problem, learning_rate, batch)
}

/// Of Theorem 1's minimum.
fn at_minimum(problem: &Problem, learning_rate: f64, batch: usize) -> Validity {
    let predicted = predict(problem).unwrap();
    let size = [predicted.lambda_max, predicted.fluctuation];
    Validity::at(problem, size, learning_rate, batch)
}

#[test]
fn numbers_at_the_minimum() {
    let found = scalar(0.003, 7);
    let (stability, spread) = (0.003 * 12.0 / 2.0, 0.003 * 3.0 / (2.0 * 7.0 * 18.0));
    assert!(relative(found.stability, stability) < 1e-12);
    assert!(relative(found.limit_stability.unwrap(), stability) < 1e-12);
    assert!(relative(found.relative_weighted_fluctuation, spread) < 1e-12);
    assert!(relative(found.limit_relative_weighted_fluctuation.unwrap(), spread) < 1e-12);
    assert_eq!(found.misalignment, 0.0);
    assert!(found.in_range(), "{found:?}");
}

/// All at their limits, and one beyond.
#[test]
fn each_number_decides_alone() {
    let most = Validity {
        signal: 1.0,
        stability: MOST_STABILITY,
        effective_stability: 0.0,
        limit_stability: Some(MOST_STABILITY),
        relative_weighted_fluctuation: MOST_RELATIVE_WEIGHTED_FLUCTUATION,
        limit_relative_weighted_fluctuation: Some(MOST_RELATIVE_WEIGHTED_FLUCTUATION),
        misalignment: MOST_MISALIGNMENT,
        ..scalar(1e-6, 1)
    };
    assert!(most.in_range(), "{most:?}");
    assert!(most.sentence().starts_with("In the range"));
    let beyond: [fn(&mut Validity); 5] = [
        |v| v.stability *= 1.01,
        |v| v.limit_stability = v.limit_stability.map(|x| 1.01 * x),
        |v| v.relative_weighted_fluctuation *= 1.01,
        |v| {
            v.limit_relative_weighted_fluctuation =
                v.limit_relative_weighted_fluctuation.map(|x| 1.01 * x);
        },
        |v| v.misalignment *= 1.01,
    ];
    for (number, change) in beyond.into_iter().enumerate() {
        let mut validity = most.clone();
        change(&mut validity);
        assert!(!validity.in_range(), "number {number}");
        assert!(!validity.sentence().contains("In the range"), "{number}");
    }
}

/// However small η is: noise turned by 45° against V = diag(1.5, 0.5).
#[test]
fn turned_noise_is_out_of_range_at_any_step_size() {
    let noise = mat![[0.52, 0.48], [0.48, 0.52]];
    let teacher = mat![[1.5, 0.0], [0.0, 0.5]];
    let problem = Problem::new(faer::Mat::identity(2, 2), teacher, noise, 2).unwrap();
    let found = at_minimum(&problem, 1e-9, 100);
    assert!(found.stability < 1e-7 && found.relative_weighted_fluctuation < 1e-9);
    assert!(found.misalignment > 0.3 && !found.in_range(), "{found:?}");
    assert!(found.sentence().contains("different axes"));
}

#[test]
fn the_worst_of_several_has_the_larger_of_each_number() {
    let one = Validity {
        signal: 1.0,
        stability: 0.5,
        effective_stability: 0.0,
        limit_stability: Some(0.1),
        relative_weighted_fluctuation: 3e-3,
        limit_relative_weighted_fluctuation: None,
        misalignment: 0.25,
        ..scalar(1e-6, 1)
    };
    let other = Validity {
        signal: 1.0,
        stability: 0.25,
        effective_stability: 0.0,
        limit_stability: Some(0.7),
        relative_weighted_fluctuation: 5e-3,
        limit_relative_weighted_fluctuation: Some(1e-3),
        misalignment: 0.125,
        ..scalar(1e-6, 1)
    };
    for worst in [one.clone().worst(&other), other.clone().worst(&one)] {
        assert_eq!((worst.stability, worst.limit_stability), (0.5, Some(0.7)));
        assert_eq!(worst.relative_weighted_fluctuation, 5e-3);
        assert_eq!(worst.limit_relative_weighted_fluctuation, Some(1e-3));
        assert_eq!(worst.misalignment, 0.25);
    }
}
