//! One figure of the report: its picture, settings, claims and how to make it again.

use std::fmt::Write as _;

use thalweg::flow::LEAVES_OUT;

use super::number::{percent, plain, two_digits, with_error};
use crate::claims::{Judged, Verdict};
use crate::plot::to_html;
use crate::results::FigureResult;

/// Where there is no number.
const NONE: &str = "–";

/// A figure's words and numbers with its picture.
#[derive(Debug)]
pub struct Section<'r> {
    pub figure: &'r FigureResult,
    /// An SVG document; none where it is lost.
    pub picture: Option<String>,
    /// What the names and values below the picture are.
    pub details: &'static str,
    /// The command that makes it again.
    pub again: String,
}

impl<'r> Section<'r> {
    /// That of `figure` with an SVG document, made again by the figure's own command.
    pub fn drawn(figure: &'r FigureResult, picture: String, details: &'static str) -> Self {
        Self {
            figure,
            picture: Some(picture),
            details,
            again: figure.command.clone(),
        }
    }

    /// The section as HTML.
    pub fn render(&self) -> String {
        let figure = self.figure;
        let mut out = String::new();
        let id = to_html(&figure.id);
        let _ = write!(
            out,
            "<section id=\"{id}\"><h2 id=\"{id}-title\">{}</h2><figure>{}<figcaption>{}{}</figcaption></figure>",
            to_html(&figure.title),
            match &self.picture {
                Some(picture) => wide(&format!("{id}-title"), picture),
                None => "<p class=\"note\">Its picture is lost: see above.</p>".to_owned(),
            },
            prose(&figure.caption),
            notes(&figure.notes)
        );
        if !figure.claims.is_empty() {
            out.push_str(&claims(&figure.claims));
        }
        let _ = write!(
            out,
            "<details open><summary>{}</summary><dl>",
            to_html(self.details)
        );
        for (name, value) in &figure.settings {
            let _ = write!(out, "<dt>{}</dt><dd>{}</dd>", to_html(name), to_html(value));
        }
        for run in &figure.runs {
            let _ = write!(
                out,
                "<dt>one run</dt><dd><code>{}</code><div class=\"note\">{}</div></dd>",
                to_html(&run.command),
                to_html(&format!(
                    "in the folder of this page; its measurements: {}",
                    run.measurements
                ))
            );
        }
        let _ = writeln!(
            out,
            "<dt>again</dt><dd><code>{}</code></dd></dl></details></section>",
            to_html(&self.again)
        );
        out
    }
}

/// Sentences as a list; nothing where there are none.
fn notes(sentences: &[String]) -> String {
    if sentences.is_empty() {
        return String::new();
    }
    let items = sentences.iter();
    let items: String = items
        .map(|sentence| format!("<li>{}</li>", prose(sentence)))
        .collect();
    format!("<ul>{items}</ul>")
}

/// A sentence in which what stands between backticks is code; one that is alone stays as it is.
pub fn prose(text: &str) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once('`')
        && let Some((code, after)) = after.split_once('`')
    {
        let _ = write!(out, "{}<code>{}</code>", to_html(before), to_html(code));
        rest = after;
    }
    out + &to_html(rest)
}

/// What may be wider than the page, in a box that is moved sideways by itself, with the arrow keys too: it can be reached by them, and is
/// named by the heading whose id is `heading`.
pub fn wide(heading: &str, inside: &str) -> String {
    format!(
        "<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-labelledby=\"{heading}\">{inside}</div>"
    )
}

/// The claims as a table; on a narrow page each row becomes a card with its own labels.
fn claims(claims: &[Judged]) -> String {
    let mut out = String::from(
        "<table class=\"claims\"><thead><tr><th>claim</th><th>measured</th><th>prediction</th>\
         <th>difference</th><th>agrees if</th><th>verdict</th></tr></thead><tbody>",
    );
    for claim in claims {
        let relative = claim.relative_error.map(percent);
        let z = claim
            .z_score
            .map(|z| format!("z = {}", plain((10.0 * z).round() / 10.0)));
        let paired = claim
            .difference_error
            .map(|error| format!("trial by trial ± {}", two_digits(error)));
        let difference: Vec<String> = relative.into_iter().chain(z).chain(paired).collect();
        let note = |words: &str| format!("<div class=\"note\">{}</div>", prose(words));
        let trials = match claim.trials {
            0 => String::new(),
            count => note(&format!("{count} trials")),
        };
        let reason = claim.reason.as_deref().map_or(String::new(), note);
        let beside = claim.side_by_side().as_deref().map_or(String::new(), note);
        let power = claim.power().as_deref().map_or(String::new(), note);
        let left_out = claim.left_out.as_deref();
        let left_out = left_out.map_or(String::new(), |seeds| note(&format!("left out: {seeds}")));
        let _ = write!(
            out,
            "<tr><td data-label=\"claim\">{}<div class=\"note\">{}</div></td>\
             <td data-label=\"measured\">{}{trials}{left_out}</td>\
             <td data-label=\"prediction\">{}<div class=\"note\">{}</div>{beside}</td>\
             <td data-label=\"difference\">{}</td><td data-label=\"agrees if\">{}{power}</td>\
             <td data-label=\"verdict\">{}{reason}</td></tr>",
            to_html(&claim.statement),
            to_html(&claim.source),
            to_html(&claim.measured.map_or(NONE.into(), |measured| with_error(
                measured,
                claim.standard_error
            ))),
            to_html(&claim.predicted.map_or(NONE.into(), plain)),
            to_html(&claim.predicted_by),
            to_html(&difference.join(", ")),
            to_html(&claim.tolerance.words(claim.standard_error.is_some())),
            chip(claim.verdict, None),
        );
    }
    out.push_str("</tbody></table>");
    if claims.iter().any(|claim| claim.beside_flow) {
        let _ = write!(out, "<p class=\"note\">{}</p>", to_html(LEAVES_OUT));
    }
    out
}

/// A verdict as a coloured word, with how often it came out if given.
pub fn chip(verdict: Verdict, count: Option<usize>) -> String {
    let class = match verdict {
        Verdict::Agrees => "agrees",
        Verdict::Disagrees => "disagrees",
        Verdict::NotAtThisBudget => "budget",
        Verdict::OutsideTheRange => "range",
        Verdict::NotMeasured => "unmeasured",
    };
    let count = count.map_or(String::new(), |count| format!("{count} "));
    format!(
        "<span class=\"chip {class}\">{count}{}</span>",
        to_html(&verdict.to_string())
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backticks_in_pairs_become_code() {
        let text = "As `predict <FILE>` and `flow` say.";
        let page = "As <code>predict &lt;FILE&gt;</code> and <code>flow</code> say.";
        assert_eq!(prose(text), page);
        assert_eq!(prose("a `b"), "a `b");
    }
}
