//! The measurements of networks as a page for a terminal.

use std::path::Path;

use thalweg_lab::network::{
    AlignmentRecord, BoundsRecord, ConditionalRecord, ErrorKind, EstimateRecord, LandscapeRecord,
    MeanRecord, NetworkMeasurement, QuantileRecord, QuantilesRecord, ResidualsRecord,
};

use thalweg_lab::quantity::{
    COVARIANCE_TRACE, FLUCTUATION, FLUCTUATION_PER_GAUSS_NEWTON, GAUSS_NEWTON_TRACE, LAMBDA_MAX,
    LOSS, SHARPNESS,
};

use super::measured_tokens;
use crate::number::{number, significant};
use crate::page::{Align, Page, Table};

/// What stands for a number that is not known.
const UNKNOWN: &str = "–";

/// The page of all `networks`, whose results lie in `directory` if anywhere.
pub fn page(networks: &[NetworkMeasurement], directory: Option<&Path>) -> String {
    let mut page = Page::for_output();
    for network in networks {
        one(&mut page, network);
    }
    if let Some(directory) = directory {
        page.paragraph(&format!(
            "All numbers: {}; as a page: thalweg report {}",
            directory.join("measured").display(),
            directory.display()
        ));
    }
    page.finish()
}

fn one(page: &mut Page, network: &NetworkMeasurement) {
    let mut about = Table::new(&[Align::Left, Align::Left]);
    about.row(["network", &network.network]);
    about.row(["data", &network.data]);
    about.row(["loss", &network.loss_convention]);
    about.row(["evaluated on", &format!("{} samples", network.samples)]);
    let step = network
        .step
        .map_or(String::new(), |step| format!(" at step {step}"));
    page.heading(&format!("{}{step}", network.name));
    page.table(&about);
    if let Some(changed) = &network.changed_data {
        page.paragraph(changed);
    }

    page.heading("Curvature");
    let mut table = with_errors();
    number_row(&mut table, &SHARPNESS.named(), &network.sharpness);
    if let Some(trace) = &network.gauss_newton_trace {
        number_row(&mut table, GAUSS_NEWTON_TRACE.formula, trace);
    }
    for (i, value) in network.top.iter().enumerate() {
        number_row(&mut table, &format!("λ_{} from the top", i + 1), value);
    }
    for (i, value) in network.bottom.iter().enumerate() {
        number_row(&mut table, &format!("λ_{} from the bottom", i + 1), value);
    }
    page.table(&table);
    page.paragraph(&format!("T: {}.", network.sharpness_method));

    page.heading("Fluctuation, with 95 % confidence intervals");
    let mut table = Table::with_heads(&[
        ("", Align::Left),
        ("value", Align::Right),
        ("from", Align::Right),
        ("to", Align::Right),
    ]);
    mean_row(&mut table, &LOSS.named(), &network.loss);
    if let Some(fluctuation) = &network.fluctuation {
        mean_row(&mut table, &FLUCTUATION.named(), fluctuation);
    }
    if let Some(trace) = &network.covariance_trace {
        mean_row(&mut table, COVARIANCE_TRACE.formula, trace);
    }
    if let Some(ratio) = &network.ratio {
        mean_row(&mut table, FLUCTUATION_PER_GAUSS_NEWTON.formula, ratio);
    }
    page.table(&table);

    page.heading("Layers");
    let mut table = Table::with_heads(&[
        ("", Align::Left),
        ("parameters", Align::Right),
        ("tr ∇²L", Align::Right),
        (&LAMBDA_MAX.plain_symbol(), Align::Right),
        (&format!("{} ± s.e.", FLUCTUATION.symbol), Align::Right),
        (
            &format!("{} ± s.e.", COVARIANCE_TRACE.formula),
            Align::Right,
        ),
    ]);
    for layer in &network.layers {
        table.row([
            layer.name.clone(),
            layer.parameters.to_string(),
            short(&layer.sharpness),
            short(&layer.lambda_max),
            known(layer.fluctuation.as_ref()),
            known(layer.covariance_trace.as_ref()),
        ]);
    }
    page.table(&table);
    page.paragraph("s.e.: standard error of the mean over the samples.");

    if let Some(found) = &network.tokens {
        measured_tokens::section(page, &found.loss(&network.loss), found);
        let condition = |interval: Option<(f64, f64)>| {
            interval.map_or("not known".to_owned(), |(from, to)| {
                format!("{} … {}", significant(from, 3), significant(to, 3))
            })
        };
        page.paragraph(&format!(
            "The 95 % intervals of the condition numbers of single tokens' residuals, which are listed below, are {} for the second moment and {} for \
             the mismatch.",
            condition(found.condition_interval),
            condition(found.mismatch_condition_interval)
        ));
    }
    if let Some(found) = &network.residuals {
        residuals(page, found, &network.outputs);
    }
    if let Some(bounds) = &network.bounds {
        theorem_2(page, bounds);
    }
    if network.tokens.is_none() {
        by_input(page, network.conditional.as_ref());
    }

    if let Some(alignment) = &network.alignment {
        page.heading("Gradient covariance");
        let mut table = with_errors();
        for (i, value) in network.gradient_covariance.iter().enumerate() {
            number_row(&mut table, &format!("eigenvalue {}", i + 1), value);
        }
        page.table(&table);
        page.paragraph(&overlap(alignment, network.gradient_covariance.len()));
    }
    if let Some(found) = &network.landscape {
        landscape(page, found);
    }
    for note in &network.notes {
        page.paragraph(note);
    }
}

