//! Every number of a measured network stands behind its own name, with its own error and doubt.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

/// No two numbers in it are equal, half of its estimates have not converged, and neither bound holds.
fn network() -> NetworkMeasurement {
    let text = include_str!("../../../thalweg-report/tests/data/measured.json");
    serde_json::from_str(text).unwrap()
}

/// The page's lines with all room between words made one space.
fn lines(network: &NetworkMeasurement) -> Vec<String> {
    let page = page(std::slice::from_ref(network), None);
    let lines = page.lines();
    lines
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect()
}

/// The page as one line.
fn flowing(network: &NetworkMeasurement) -> String {
    lines(network).join(" ")
}

#[test]
fn rows_hold_the_numbers_of_their_names() {
    let lines = lines(&network());
    for expected in [
        "seed-7 at step 1234",
        "evaluated on 321 samples",
        "sharpness T = tr ∇²L 102.25 ± 0.52 1020",
        "tr Gauss–Newton 103.25 exact 1030",
        "λ_1 from the top 104.25 residual 0.54 1040",
        "λ_2 from the top 105.25 residual 0.56, not converged 1050",
        "λ_1 from the bottom 106.25 residual 0.57, not converged 1060",
        "λ_2 from the bottom 107.25 residual 0.58 1070",
        "loss L 101.5 99.51 103.5",
        "fluctuation F = E‖∇ℓ‖² 109.5 107.3 111.7",
        "tr Cov ∇ℓ 110.5 108.3 112.7",
        "F / tr Gauss–Newton 111.5 109.3 113.7",
        "layers.0.weight 20 112.2 ± 0.63 113.2 114.5 ± 1.2 115.5 ± 1.2",
        "layers.1.weight 30 116.2 ± 0.68 (not converged) 117.2 (not converged) 118.5 ± 1.2 119.5 ± 1.2",
        "second moment E rrᵀ, eigenvalues 8.5, 2.125",
        "mismatch with the loss's curvature 9.75, 1.5",
        "each output's part of tr Gauss–Newton, ± s.e. 120.5 ± 1.3, 121.5 ± 1.3",
        "smallest eigenvalue 1.1 (1.05 to 1.15) 1.5 (1.45 to 1.55) 1.9 (1.85 to ∞)",
        "largest eigenvalue 3.1 (3.05 to 3.15) 3.5 (3.45 to 3.55) 3.9 (3.85 to ∞)",
        "condition number 5.1 (5.05 to 5.15) 5.5 (5.45 to 5.55) 5.9 (5.85 to ∞)",
        "eigenvalue 1 125.25 residual 0.78 1250",
        "eigenvalue 2 126.25 residual 0.79, not converged 1260",
    ] {
        let count = lines.iter().filter(|line| *line == expected).count();
        assert_eq!(count, 1, "{expected} in\n{}", lines.join("\n"));
    }
    // The covariance's condition number comes first.
    let conditions = lines
        .iter()
        .filter(|line| line.starts_with("its condition number"));
    assert_eq!(
        conditions.collect::<Vec<_>>(),
        ["its condition number 4", "its condition number 6.5"]
    );
}

#[test]
fn sentences_hold_the_numbers_of_their_names() {
    let mut network = network();
    let text = flowing(&network);
    for expected in [
        "Theorem 2: 31.5 ≤ F = 42.25 ≤ 53.75 does not hold; if residuals were independent of inputs, as it assumes, F would \
         be 64.5.",
        "From 16 labels drawn for each of 300 inputs. If the mismatch were 1 in all directions, so many labels would show \
         eigenvalues from 0.375 to 1.75 and a condition number of 4.67.",
        "Theorem 2 input by input, ± one standard error: 122.5 ± 1.3 ≤ F = 123.5 ± 1.3 ≤ 124.5 ± 1.3 does not hold.",
        // Two of fifty directions.
        "Overlap of the leading direction of this covariance with the leading 2 directions of the Hessian: 0.688 (1 if one lies in the other, 0.062 is chance); the other eigenvalues of the 2 asked for are 0 or not told apart from the next ones.",
    ] {
        assert!(text.contains(expected), "{expected} in\n{text}");
    }
    network.bounds.as_mut().unwrap().hold = true;
    if let Some(conditional) = &mut network.conditional {
        conditional.hold = true;
    }
    let text = flowing(&network);
    assert!(text.contains("≤ 53.75 holds;") && text.contains("± 1.3 holds."));
    network.residuals.as_mut().unwrap().condition = None;
    network.conditional = None;
    let text = flowing(&network);
    assert!(text.contains("its condition number ∞") && text.contains("Not known: it needs labels"));
}

/// What batches as a whole cannot tell is a dash or no row, and a number without an error stands alone.
#[test]
fn what_is_not_known_is_not_shown() {
    let mut network = network();
    network.loss.standard_error = None;
    network.loss.interval = None;
    network.fluctuation = None;
    network.layers[0].fluctuation = None;
    if let Some(trace) = &mut network.layers[0].covariance_trace {
        trace.standard_error = None;
    }
    let lines = lines(&network);
    for expected in [
        "loss L 101.5 – –",
        "tr Cov ∇ℓ 110.5 108.3 112.7",
        "layers.0.weight 20 112.2 ± 0.63 113.2 – 115.5",
    ] {
        assert!(lines.iter().any(|line| line == expected), "{lines:?}");
    }
    assert!(!lines.iter().any(|line| line.starts_with("fluctuation F")));
}

/// An eigenvalue that is no larger than its own error is 0, for all that is known.
#[test]
fn an_eigenvalue_within_its_error_is_nothing() {
    let mut network = network();
    network.top[1].value = -0.5 * network.top[1].error;
    let lines = lines(&network);
    let expected = "λ_2 from the top 0 residual 0.56, not converged 1050";
    assert!(lines.iter().any(|line| line == expected), "{lines:?}");
}

#[test]
fn long_lists_are_cut_and_say_by_how_much() {
    let values: Vec<f64> = (1..=9).map(f64::from).collect();
    assert_eq!(list(&values), "1, 2, 3, 4, 5, 6, … (3 more)");
    assert_eq!(list(&values[..6]), "1, 2, 3, 4, 5, 6");
}
