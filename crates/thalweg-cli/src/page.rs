//! Text for a terminal: headings, aligned tables, wrapped paragraphs.

use std::fmt::Write as _;
use std::io::IsTerminal;

use thalweg::problem::{Caveat, Problem};
use thalweg::words::counted;
use thalweg_lab::answer::CONVENTION;

/// A column's side.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// Rows of cells in aligned columns.
pub struct Table {
    align: Vec<Align>,
    rows: Vec<Vec<String>>,
    headed: bool,
}

impl Table {
    /// An empty table without a header row.
    pub fn new(align: &[Align]) -> Self {
        Self {
            align: align.to_vec(),
            rows: Vec::new(),
            headed: false,
        }
    }

    /// An empty table under the given column heads.
    pub fn with_heads(heads: &[(&str, Align)]) -> Self {
        Self {
            align: heads.iter().map(|&(_, align)| align).collect(),
            rows: vec![heads.iter().map(|&(head, _)| head.into()).collect()],
            headed: true,
        }
    }

    /// One more row; missing cells at its end are empty.
    pub fn row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// The lines, indented by two spaces and without trailing ones.
    fn lines(&self) -> Vec<String> {
        let mut widths = vec![0; self.align.len()];
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let line = |row: &Vec<String>| {
            let mut line = String::new();
            for ((cell, &width), &align) in row.iter().zip(&widths).zip(&self.align) {
                let padding = " ".repeat(width - cell.chars().count());
                let (before, after) = match align {
                    Align::Left => ("", padding.as_str()),
                    Align::Right => (padding.as_str(), ""),
                };
                let _ = write!(line, "  {before}{cell}{after}");
            }
            line.trim_end().to_owned()
        };
        self.rows.iter().map(line).collect()
    }
}

/// A text made of headings, tables and paragraphs.
pub struct Page {
    text: String,
    emphasis: bool,
    columns: usize,
}

impl Page {
    /// An empty page for standard output: bold headings on a terminal alone and not under `NO_COLOR`.
    pub fn for_output() -> Self {
        let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        let emphasis = std::io::stdout().is_terminal() && !set("NO_COLOR") && !dumb;
        let columns = console::Term::stdout()
            .size_checked()
            .map_or(80, |(_, columns)| columns.into());
        Self::new(emphasis, columns)
    }

    /// An empty page; `emphasis` makes headings bold, `columns` is where paragraphs wrap.
    fn new(emphasis: bool, columns: usize) -> Self {
        Self {
            text: String::new(),
            emphasis,
            columns,
        }
    }

    /// A heading, with an empty line before it unless it is the first.
    pub fn heading(&mut self, words: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.strong(words);
    }

    /// What is being solved, and how its loss is counted.
    pub fn problem(&mut self, problem: &Problem) {
        let (depth, widths) = (problem.depth(), problem.widths());
        let layers = counted(depth, "layer");
        let shape = if depth <= 8 {
            let widths: Vec<_> = widths.iter().map(usize::to_string).collect();
            widths.join(" → ")
        } else {
            let widest = widths[1..depth].iter().max().unwrap_or(&0);
            format!(
                "{} → … (up to {widest} wide) → {}",
                widths[0], widths[depth]
            )
        };
        let mut table = Table::new(&[Align::Left, Align::Left]);
        table.row([
            "network",
            &format!("{layers}, {shape}, {} weights", problem.parameters()),
        ]);
        table.row(["loss", CONVENTION]);
        self.heading("Problem");
        self.table(&table);
        self.notes(problem.caveats());
    }

    /// A paragraph for each.
    pub fn notes(&mut self, caveats: &[Caveat]) {
        for caveat in caveats {
            self.paragraph(&format!("Note: {caveat}."));
        }
    }

    /// A table.
    pub fn table(&mut self, table: &Table) {
        for (i, line) in table.lines().iter().enumerate() {
            if i == 0 && table.headed {
                self.strong(line);
            } else {
                self.text.push_str(line);
                self.text.push('\n');
            }
        }
    }

    /// A paragraph, wrapped and indented by two spaces.
    pub fn paragraph(&mut self, words: &str) {
        self.wrapped("  ", words);
    }

    /// What belongs to the paragraph above it, indented further.
    pub fn detail(&mut self, words: &str) {
        self.wrapped("      ", words);
    }

    fn wrapped(&mut self, indent: &str, words: &str) {
        let mut line = String::new();
        let room = self.columns.saturating_sub(indent.len());
        for word in words.split_whitespace() {
            if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > room {
                let _ = writeln!(self.text, "{indent}{line}");
                line.clear();
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
        let _ = writeln!(self.text, "{indent}{line}");
    }

    fn strong(&mut self, line: &str) {
        let _ = if self.emphasis {
            writeln!(self.text, "\u{1b}[1m{line}\u{1b}[0m")
        } else {
            writeln!(self.text, "{line}")
        };
    }

    /// The finished text.
    pub fn finish(self) -> String {
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_whatever_the_alphabet() {
        let mut table = Table::with_heads(&[("λ", Align::Left), ("value", Align::Right)]);
        table.row(["√Σε", "1"]);
        table.row(["T", "12.5"]);
        let mut page = Page::new(false, 80);
        page.table(&table);
        assert_eq!(page.finish(), "  λ    value\n  √Σε      1\n  T     12.5\n");
    }

    #[test]
    fn paragraphs_wrap_at_the_columns() {
        let mut page = Page::new(true, 12);
        page.heading("Hm");
        page.paragraph("one two three four");
        assert_eq!(
            page.finish(),
            "\u{1b}[1mHm\u{1b}[0m\n  one two\n  three four\n"
        );
    }
}