/// The loss at the ends of both slices, and where the run began; the picture is the page's.
fn landscape(page: &mut Page, found: &LandscapeRecord) {
    page.heading("The loss around it");
    let mut table = Table::new(&[
        Align::Left,
        Align::Right,
        Align::Right,
        Align::Right,
        Align::Right,
    ]);
    table.row(["", "from", "loss there", "to", "loss there"]);
    for (which, slice) in found.slices.iter().enumerate() {
        let last = slice.offsets.len() - 1;
        let number = |values: &[f64], at: usize| significant(values[at], 4);
        table.row([
            &format!("along eigenvector {}, weight", which + 1),
            &number(&slice.offsets, 0),
            &number(&slice.losses, 0),
            &number(&slice.offsets, last),
            &number(&slice.losses, last),
        ]);
    }
    page.table(&table);
    let words = match found.path.as_deref() {
        Some([start, ..]) => format!(
            "The run began {} along the first and {} along the second, and {} away from their plane, at the loss {}.",
            significant(start.first, 4),
            significant(start.second, 4),
            significant(start.outside, 4),
            significant(start.loss, 4)
        ),
        _ => found.no_path.clone().unwrap_or_default(),
    };
    page.paragraph(&words);
}

/// How the residuals scatter, and what each output contributes to the curvature.
fn residuals(page: &mut Page, found: &ResidualsRecord, outputs: &[MeanRecord]) {
    page.heading("Residuals and outputs");
    let mut table = Table::new(&[Align::Left, Align::Left]);
    table.row(["second moment E rrᵀ, eigenvalues", &list(&found.spectrum)]);
    table.row(["its condition number", &condition(found.condition)]);
    table.row(["mismatch with the loss's curvature", &list(&found.mismatch)]);
    table.row(["its condition number", &condition(found.mismatch_condition)]);
    if !outputs.is_empty() {
        let outputs = some(outputs.iter().map(spread));
        table.row(["each output's part of tr Gauss–Newton, ± s.e.", &outputs]);
    }
    page.table(&table);
}

fn theorem_2(page: &mut Page, bounds: &BoundsRecord) {
    page.paragraph(&format!(
        "Theorem 2: {} ≤ F = {} ≤ {} {}; if residuals were independent of inputs, as it assumes, F would be {}.",
        number(bounds.lower),
        number(bounds.fluctuation),
        number(bounds.upper),
        if bounds.hold { "holds" } else { "does not hold" },
        number(bounds.independent),
    ));
}

/// How far gradients scatter where the loss is curved, or why that cannot be said.
fn overlap(found: &AlignmentRecord, asked: usize) -> String {
    let (hessian, covariance) = (found.hessian_directions, found.covariance_directions);
    let Some(overlap) = found.overlap else {
        let which = if covariance == 0 {
            "this covariance"
        } else {
            "the Hessian"
        };
        return format!(
            "Overlap with the Hessian's leading directions: not defined, since {which} has no leading directions: its largest {asked} eigenvalues are 0 or not told apart from the next ones."
        );
    };
    let (overlap, chance) = (significant(overlap, 3), significant(found.chance, 2));
    if (hessian, covariance) == (asked, asked) {
        return format!(
            "Overlap with the Hessian's leading {asked} directions: {overlap} (1 is the same space, {chance} is chance)."
        );
    }
    let directions = |count: usize, whose: &str| match count {
        1 => format!("the leading direction of {whose}"),
        _ => format!("the leading {count} directions of {whose}"),
    };
    format!(
        "Overlap of {} with {}: {overlap} (1 if one lies in the other, {chance} is chance); the other eigenvalues of the {asked} asked for are 0 or not told apart from the next ones.",
        directions(covariance, "this covariance"),
        directions(hessian, "the Hessian")
    )
}

