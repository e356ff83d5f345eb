//! Raised and lowered writing: `10^{3}` and `T_{min}` split into runs.

/// Letters at one height.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The letters.
    pub letters: String,
    /// Where they stand.
    pub height: Height,
}

/// Where a run stands against the baseline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Height {
    /// On it.
    Base,
    /// Above, smaller.
    Raised,
    /// Below, smaller.
    Lowered,
}

impl Height {
    /// Letter size against the base size.
    pub fn scale(self) -> f64 {
        if self == Self::Base { 1.0 } else { 0.72 }
    }

    /// How far the baseline sinks, in base sizes.
    pub fn sink(self) -> f64 {
        match self {
            Self::Base => 0.0,
            Self::Raised => -0.36,
            Self::Lowered => 0.2,
        }
    }
}

/// The runs of `text`. A `^` or `_` without a brace, or an unclosed brace, stands for itself.
pub fn runs(text: &str) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let marked = [("^{", Height::Raised), ("_{", Height::Lowered)]
            .into_iter()
            .filter_map(|(mark, height)| {
                let open = rest.find(mark)?;
                let close = open + rest[open..].find('}')?;
                Some((open, close, height))
            })
            .min_by_key(|&(open, _, _)| open);
        let Some((open, close, height)) = marked else {
            push(&mut runs, rest, Height::Base);
            break;
        };
        push(&mut runs, &rest[..open], Height::Base);
        push(&mut runs, &rest[open + 2..close], height);
        rest = &rest[close + 1..];
    }
    runs
}

fn push(runs: &mut Vec<Run>, letters: &str, height: Height) {
    if !letters.is_empty() {
        runs.push(Run {
            letters: letters.to_owned(),
            height,
        });
    }
}

/// `text` as HTML, its special characters escaped.
pub fn to_html(text: &str) -> String {
    runs(text)
        .into_iter()
        .map(|run| {
            let letters = escape(&run.letters);
            match run.height {
                Height::Base => letters,
                Height::Raised => format!("<sup>{letters}</sup>"),
                Height::Lowered => format!("<sub>{letters}</sub>"),
            }
        })
        .collect()
}

/// `text` safe inside XML and HTML, in elements as in attributes.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            // XML has no place for other control characters, not even escaped.
            c if c.is_control() && c != '\n' && c != '\t' => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_become_runs_and_stray_marks_stay() {
        let heights = |text: &str| -> Vec<(String, Height)> {
            runs(text)
                .into_iter()
                .map(|r| (r.letters, r.height))
                .collect()
        };
        assert_eq!(
            heights("T_{min} ~ 10^{3}"),
            [
                ("T".to_owned(), Height::Base),
                ("min".to_owned(), Height::Lowered),
                (" ~ 10".to_owned(), Height::Base),
                ("3".to_owned(), Height::Raised),
            ]
        );
        assert_eq!(
            heights("a_b ^{open"),
            [("a_b ^{open".to_owned(), Height::Base)]
        );
        assert!(runs("").is_empty());
    }

    #[test]
    fn html_is_escaped_inside_runs_too() {
        assert_eq!(
            to_html("<b>&\"' x^{<i>}"),
            "&lt;b&gt;&amp;&quot;&#39; x<sup>&lt;i&gt;</sup>"
        );
        assert_eq!(escape("a\u{1}b"), "a\u{fffd}b");
    }
}
