//! What a text's tokens add to fluctuation and sharpness, on the pages of a measured network and of a diagnosis.

use std::f64::consts::LN_2;

use thalweg_lab::network::{MeanRecord, TokensRecord};

use crate::number::significant;
use crate::page::{Align, Page, Table};

/// The section of `found`, whose tokens have this mean `loss`.
pub(super) fn section(page: &mut Page, loss: &MeanRecord, found: &TokensRecord) {
    page.heading("Tokens by frequency, with 95 % confidence intervals");
    let mut table = Table::with_heads(&[
        ("tokens", Align::Left),
        ("of the text", Align::Right),
        ("bits", Align::Left),
        ("share of E‖g‖²", Align::Left),
        ("share of tr G", Align::Left),
        ("‖g‖²", Align::Left),
        ("to expected", Align::Left),
    ]);
    for group in &found.groups {
        let [first, last] = group.ranks;
        let ranks = if first == last {
            first.to_string()
        } else {
            format!("{first}–{last}")
        };
        table.row([
            format!("{ranks}: {}", some(&group.tokens)),
            format!("{} %", significant(100.0 * group.labels.value, 3)),
            interval(&group.loss, 1.0 / LN_2),
            percent(&group.fluctuation),
            percent(&group.sharpness),
            interval(&group.size, 1.0),
            interval(&group.ratio, 1.0),
        ]);
    }
    page.table(&table);
    page.paragraph(&format!(
        "Tokens by rank in frequency. bits: their mean loss; over all tokens {}. g: the gradient of one token's loss; E‖g‖² = {}; tr G = {}, the trace of the \
         Gauss–Newton matrix. ‖g‖²: its mean over these tokens, relative to that over all. To expected: E‖g‖² over what it would be if labels followed the network's own \
         probabilities ({} draws of them): over all tokens {}.",
        interval(loss, 1.0 / LN_2),
        interval(&found.fluctuation, 1.0),
        interval(&found.sharpness, 1.0),
        found.draws,
        interval(&found.ratio, 1.0),
    ));
    page.paragraph(&format!(
        "Lopsidedness: a token of the rarest group has {} times the squared gradient of one of the most frequent.",
        interval(&found.lopsidedness, 1.0)
    ));
}

/// A mean times `scale` with its interval.
fn interval(mean: &MeanRecord, scale: f64) -> String {
    let number = |x: f64| significant(scale * x, 3);
    match mean.interval {
        Some((from, to)) => format!("{} ({} … {})", number(mean.value), number(from), number(to)),
        None => number(mean.value),
    }
}

fn percent(mean: &MeanRecord) -> String {
    format!("{} %", interval(mean, 100.0))
}

/// The first few of `tokens`.
fn some(tokens: &[String]) -> String {
    const SHOWN: usize = 4;
    let shown = tokens[..tokens.len().min(SHOWN)].join(" ");
    if tokens.len() > SHOWN {
        format!("{shown} …")
    } else {
        shown
    }
}