/// The mismatch at each input, or why there is none.
fn by_input(page: &mut Page, found: Option<&ConditionalRecord>) {
    page.heading("Mismatch input by input, with 95 % confidence intervals");
    let Some(found) = found else {
        page.paragraph(
            "Not known: it needs labels that can be drawn again for the same input, and these have no noise.",
        );
        return;
    };
    let mut table = Table::with_heads(&[
        ("over the inputs", Align::Left),
        ("5 %", Align::Left),
        ("median", Align::Left),
        ("95 %", Align::Left),
    ]);
    for (what, quantiles) in [
        ("smallest eigenvalue", &found.smallest),
        ("largest eigenvalue", &found.largest),
        ("condition number", &found.condition),
    ] {
        if let Some(QuantilesRecord { low, median, high }) = quantiles {
            let [low, median, high] = [low, median, high].map(quantile);
            table.row([what.to_owned(), low, median, high]);
        }
    }
    page.table(&table);
    let (low, high) = found.reference;
    page.paragraph(&format!(
        "From {} labels drawn for each of {} inputs. If the mismatch were 1 in all directions, so many labels would show eigenvalues from {} to {} and a condition number of {}.",
        found.draws,
        found.inputs,
        significant(low, 3),
        significant(high, 3),
        significant(high / low, 3),
    ));
    page.paragraph(&format!(
        "Theorem 2 input by input, ± one standard error: {} ≤ F = {} ≤ {} {}.",
        spread(&found.lower),
        spread(&found.fluctuation),
        spread(&found.upper),
        if found.hold { "holds" } else { "does not hold" },
    ));
}

/// Its value and interval, of which an end may be unknown.
fn quantile(quantile: &QuantileRecord) -> String {
    let end = |value: Option<f64>, absent: &str| {
        value.map_or(absent.to_owned(), |value| significant(value, 3))
    };
    format!(
        "{} ({} to {})",
        end(quantile.value, "∞"),
        end(quantile.from, "?"),
        end(quantile.to, "∞")
    )
}

fn with_errors() -> Table {
    Table::with_heads(&[
        ("", Align::Left),
        ("value", Align::Right),
        ("error", Align::Left),
        ("products", Align::Right),
    ])
}

fn number_row(table: &mut Table, what: &str, value: &EstimateRecord) {
    table.row([
        what.to_owned(),
        if value.is_nothing() {
            "0".to_owned()
        } else {
            number(value.value)
        },
        error(value),
        value.matvecs.to_string(),
    ]);
}

fn mean_row(table: &mut Table, what: &str, mean: &MeanRecord) {
    let end = |value: f64| significant(value, 4);
    let unknown = || [UNKNOWN.to_owned(), UNKNOWN.to_owned()];
    let [from, to] = mean
        .interval
        .map_or_else(unknown, |(from, to)| [end(from), end(to)]);
    table.row([what.to_owned(), number(mean.value), from, to]);
}

/// What kind of error, its size, and whether the accuracy was reached.
fn error(value: &EstimateRecord) -> String {
    let size = significant(value.error, 2);
    let words = match value.kind {
        ErrorKind::Rounding => "exact".to_owned(),
        ErrorKind::StandardError => format!("± {size}"),
        ErrorKind::Residual => format!("residual {size}"),
    };
    if value.converged {
        words
    } else {
        format!("{words}, not converged")
    }
}

fn short(value: &EstimateRecord) -> String {
    let doubt = if value.converged {
        ""
    } else {
        " (not converged)"
    };
    match value.kind {
        ErrorKind::StandardError => format!(
            "{} ± {}{doubt}",
            significant(value.value, 4),
            significant(value.error, 2)
        ),
        ErrorKind::Rounding | ErrorKind::Residual => {
            format!("{}{doubt}", significant(value.value, 4))
        }
    }
}

fn spread(mean: &MeanRecord) -> String {
    let value = significant(mean.value, 4);
    match mean.standard_error {
        Some(error) => format!("{value} ± {}", significant(error, 2)),
        None => value,
    }
}

/// A mean with its standard error, a dash where it is not known.
fn known(found: Option<&MeanRecord>) -> String {
    found.map_or(UNKNOWN.to_owned(), spread)
}

fn list(values: &[f64]) -> String {
    some(values.iter().map(|&x| significant(x, 4)))
}

/// The first of `values`, and how many more there are.
fn some(values: impl ExactSizeIterator<Item = String>) -> String {
    const SHOWN: usize = 6;
    let count = values.len();
    let shown: Vec<_> = values.take(SHOWN).collect();
    match count.saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{}, … ({more} more)", shown.join(", ")),
    }
}

fn condition(condition: Option<f64>) -> String {
    condition.map_or("∞".to_owned(), number)
}

#[cfg(test)]
#[path = "measured_tests.rs"]
mod tests;
