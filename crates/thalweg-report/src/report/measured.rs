//! The report's section on one measured network: its spectral density and its numbers.

use super::number::{plain, with_error};
use crate::plot::{self, Axis, Figure, Look, Panel, Point};
use crate::results::FigureResult;
use thalweg_lab::network::{
    BoundsRecord, ConditionalRecord, ErrorKind, EstimateRecord, MeanRecord, NetworkMeasurement,
    QuantileRecord, QuantilesRecord, ResidualsRecord, TokenGroupRecord, TokensRecord,
};
use thalweg_lab::quantity::{
    COVARIANCE_TRACE, FLUCTUATION, FLUCTUATION_PER_GAUSS_NEWTON, GAUSS_NEWTON_TRACE, LAMBDA_MAX,
    LOSS, SHARPNESS,
};

/// The picture of the spectral density, as SVG.
pub fn picture(network: &NetworkMeasurement) -> String {
    plot::svg(&figure(network).scene())
}

fn figure(network: &NetworkMeasurement) -> Figure {
    let density = &network.density;
    let highest = density.curve.iter().map(|p| p.1).fold(0.0, f64::max);
    // Below this a Gaussian's tail says nothing of the spectrum.
    let floor = 1e-6 * highest;
    let curve = density.curve.iter().map(|&(x, y, error)| Point {
        x,
        y: if y > floor { y } else { f64::NAN },
        error,
    });
    let curve_look = Look {
        marker: None,
        ..Look::measured(0)
    };
    let ends = network.top.iter().chain(&network.bottom);
    // Below the curve, where they cover none of it.
    let marks = ends.map(|value| Point::exact(value.value, floor / 4.0));
    let panel = Panel::new(
        "",
        Axis::linear("eigenvalue λ of the Hessian"),
        Axis::log("spectral density, smoothed"),
    )
    .with("density, ± s.e.", curve.collect(), curve_look)
    .with(
        "eigenvalues at the ends",
        marks.collect(),
        Look::scattered(1),
    );
    Figure::of("Spectral density of the Hessian", panel)
}

/// The numbers, in words.
pub fn words(network: &NetworkMeasurement, command: &str) -> FigureResult {
    let mut rows = vec![
        ("network".to_owned(), network.network.clone()),
        ("data".to_owned(), network.data.clone()),
        (
            "evaluation set".to_owned(),
            format!("{} samples", network.samples),
        ),
        (LOSS.axis.to_owned(), mean(&network.loss)),
        (
            SHARPNESS.axis.to_owned(),
            format!(
                "{} ({})",
                number(&network.sharpness),
                network.sharpness_method
            ),
        ),
        (
            GAUSS_NEWTON_TRACE.axis.to_owned(),
            given(network.gauss_newton_trace.as_ref().map(number)),
        ),
        ("largest eigenvalues".to_owned(), numbers(&network.top)),
        ("smallest eigenvalues".to_owned(), numbers(&network.bottom)),
        (
            FLUCTUATION.axis.to_owned(),
            known(network.fluctuation.as_ref()),
        ),
        (
            COVARIANCE_TRACE.axis.to_owned(),
            known(network.covariance_trace.as_ref()),
        ),
        (
            FLUCTUATION_PER_GAUSS_NEWTON.axis.to_owned(),
            given(network.ratio.as_ref().map(mean)),
        ),
    ];
    for layer in &network.layers {
        rows.push((
            format!("layer {}", layer.name),
            format!(
                "{} parameters: tr Hessian {}, {} {}, {} {}, {} {}",
                layer.parameters,
                number(&layer.sharpness),
                LAMBDA_MAX.symbol,
                number(&layer.lambda_max),
                FLUCTUATION.symbol,
                known(layer.fluctuation.as_ref()),
                COVARIANCE_TRACE.symbol,
                known(layer.covariance_trace.as_ref())
            ),
        ));
    }
    if let Some(found) = &network.tokens {
        rows.extend(tokens(found));
    }
    if let Some(found) = &network.residuals {
        rows.extend(residuals(found));
    }
    if !network.outputs.is_empty() {
        let outputs: Vec<_> = network.outputs.iter().map(mean).collect();
        let what = "each output’s part of tr Gauss–Newton".to_owned();
        rows.push((what, outputs.join(", ")));
    }
    if let Some(bounds) = &network.bounds {
        rows.push(("Theorem 2".to_owned(), theorem_2(bounds)));
    }
    rows.push((
        "mismatch input by input".to_owned(),
        network.conditional.as_ref().map_or(
            "needs labels that can be drawn again, hence label noise".to_owned(),
            by_input,
        ),
    ));
    if let Some(found) = &network.alignment {
        rows.push((
            "gradient covariance".to_owned(),
            format!(
                "eigenvalues {}; overlap of its leading {} directions with the Hessian’s leading {}: {}",
                numbers(&network.gradient_covariance),
                found.covariance_directions,
                found.hessian_directions,
                found.overlap.map_or("not defined".to_owned(), plain)
            ),
        ));
    }
    let notes = network.notes.iter().enumerate();
    rows.extend(notes.map(|(i, note)| (format!("note {}", i + 1), note.clone())));
    let step = network
        .step
        .map_or(String::new(), |step| format!(" at step {step}"));
    FigureResult {
        id: format!("measured-{}", network.name),
        title: format!("Measured: {}{step}", network.name),
        caption: with_note(
            format!(
                "The Hessian’s spectral density, smoothed by a Gaussian of standard deviation {}, and its ends.",
                plain(network.density.width)
            ),
            network.changed_data.as_ref(),
        ),
        command: command.to_owned(),
        settings: rows,
        ..FigureResult::of_a_run()
    }
}

