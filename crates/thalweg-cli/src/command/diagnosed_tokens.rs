//! The page of a diagnosis of a training on a text.

use thalweg_lab::diagnose::{TOKEN_ISOTROPY, TokenDiagnosis};

use super::measured_tokens;
use crate::number::{number, significant};
use crate::page::{Align, Page, Table};

/// Eigenvalues that are listed.
const LISTED: usize = 6;

/// All of it.
pub(super) fn page(found: &TokenDiagnosis) -> String {
    let mut page = Page::for_output();
    page.heading("Which noise the tokens have");
    let mut about = Table::new(&[Align::Left, Align::Left]);
    about.row(["network", &found.network]);
    about.row(["data", &found.data]);
    about.row(["looked at", &found.size()]);
    page.table(&about);
    page.paragraph(&format!(
        "Noise is r = p − y, what the network of seed {} leaves of tokens that it was not trained on: p are its probabilities, and y is 0 but \
         for a 1 at the token that stands there.",
        found.seed
    ));
    let (residuals, tokens) = (&found.residuals, &found.tokens);
    let mut table = Table::with_heads(&[
        ("quantity", Align::Left),
        ("value", Align::Right),
        ("95 % interval", Align::Left),
    ]);
    for (what, condition, interval) in [
        (
            "condition number of the noise, κ(E rrᵀ)",
            residuals.condition,
            tokens.condition_interval,
        ),
        (
            "… of its mismatch with the curvature E[diag p − ppᵀ]",
            residuals.mismatch_condition,
            tokens.mismatch_condition_interval,
        ),
    ] {
        table.row([
            what.to_owned(),
            condition.map_or_else(|| "∞".to_owned(), |value| significant(value, 4)),
            interval.map_or_else(
                || "not known".to_owned(),
                |(low, high)| format!("{} … {}", significant(low, 3), significant(high, 3)),
            ),
        ]);
    }
    page.table(&table);
    page.paragraph(&format!(
        "Eigenvalues of E rrᵀ: {}. Of the mismatch, all 1 where labels follow the network’s probabilities: {}.",
        spectrum(&residuals.spectrum),
        spectrum(&residuals.mismatch)
    ));
    if let Some(sentence) = found.absent_words() {
        page.paragraph(&sentence);
    }
    let p = significant(found.isotropy.p_value, 2);
    let isotropy = if found.isotropy.rejects() {
        format!(
            "The noise is not the same on all tokens (isotropy: p = {p}, by whole windows, of which {} were looked at).",
            found.sequences
        )
    } else {
        format!(
            "It may be the same and uncorrelated on all tokens (isotropy: p = {p}): these windows cannot tell."
        )
    };
    page.paragraph(&format!("{isotropy} {TOKEN_ISOTROPY}"));
    measured_tokens::section(&mut page, &found.loss, tokens);
    page.heading("How far SGD has come");
    for sentence in found.clock_words(number) {
        page.paragraph(&sentence);
    }
    page.heading("What has no meaning for a text");
    for note in &found.notes {
        page.paragraph(note);
    }
    page.finish()
}

/// The first of all eigenvalues, and the last.
fn spectrum(values: &[f64]) -> String {
    let shown = |values: &[f64]| {
        let words: Vec<String> = values.iter().map(|&value| significant(value, 3)).collect();
        words.join(", ")
    };
    match values {
        [.., last] if values.len() > LISTED + 1 => {
            let more = values.len() - LISTED - 1;
            format!(
                "{}, … ({more} more), {}",
                shown(&values[..LISTED]),
                significant(*last, 3)
            )
        }
        _ => shown(values),
    }
}
