//! What can be wrong with a specification file, said so that a person can mend it.

use std::fmt;
use std::path::{Display, Path, PathBuf};

use thalweg::problem::{ProblemError, WeightsError};

use super::line::SpecLine;
use crate::memory::TooLittle;

/// A specification file that cannot be used, and why.
#[derive(Debug, thiserror::Error)]
#[error("{}: {fault}{}", shown(path), beside(line.as_deref()))]
pub struct SpecError {
    /// The file; `-` is standard input.
    pub path: PathBuf,
    /// What is wrong with it.
    #[source]
    pub fault: Fault,
    /// Where that stands in the file.
    pub line: Option<Box<SpecLine>>,
}

impl SpecError {
    /// The error that the file `path` has `fault`, of which no line can be shown.
    pub(crate) fn new(path: &Path, fault: Fault) -> Self {
        Self {
            path: path.to_owned(),
            fault,
            line: None,
        }
    }
}

fn beside(line: Option<&SpecLine>) -> String {
    line.map(|line| format!("\n{line}")).unwrap_or_default()
}

fn shown(path: &Path) -> Display<'_> {
    if path == Path::new("-") {
        Path::new("standard input").display()
    } else {
        path.display()
    }
}

/// What is wrong with a specification.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The file could not be read.
    #[error("cannot be read: {0}")]
    Unreadable(#[source] std::io::Error),
    /// The path is a directory.
    #[error("is a directory; give a TOML or JSON file")]
    Directory,
    /// The path is a named pipe, which another program may never write.
    #[error("is a named pipe; give a TOML or JSON file, or `-` with the pipe as standard input")]
    NamedPipe,
    /// The file holds more than any specification can need.
    #[error("is larger than {} MiB, the most a specification may be", limit >> 20)]
    TooLarge {
        /// The most that is read, bytes.
        limit: u64,
    },
    /// What it describes needs more memory than there is.
    #[error(transparent)]
    Memory(#[from] TooLittle),
    /// The file is not text.
    #[error("is not UTF-8 text: the byte at offset {offset} does not belong to any character")]
    NotText {
        /// Bytes before the first bad one.
        offset: usize,
    },
    /// Nothing but white space.
    #[error("is empty; a problem or an experiment is needed")]
    Empty,
    /// Not TOML, or not JSON.
    #[error("is not valid {format}: {message}")]
    Syntax {
        /// Which of the two it was read as.
        format: &'static str,
        /// The parser's words, with the place.
        message: String,
    },
    /// A field holds something else than it should.
    #[error("`{field}` is {found}: {needed} is needed")]
    Value {
        /// Its path, `noise_covariance[1][0]` for example; lists count from 0.
        field: String,
        /// What stands there.
        found: String,
        /// What would be right.
        needed: String,
    },
    /// A field holds something else than it should, and what to do needs a sentence of its own.
    #[error("`{field}` is {found}: {advice}")]
    Advised {
        /// Its path.
        field: String,
        /// What stands there, or that it is missing.
        found: String,
        /// What to give.
        advice: String,
    },
    /// A field that must be given is not.
    #[error("`{field}` is missing: {needed} is needed")]
    Missing {
        /// Its path.
        field: String,
        /// What would be right.
        needed: String,
    },
    /// A field to be changed cannot be there.
    #[error(
        "`{field}` cannot be set: a path may name tables, and entries that a list already has, as in `network.hidden[0]`"
    )]
    Place {
        /// Its path as given.
        field: String,
    },
    /// A field that means nothing here.
    #[error("`{field}` is not a field of a specification: {advice}")]
    Unknown {
        /// Its path.
        field: String,
        /// The nearest known names, or all of them.
        advice: Advice,
    },
    /// A file that another command takes.
    #[error("`{field}` belongs to {what}: give this file to {commands}")]
    OtherKind {
        /// What tells.
        field: &'static str,
        /// What the file describes.
        what: &'static str,
        /// Which takes it.
        commands: &'static str,
    },
    /// Two fields that say the same thing.
    #[error("`{first}` and `{second}` are both given; give one of them")]
    Conflict {
        /// The one that is named first.
        first: String,
        /// The other.
        second: String,
    },
    /// The fields are well-formed, but the problem they describe is not one.
    #[error(transparent)]
    Problem(#[from] ProblemError),
    /// The start does not fit the problem.
    #[error("start_weights: {0}")]
    Weights(#[from] WeightsError),
}

impl Fault {
    /// The paths at which the field that it is about may stand, the likeliest first.
    pub(crate) fn places(&self) -> Vec<String> {
        match self {
            Self::Value { field, .. }
            | Self::Advised { field, .. }
            | Self::Missing { field, .. }
            | Self::Unknown { field, .. }
            | Self::Conflict { first: field, .. } => vec![field.clone()],
            Self::Problem(error) => {
                let (field, entry) = error.place();
                let entry = entry.map(|(row, column)| format!("[{}][{}]", row - 1, column - 1));
                let name = format!("{field}{}", entry.unwrap_or_default());
                vec![format!("problem.{name}"), name]
            }
            Self::Weights(_) => vec!["start_weights".to_owned()],
            _ => Vec::new(),
        }
    }
}

/// Which fields there are instead of an unknown one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advice {
    /// Known names, the nearest first.
    pub names: Vec<&'static str>,
    /// Whether they are near enough to be what was meant.
    pub near: bool,
}