/// What frequent and rare tokens add.
pub(super) fn tokens(found: &TokensRecord) -> Vec<(String, String)> {
    let group = |group: &TokenGroupRecord| {
        let [first, last] = group.ranks;
        (
            format!("tokens of rank {first} to {last} in frequency"),
            format!(
                "{} % of the text; share of E‖g‖² {}; share of tr G {}; ‖g‖² relative to all tokens {}, to what the network expects {}",
                plain(100.0 * group.labels.value),
                mean(&group.fluctuation),
                mean(&group.sharpness),
                mean(&group.size),
                mean(&group.ratio)
            ),
        )
    };
    let lopsided = (
        "lopsidedness: ‖g‖² of the rarest tokens over the most frequent’s".to_owned(),
        mean(&found.lopsidedness),
    );
    found.groups.iter().map(group).chain([lopsided]).collect()
}

/// How the residuals scatter.
fn residuals(found: &ResidualsRecord) -> [(String, String); 2] {
    let row = |what: &str, spectrum: &[f64], condition: Option<f64>| {
        let condition = condition.map_or("∞".to_owned(), plain);
        let words = format!(
            "eigenvalues {}; condition number {condition}",
            list(spectrum)
        );
        (what.to_owned(), words)
    };
    [
        row("residuals’ second moment", &found.spectrum, found.condition),
        row(
            "mismatch with the loss’s curvature",
            &found.mismatch,
            found.mismatch_condition,
        ),
    ]
}

fn theorem_2(bounds: &BoundsRecord) -> String {
    format!(
        "{} ≤ F = {} ≤ {} {}; if residuals were independent of inputs, F would be {}",
        plain(bounds.lower),
        plain(bounds.fluctuation),
        plain(bounds.upper),
        if bounds.hold {
            "holds"
        } else {
            "does not hold"
        },
        plain(bounds.independent)
    )
}

/// What was measured, or that it was not.
fn given(words: Option<String>) -> String {
    words.unwrap_or_else(|| "undefined".to_owned())
}

/// A mean, or that it is not known, of which a note says why.
fn known(found: Option<&MeanRecord>) -> String {
    found.map_or("not known".to_owned(), mean)
}

/// A caption, and what must not be overlooked.
pub(super) fn with_note(caption: String, note: Option<&String>) -> String {
    match note {
        Some(note) => format!("{caption} {note}"),
        None => caption,
    }
}

/// The mismatch input by input.
fn by_input(found: &ConditionalRecord) -> String {
    let (low, high) = found.reference;
    format!(
        "{} inputs, {} labels drawn for each (a mismatch of 1 would show from {} to {}); 5 %, median and 95 % over inputs: smallest eigenvalue {}; largest {}; condition number {}. Theorem 2 then: {} ≤ F = {} ≤ {} {}",
        found.inputs,
        found.draws,
        plain(low),
        plain(high),
        quantiles(&found.smallest),
        quantiles(&found.largest),
        quantiles(&found.condition),
        mean(&found.lower),
        mean(&found.fluctuation),
        mean(&found.upper),
        if found.hold { "holds" } else { "does not hold" },
    )
}

fn quantiles(quantiles: &Option<QuantilesRecord>) -> String {
    let Some(QuantilesRecord { low, median, high }) = quantiles else {
        return "undefined".to_owned();
    };
    let infinite = |value: Option<f64>| value.map_or("∞".to_owned(), plain);
    let one = |quantile: &QuantileRecord| {
        let from = quantile.from.map_or("?".to_owned(), plain);
        format!(
            "{} ({from} to {})",
            infinite(quantile.value),
            infinite(quantile.to)
        )
    };
    [low, median, high].map(one).join(", ")
}

pub(super) fn mean(mean: &MeanRecord) -> String {
    with_error(mean.value, mean.standard_error)
}

fn number(number: &EstimateRecord) -> String {
    let words = match number.kind {
        _ if number.is_nothing() => "0".to_owned(),
        ErrorKind::StandardError => with_error(number.value, Some(number.error)),
        ErrorKind::Rounding | ErrorKind::Residual => plain(number.value),
    };
    if number.converged {
        words
    } else {
        format!("{words} (not converged)")
    }
}

fn numbers(all: &[EstimateRecord]) -> String {
    all.iter().map(number).collect::<Vec<_>>().join(", ")
}

fn list(all: &[f64]) -> String {
    all.iter().map(|&x| plain(x)).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
#[path = "measured_tests.rs"]
mod tests;
