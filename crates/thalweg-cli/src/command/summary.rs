//! The comparison at the end of a simulation, on a terminal and as JSON.

use std::path::Path;

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
    page.heading(&format!(
        "After {} steps at η = {}, B = {}, over {} seeds",
        comparison.step,
        number(experiment.settings.learning_rate),
        experiment.settings.batch,
        comparison.seeds
    ));
    let mut heads = vec![("", Align::Left), ("SGD", Align::Right), ("", Align::Left)];
    for predicted in &comparison.predicted {
        heads.extend([(predicted.name, Align::Right), ("z", Align::Right)]);
    }
    heads.push(("unit", Align::Left));
    let mut table = Table::with_heads(&heads);
    for (i, measured) in comparison.measured.iter().enumerate() {
        let none = || "–".to_owned();
        let error = measured.end.and_then(|end| end.standard_error);
        let mut row = vec![
            measured.quantity.plain_symbol(),
            measured.end.map_or_else(none, |end| number(end.mean)),
            error.map_or(String::new(), |e| format!("± {}", significant(e, 2))),
        ];
        for predicted in &comparison.predicted {
            let series = predicted.series(i);
            let z = series.and_then(|s| s.z);
            row.push(series.map_or_else(none, |s| known(s.end, comparison.known_digits)));
            row.push(z.map_or_else(none, |z| significant(z, 2)));
        }
        row.push(measured.quantity.unit.to_owned());
        table.row(row);
    }
    page.table(&table);
    page.paragraph(READING);
    let remarks = comparison.remarks().into_iter();
    for remark in remarks.filter(|remark| headline != Some(remark)) {
        page.paragraph(&remark);
    }
    page.paragraph(&format!("All measurements: {}", directory.display()));
    page.finish()
}

#[cfg(test)]
#[path = "summary_tests.rs"]
mod tests;
