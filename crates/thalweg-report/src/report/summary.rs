//! The first page of a reproduction's report: the summary in plain words.

use std::fmt::Write as _;

use super::section::prose;
use crate::plot::to_html;
use crate::results::{Paragraph, Results, Summary, summarise};

/// The summary of `results` as HTML.
pub fn summary(results: &Results) -> String {
    let Summary {
        opening,
        reproduced,
        not_reproduced,
        new,
    } = summarise(results);
    let mut out = String::from("<section class=\"words\"><h2>In plain words</h2><p>");
    out.push_str(&to_html(&opening.join(" ")));
    out.push_str("</p>");
    for (heading, paragraphs) in [
        ("What of the paper was reproduced", reproduced),
        ("What was not, and why", not_reproduced),
        ("What is new", new),
    ] {
        if !paragraphs.is_empty() {
            let _ = write!(out, "<h3>{heading}</h3><ul>{}</ul>", list(&paragraphs));
        }
    }
    out + "</section>"
}

fn list(paragraphs: &[Paragraph]) -> String {
    let item = |paragraph: &Paragraph| {
        format!(
            "<li><a href=\"#{}\">{}</a> {}</li>",
            to_html(&paragraph.id),
            to_html(&paragraph.says),
            prose(&paragraph.outcome.join(" "))
        )
    };
    paragraphs.iter().map(item).collect()
}
