//! The comparison at the end of a simulation, on a terminal and as JSON.

use std::path::Path;

use thalweg::words::counted;
use thalweg_lab::compare::{Comparison, READING};
use thalweg_lab::spec::Experiment;

use crate::number::{known, number, significant};
use crate::page::{Align, Page, Table};

/// The comparison as a page.
pub fn page(comparison: &Comparison, experiment: &Experiment, directory: &Path) -> String {
    let mut page = Page::for_output();
    let all_diverged = comparison.diverged == comparison.seeds;
    let headline = comparison.divergence.as_ref().filter(|_| all_diverged);
    if let Some(headline) = headline {
        page.heading(headline);
    }
    page.problem(&experiment.problem);
    page.heading("Settings");
    page.table(&particulars(experiment));
    page.heading(&format!(
        "After {} steps at η = {}, B = {}, over {}",
        comparison.step,
        number(experiment.settings.learning_rate),
        experiment.settings.batch,
        counted(comparison.seeds, "seed")
    ));
    page.table(&table(comparison));
    page.paragraph(&format!("{READING} {}", units(comparison)));
    let remarks = comparison.remarks().into_iter();
    for remark in remarks.filter(|remark| headline != Some(remark)) {
        page.paragraph(&remark);
    }
    page.paragraph(&format!("All measurements: {}", directory.display()));
    page.finish()
}

/// What the experiment is beside what the headings say.
fn particulars(experiment: &Experiment) -> Table {
    let mut table = Table::new(&[Align::Left, Align::Left]);
    for (field, value) in experiment.particulars() {
        table.row([field, value]);
    }
    table
}

/// SGD and below it each predictor, with two columns for each quantity: the value, and its error or z. So it stays narrow, however
/// many predictors there are.
fn table(comparison: &Comparison) -> Table {
    let none = || "–".to_owned();
    let symbols: Vec<String> = comparison
        .measured
        .iter()
        .map(|measured| measured.quantity.plain_symbol())
        .collect();
    let mut heads = vec![("", Align::Left)];
    for symbol in &symbols {
        heads.extend([(&**symbol, Align::Right), ("±, z", Align::Right)]);
    }
    let mut table = Table::with_heads(&heads);
    let mut row = vec!["SGD".to_owned()];
    for measured in &comparison.measured {
        let error = measured.end.and_then(|end| end.standard_error);
        row.push(measured.end.map_or_else(none, |end| number(end.mean)));
        row.push(error.map_or_else(none, |error| format!("± {}", significant(error, 2))));
    }
    table.row(row);
    for predicted in &comparison.predicted {
        let mut row = vec![predicted.name.to_owned()];
        for i in 0..comparison.measured.len() {
            let series = predicted.series(i);
            let z = series.and_then(|series| series.z);
            row.push(series.map_or_else(none, |s| known(s.end, comparison.known_digits)));
            row.push(z.map_or_else(none, |z| significant(z, 2)));
        }
        table.row(row);
    }
    table
}

/// The units of what was measured: "T, λ_max: loss/weight². F: loss²/weight²."
fn units(comparison: &Comparison) -> String {
    let same_unit = comparison
        .measured
        .chunk_by(|a, b| a.quantity.unit == b.quantity.unit);
    let named = same_unit.filter(|group| !group[0].quantity.unit.is_empty());
    let sentences = named.map(|group| {
        let symbols = group
            .iter()
            .map(|measured| measured.quantity.plain_symbol());
        let symbols = symbols.collect::<Vec<_>>().join(", ");
        format!("{symbols}: {}.", group[0].quantity.unit)
    });
    sentences.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
#[path = "summary_tests.rs"]
mod tests;
