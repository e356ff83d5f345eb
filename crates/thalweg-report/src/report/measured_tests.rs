//! Every number of a measured network stands in its own row, with its own error and doubt.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::plot::{Scale, Series};

/// No two numbers in it are equal, half of its estimates have not converged, and neither bound holds.
fn network() -> NetworkMeasurement {
    serde_json::from_str(include_str!("../../tests/data/measured.json")).unwrap()
}

fn row(network: &NetworkMeasurement, name: &str) -> String {
    let rows = words(network, "again").settings;
    let found = rows.iter().find(|(found, _)| found == name);
    found
        .unwrap_or_else(|| unreachable!("no row {name}"))
        .1
        .clone()
}

#[test]
fn rows_hold_the_numbers_of_their_names() {
    let network = network();
    for (name, expected) in [
        ("evaluation set", "321 samples"),
        ("loss L", "101.5 ± 1.0"),
        (
            "sharpness T = tr Hessian",
            "102.25 ± 0.52 (XTrace by 9 products)",
        ),
        ("tr Gauss–Newton", "103.25"),
        ("largest eigenvalues", "104.25, 105.25 (not converged)"),
        ("smallest eigenvalues", "106.25 (not converged), 107.25"),
        ("fluctuation F = E‖grad ℓ‖²", "109.5 ± 1.1"),
        ("tr Cov grad ℓ", "110.5 ± 1.1"),
        ("F / tr Gauss–Newton", "111.5 ± 1.1"),
        (
            "layer layers.0.weight",
            "20 parameters: tr Hessian 112.25 ± 0.63, λ_{max} 113.25, F 114.5 ± 1.2, tr Cov grad ℓ 115.5 ± 1.2",
        ),
        (
            "layer layers.1.weight",
            "30 parameters: tr Hessian 116.25 ± 0.68 (not converged), λ_{max} 117.25 (not converged), F 118.5 ± 1.2, \
             tr Cov grad ℓ 119.5 ± 1.2",
        ),
        (
            "residuals’ second moment",
            "eigenvalues 8.5, 2.125; condition number 4",
        ),
        (
            "mismatch with the loss’s curvature",
            "eigenvalues 9.75, 1.5; condition number 6.5",
        ),
        (
            "each output’s part of tr Gauss–Newton",
            "120.5 ± 1.3, 121.5 ± 1.3",
        ),
        (
            "Theorem 2",
            "31.5 ≤ F = 42.25 ≤ 53.75 does not hold; if residuals were independent of inputs, F would be 64.5",
        ),
        (
            "gradient covariance",
            "eigenvalues 125.25, 126.25 (not converged); overlap of its leading 1 directions with the Hessian’s leading 2: 0.6875",
        ),
    ] {
        assert_eq!(row(&network, name), expected, "{name}");
    }
    let by_input = row(&network, "mismatch input by input");
    for part in [
        "300 inputs, 16 labels drawn for each (a mismatch of 1 would show from 0.375 to 1.75)",
        "smallest eigenvalue 1.1 (1.05 to 1.15), 1.5 (1.45 to 1.55), 1.9 (1.85 to ∞)",
        "largest 3.1 (3.05 to 3.15), 3.5 (3.45 to 3.55), 3.9 (3.85 to ∞)",
        "condition number 5.1 (5.05 to 5.15), 5.5 (5.45 to 5.55), 5.9 (5.85 to ∞)",
        "122.5 ± 1.3 ≤ F = 123.5 ± 1.3 ≤ 124.5 ± 1.3 does not hold",
    ] {
        assert!(by_input.contains(part), "{part}: {by_input}");
    }
}

#[test]
fn bounds_that_hold_say_so_and_what_is_infinite_or_absent_too() {
    let mut network = network();
    network.bounds.as_mut().unwrap().hold = true;
    if let Some(conditional) = &mut network.conditional {
        conditional.hold = true;
    }
    network.residuals.as_mut().unwrap().condition = None;
    network.residuals.as_mut().unwrap().mismatch_condition = None;
    network.ratio = None;
    network.loss.standard_error = None;
    network.fluctuation = None;
    network.layers[0].covariance_trace = None;
    for name in ["Theorem 2", "mismatch input by input"] {
        let words = row(&network, name);
        assert!(
            words.contains(" holds") && !words.contains("not hold"),
            "{words}"
        );
    }
    for name in [
        "residuals’ second moment",
        "mismatch with the loss’s curvature",
    ] {
        assert!(row(&network, name).ends_with("condition number ∞"));
    }
    assert_eq!(row(&network, "F / tr Gauss–Newton"), "undefined");
    assert_eq!(row(&network, "loss L"), "101.5");
    assert_eq!(row(&network, "fluctuation F = E‖grad ℓ‖²"), "not known");
    let layer = row(&network, "layer layers.0.weight");
    assert!(
        layer.ends_with("F 114.5 ± 1.2, tr Cov grad ℓ not known"),
        "{layer}"
    );
    network.conditional = None;
    assert!(row(&network, "mismatch input by input").starts_with("needs labels"));
}

/// The curve with its errors, and below it the eigenvalues at both ends.
#[test]
fn the_density_is_drawn_with_its_errors() {
    let panel = figure(&network()).panels.remove(0);
    assert_eq!((panel.x.scale, panel.y.scale), (Scale::Linear, Scale::Log));
    let [curve, ends] = &panel.series[..] else {
        unreachable!("a curve and the ends");
    };
    let points = |series: &Series| {
        let points = series.points.iter();
        points.map(|p| (p.x, p.y, p.error)).collect::<Vec<_>>()
    };
    let curve = points(curve);
    assert_eq!(curve[..2], [(0.0, 4.0, 0.5), (1.0, 16.0, 0.25)]);
    // A Gaussian's far tail.
    assert!(curve.len() == 3 && curve[2].1.is_nan());
    let places: Vec<f64> = points(ends).iter().map(|p| p.0).collect();
    assert_eq!(places, [104.25, 105.25, 106.25, 107.25]);
    assert!(points(ends).iter().all(|p| p.1 > 0.0 && p.1 < 16e-6));
}
