//! The line of a file on which a field stands, for errors.

use std::collections::HashMap;
use std::fmt;

use serde_json::value::RawValue;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::file::Format;
use super::place::{Step, steps};

/// A line of a specification, as its file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpecLine {
    /// Its number in the file, from 1.
    pub number: usize,
    /// Without what stands around it.
    pub text: String,
}

/// Characters of a line that are shown.
const SHOWN: usize = 100;

impl fmt::Display for SpecLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start: String = self.text.chars().take(SHOWN).collect();
        let more = if start.len() < self.text.len() {
            "…"
        } else {
            ""
        };
        write!(f, "line {}: {start}{more}", self.number)
    }
}

/// The line in `text` on which the value at `path` begins, or the nearest table or list around it; nothing where that is
/// the whole file.
pub(super) fn of(text: &str, format: Format, path: &str) -> Option<SpecLine> {
    let steps = steps(path)?;
    let offset = (1..=steps.len()).rev().find_map(|length| match format {
        Format::Toml => in_toml(text, &steps[..length]),
        Format::Json => in_json(text, &steps[..length]),
    })?;
    let start = text[..offset].rfind('\n').map_or(0, |end| end + 1);
    Some(SpecLine {
        number: text[..offset].matches('\n').count() + 1,
        text: text[start..].lines().next()?.trim().to_owned(),
    })
}

/// Bytes before the value.
fn in_toml(text: &str, steps: &[Step<'_>]) -> Option<usize> {
    let (first, rest) = steps.split_first()?;
    let root = DeTable::parse(text).ok()?;
    let Step::Key(key) = first else {
        return None;
    };
    let mut value: &Spanned<DeValue<'_>> = root.get_ref().get(*key)?;
    for step in rest {
        value = match step {
            Step::Key(key) => value.get_ref().get(*key)?,
            Step::Index(index) => value.get_ref().get(*index)?,
        };
    }
    Some(value.span().start)
}

/// Bytes before the value: raw values are parts of the text.
fn in_json(text: &str, steps: &[Step<'_>]) -> Option<usize> {
    let mut here: &str = text;
    for step in steps {
        let below: &RawValue = match step {
            Step::Key(key) => serde_json::from_str::<HashMap<String, &RawValue>>(here)
                .ok()?
                .remove(*key)?,
            Step::Index(index) => serde_json::from_str::<Vec<&RawValue>>(here)
                .ok()?
                .get(*index)?,
        };
        here = below.get();
    }
    Some(here.as_ptr().addr() - text.as_ptr().addr())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOML: &str = "depth = 2 # here\n\n[data]\nnoise = { kind = \"x\" }\n[problem]\nteacher = [\n  [1, 2],\n  [3, 4],\n]\n";
    const JSON: &str = "{\n \"depth\": 2,\n \"problem\": {\"teacher\": [[1, 2],\n  [3, 4]]}\n}";

    fn found(text: &str, format: Format, path: &str) -> Option<(usize, String)> {
        of(text, format, path).map(|line| (line.number, line.text))
    }

    #[test]
    fn values_are_found_where_they_begin() {
        for (path, number, text) in [
            ("depth", 1, "depth = 2 # here"),
            ("data.noise.kind", 4, "noise = { kind = \"x\" }"),
            ("problem.teacher", 6, "teacher = ["),
            ("problem.teacher[1][0]", 8, "[3, 4],"),
        ] {
            let expected = Some((number, text.to_owned()));
            assert_eq!(found(TOML, Format::Toml, path), expected, "{path}");
        }
        for (path, number, text) in [
            ("depth", 2, "\"depth\": 2,"),
            (
                "problem.teacher[0]",
                3,
                "\"problem\": {\"teacher\": [[1, 2],",
            ),
            ("problem.teacher[1][1]", 4, "[3, 4]]}"),
        ] {
            let expected = Some((number, text.to_owned()));
            assert_eq!(found(JSON, Format::Json, path), expected, "{path}");
        }
    }

    /// What is missing is looked for where it should be.
    #[test]
    fn what_is_not_there_has_the_line_of_what_is_around_it() {
        let line = found(JSON, Format::Json, "problem.depth").unwrap();
        assert_eq!(line.0, 3);
        assert_eq!(found(TOML, Format::Toml, "data.seed").unwrap().0, 3);
        assert_eq!(found(TOML, Format::Toml, "batch"), None);
    }

    #[test]
    fn long_lines_are_cut() {
        let line = SpecLine {
            number: 3,
            text: "é".repeat(200),
        };
        assert_eq!(line.to_string(), format!("line 3: {}…", "é".repeat(100)));
    }
}