impl Advice {
    /// The names in `known` within two edits of `given`, or a third of their length, or of which one holds the other; or else all
    /// of them.
    pub(crate) fn new(given: &str, known: &[&'static str]) -> Self {
        let most = |name: &str| (name.len() / 3).max(2);
        let mut near: Vec<_> = known
            .iter()
            // An edit changes the length by four bytes at most: a long key is not compared letter by letter.
            .filter(|name| given.len().abs_diff(name.len()) <= 4 * most(name))
            .map(|name| (edits(given, name), *name))
            .filter(|(distance, name)| *distance <= most(name) || holds(given, name))
            .collect();
        near.sort_unstable();
        if near.is_empty() {
            Self {
                names: known.to_vec(),
                near: false,
            }
        } else {
            Self {
                names: near.into_iter().take(3).map(|(_, name)| name).collect(),
                near: true,
            }
        }
    }
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.names.len() > IN_A_SENTENCE {
            return f.write_str(&listed(&self.names));
        }
        f.write_str(if self.near {
            "did you mean "
        } else {
            "the fields here are "
        })?;
        for (index, name) in self.names.iter().enumerate() {
            let separator = match index {
                0 => "",
                _ if self.near => " or ",
                _ => ", ",
            };
            write!(f, "{separator}`{name}`")?;
        }
        f.write_str(if self.near { "?" } else { "" })
    }
}

/// So many names are read in a sentence; more are looked up, as in a list.
const IN_A_SENTENCE: usize = 8;

/// Letters of a line of such a list.
const LINE: usize = 72;

/// `names` in alphabetical order, in lines of their own.
fn listed(names: &[&str]) -> String {
    let mut names = names.to_vec();
    names.sort_unstable();
    let mut lines = vec!["the fields here are, in alphabetical order,".to_owned()];
    let mut line = String::new();
    for name in names {
        if !line.is_empty() && line.len() + 2 + name.len() > LINE {
            lines.push(format!("  {line},"));
            line.clear();
        }
        if !line.is_empty() {
            line += ", ";
        }
        line += name;
    }
    lines.push(format!("  {line}"));
    lines.join("\n")
}

/// Whether one of the two names holds the other, as `batch_size` does `batch`; a few letters are in many names.
fn holds(one: &str, other: &str) -> bool {
    let shorter = one.len().min(other.len());
    shorter > 3 && (one.contains(other) || other.contains(one))
}

/// Levenshtein's distance, one row at a time.
fn edits(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_levenshtein() {
        assert_eq!(edits("kitten", "sitting"), 3);
        assert_eq!(edits("", "abc"), 3);
        assert_eq!(edits("depth", "depth"), 0);
    }

    #[test]
    fn advice_names_the_near_or_all() {
        let known = ["depth", "teacher", "noise_covariance"];
        let near = Advice::new("noise_covarience", &known).to_string();
        assert_eq!(near, "did you mean `noise_covariance`?");
        let longer = Advice::new("batch_size", &["batch", "steps"]).to_string();
        assert_eq!(longer, "did you mean `batch`?");
        let far = Advice::new("zzz", &known).to_string();
        assert_eq!(
            far,
            "the fields here are `depth`, `teacher`, `noise_covariance`"
        );
        // More than can be read in a sentence.
        let many = [
            "warmup_steps",
            "learning_rate",
            "batch",
            "momentum",
            "weight_decay",
            "label_smoothing",
            "hidden_dropout",
            "attention_dropout",
            "clipping",
        ];
        assert_eq!(
            Advice::new("zzz", &many).to_string(),
            "the fields here are, in alphabetical order,\n  \
             attention_dropout, batch, clipping, hidden_dropout, label_smoothing,\n  \
             learning_rate, momentum, warmup_steps, weight_decay"
        );
    }
}
