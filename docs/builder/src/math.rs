//! Replaces the TeX formulas of a Markdown page by MathML.

use pulldown_cmark::{Event, Options, Parser};
use pulldown_latex::config::DisplayMode;
use pulldown_latex::{RenderConfig, Storage, push_mathml};

use crate::breaks::parts;

/// A formula that could not be read.
#[derive(Debug, thiserror::Error)]
#[error("the formula `{formula}` cannot be rendered: {reason}")]
pub struct MathError {
    formula: String,
    reason: String,
}

/// `markdown` with each `$…$` and `$$…$$` replaced by a `<math>` element.
///
/// # Errors
/// When a formula is not TeX that the renderer knows.
pub fn to_mathml(markdown: &str) -> Result<String, MathError> {
    let mut page = String::with_capacity(2 * markdown.len());
    let mut copied = 0;
    let options = Options::ENABLE_MATH | Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES;
    for (event, range) in Parser::new_ext(markdown, options).into_offset_iter() {
        let (formula, display_mode) = match event {
            Event::InlineMath(formula) => (formula, DisplayMode::Inline),
            Event::DisplayMath(formula) => (formula, DisplayMode::Block),
            _ => continue,
        };
        page.push_str(&markdown[copied..range.start]);
        page.push_str(&protected(&element(&formula, display_mode)?));
        copied = range.end;
    }
    page.push_str(&markdown[copied..]);
    Ok(page)
}

fn element(formula: &str, display_mode: DisplayMode) -> Result<String, MathError> {
    let failure = |reason: String| MathError {
        formula: formula.to_owned(),
        reason,
    };
    let storage = Storage::new();
    let events = pulldown_latex::Parser::new(formula, &storage)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| failure(error.to_string()))?;
    let config = RenderConfig {
        display_mode,
        ..RenderConfig::default()
    };
    let parts = match display_mode {
        DisplayMode::Inline => parts(events),
        DisplayMode::Block => vec![events],
    };
    let mut mathml = String::new();
    for part in parts {
        let events = part.into_iter().map(Ok::<_, std::convert::Infallible>);
        push_mathml(&mut mathml, events, config).map_err(|error| failure(error.to_string()))?;
    }
    // pulldown-latex 0.8.0 forgets a space in the sized delimiters (\\bigl and its kin).
    let mathml = mathml.replace("\"minsize=", "\" minsize=");
    Ok(match display_mode {
        DisplayMode::Inline => mathml,
        DisplayMode::Block => format!("<span class=\"formula\">{mathml}</span>"),
    })
}

/// The element with every character that Markdown would read as its own written as an entity.
fn protected(mathml: &str) -> String {
    let mut safe = String::with_capacity(mathml.len());
    let mut in_tag = false;
    for character in mathml.chars() {
        match character {
            '<' => in_tag = true,
            '>' if in_tag => {
                in_tag = false;
                safe.push('>');
                continue;
            }
            '\n' => continue,
            _ => {}
        }
        if !in_tag && "*_[]()\\`~|!'\"-.:".contains(character) {
            safe.push_str(&format!("&#{};", u32::from(character)));
        } else {
            safe.push(character);
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_become_mathml_and_the_rest_stays() {
        let page = to_mathml("Before $W_k^\\top$ after `$x$`.\n\n$$\\sum_k a_k$$\n").unwrap();
        assert!(page.starts_with("Before <math"));
        assert!(page.contains("</math> after `$x$`.\n\n<span class=\"formula\"><math display"));
        assert!(page.ends_with("</math></span>\n"));
    }

    #[test]
    fn a_formula_in_a_line_is_cut_and_one_on_its_own_is_not() {
        let page = to_mathml("$a = b$ and\n\n$$a = b$$\n").unwrap();
        assert_eq!(page.matches("<math").count(), 3, "{page}");
        assert!(page.contains("</mo></math><math"), "{page}");
    }

    #[test]
    fn sized_delimiters_are_elements() {
        let page = to_mathml("$\\Bigl( x \\Bigr)^2$").unwrap();
        assert!(page.contains("stretchy=\"true\" minsize="), "{page}");
    }

    #[test]
    fn an_unknown_command_is_an_error_that_names_the_formula() {
        let error = to_mathml("$\\nonsense{x}$").unwrap_err();
        assert!(error.to_string().contains("\\nonsense{x}"), "{error}");
    }

    #[test]
    fn markdown_does_not_see_inside() {
        let page = to_mathml("| a |\n|---|\n| $a \\mid b * c$ |\n").unwrap();
        let cell = page.lines().nth(2).unwrap();
        assert!(!cell.contains('*'), "{cell}");
        assert_eq!(cell.matches('|').count(), 2, "{cell}");
    }
}
