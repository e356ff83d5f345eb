//! The page of a training on a text: which noise its tokens have, and how far SGD has come.

use super::measured;
use super::number::plain;
use super::page::{Head, page};
use super::section::Section;
use crate::plot::{self, Axis, Figure, Look, Panel, Point, to_html};
use crate::results::FigureResult;
use thalweg_lab::diagnose::{TOKEN_ISOTROPY, TOKEN_LOSS, TokenDiagnosis};
use thalweg_lab::network::{MeanRecord, TokenGroupRecord};

const LEAD: &str =
    "What the network of a training leaves of single tokens that it was not trained on.";

/// The page of `found`; `data` is what was diagnosed, and `command` makes it again.
pub fn token_diagnosis(found: &TokenDiagnosis, data: &str, command: &str) -> String {
    let noise = FigureResult {
        id: "noise".to_owned(),
        title: format!("The noise of {data}"),
        caption: caption(found),
        command: command.to_owned(),
        settings: numbers(found),
        ..FigureResult::of_a_run()
    };
    let frequency = FigureResult {
        id: "frequency".to_owned(),
        title: "Frequent and rare tokens".to_owned(),
        caption: "‖g‖² of the tokens of each group, g being the gradient of one token’s loss: relative to the mean over all tokens, and to \
                  what the network’s own probabilities would make of it; ± one standard error."
            .to_owned(),
        command: command.to_owned(),
        settings: measured::tokens(&found.tokens),
        ..FigureResult::of_a_run()
    };
    let sections = [
        (&noise, spectra(found), "Numbers"),
        (&frequency, groups(found), "Group by group"),
    ]
    .map(|(figure, picture, details)| Section::drawn(figure, plot::svg(&picture.scene()), details));
    let head = Head {
        title: "diagnosis",
        heading: "Which noise the tokens have",
        lead: LEAD,
        loss_convention: TOKEN_LOSS,
        own: command,
    };
    page(&head, &notes(found), &sections)
}

fn caption(found: &TokenDiagnosis) -> String {
    format!(
        "Eigenvalues of E rrᵀ, with r = p − y what the network of seed {} leaves of tokens that it was not trained on, and of its mismatch \
         with the curvature E[diag p − ppᵀ], which are all 1 where labels follow its probabilities: from {}. Isotropy: p = {}. \
         {TOKEN_ISOTROPY}",
        found.seed,
        found.size(),
        plain(found.isotropy.p_value)
    )
}

/// What a reader must know, a paragraph for each.
fn notes(found: &TokenDiagnosis) -> String {
    let absent = found.absent_words();
    let all = absent.iter().chain(&found.notes);
    all.map(|note| paragraph(note)).collect()
}

/// `note`, written for a terminal, with its symbols and commands as a page has them.
fn paragraph(note: &str) -> String {
    let symbols = note.replace("T_min", "T_{min}").replace("λ_max", "λ_{max}");
    let pieces = symbols.split('`').map(to_html).enumerate();
    let inside: String = pieces
        .map(|(at, piece)| match at % 2 {
            0 => piece,
            _ => format!("<code>{piece}</code>"),
        })
        .collect();
    format!("<p>{inside}</p>")
}

fn numbers(found: &TokenDiagnosis) -> Vec<(String, String)> {
    let condition = |name: &str, value: Option<f64>, interval: Option<(f64, f64)>| {
        let value = value.map_or("∞".to_owned(), plain);
        let within = interval.map_or(String::new(), |(low, high)| {
            format!(" ({} … {})", plain(low), plain(high))
        });
        (name.to_owned(), value + &within)
    };
    let tokens = &found.tokens;
    let mut rows = vec![
        ("network".to_owned(), found.network.clone()),
        ("data".to_owned(), found.data.clone()),
        (
            "loss, nats for a token".to_owned(),
            measured::mean(&found.loss),
        ),
        condition(
            "condition number of the noise κ(E rrᵀ)",
            found.residuals.condition,
            tokens.condition_interval,
        ),
        condition(
            "condition number of the mismatch",
            found.residuals.mismatch_condition,
            tokens.mismatch_condition_interval,
        ),
        (
            "E‖g‖² of a token over tr G".to_owned(),
            measured::mean(&tokens.ratio),
        ),
    ];
    rows.push(("clock".to_owned(), found.clock_words(plain).join(" ")));
    rows
}

/// Eigenvalues by rank.
fn spectra(found: &TokenDiagnosis) -> Figure {
    let ranked = |values: &[f64]| {
        let numbered = values.iter().enumerate();
        numbered
            .map(|(at, &value)| Point::exact((at + 1) as f64, value))
            .collect::<Vec<_>>()
    };
    let panel = Panel::new("", Axis::log("rank"), Axis::log("eigenvalue"))
        .with(
            "noise E rrᵀ",
            ranked(&found.residuals.spectrum),
            Look::scattered(0),
        )
        .with(
            "mismatch",
            ranked(&found.residuals.mismatch),
            Look::scattered(1),
        );
    Figure::of("Eigenvalues of the tokens’ noise", panel)
}

/// Squared gradients by frequency, at the middle of a group's ranks.
fn groups(found: &TokenDiagnosis) -> Figure {
    let points = |of: fn(&TokenGroupRecord) -> &MeanRecord| {
        let each = found.tokens.groups.iter();
        each.map(|group| {
            let [first, last] = group.ranks.map(|rank| rank as f64);
            let mean = of(group);
            Point {
                x: (first * last).sqrt(),
                y: mean.value,
                error: mean.standard_error.unwrap_or(0.0),
            }
        })
        .collect::<Vec<_>>()
    };
    let panel = Panel::new(
        "",
        Axis::log("rank of a token in frequency"),
        Axis::log("‖g‖² of a token, relative"),
    )
    .with(
        "to all tokens",
        points(|group| &group.size),
        Look::measured(0),
    )
    .with(
        "to what the network expects",
        points(|group| &group.ratio),
        Look::measured(1),
    );
    Figure::of("Squared gradients of tokens by their frequency", panel)
}
