//! Typed access to one field of a specification, with errors that name its path.

use std::borrow::Cow;

use super::error::{Advice, Fault};
use super::node::{Node, join};

/// A value and where it stands.
#[derive(Clone, Debug)]
pub struct Field<'a> {
    path: String,
    node: &'a Node,
}

impl<'a> Field<'a> {
    /// The whole file.
    pub fn root(node: &'a Node) -> Self {
        Self {
            path: String::new(),
            node,
        }
    }

    /// `node`, of which errors speak as `path`.
    pub fn at(path: &str, node: &'a Node) -> Self {
        Self {
            path: path.to_owned(),
            node,
        }
    }

    /// What stands there.
    pub fn node(&self) -> &'a Node {
        self.node
    }

    /// Where it stands in the file, `problem.teacher[0][1]` for example.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The error that this is not what is needed.
    pub fn not(&self, needed: impl Into<String>) -> Fault {
        Fault::Value {
            field: self.path.clone(),
            found: self.node.to_string(),
            needed: needed.into(),
        }
    }

    /// The fault that it is not what it should be, with what to give in a sentence: `give two axes or more`.
    pub fn wrong(&self, advice: impl Into<String>) -> Fault {
        Fault::Advised {
            field: self.path.clone(),
            found: self.node.to_string(),
            advice: advice.into(),
        }
    }

    /// The entry `key`, if there is one that is not null.
    pub fn optional(&self, key: &str) -> Option<Field<'a>> {
        let node = self.node.get(key).filter(|node| **node != Node::Null)?;
        Some(Field {
            path: join(&self.path, key),
            node,
        })
    }

    /// The entry `key`, or the error that says what it should be.
    pub fn required(&self, key: &str, needed: &str) -> Result<Field<'a>, Fault> {
        self.optional(key).ok_or_else(|| Fault::Missing {
            field: join(&self.path, key),
            needed: needed.to_owned(),
        })
    }

    /// Refuses every key of this table that is not in `known`.
    pub fn only(&self, known: &[&'static str]) -> Result<(), Fault> {
        self.only_besides(known, &[])
    }

    /// Refuses every key that is neither in `known` nor in `ignored`; advice names `known` alone.
    pub fn only_besides(
        &self,
        known: &[&'static str],
        ignored: &[&'static str],
    ) -> Result<(), Fault> {
        let Node::Table(entries) = self.node else {
            return Err(self.not("a table"));
        };
        let unknown = |(key, _): &&(String, Node)| {
            !known.contains(&key.as_str()) && !ignored.contains(&key.as_str())
        };
        match entries.iter().find(unknown) {
            None => Ok(()),
            Some((key, _)) => Err(Fault::Unknown {
                field: join(&self.path, &beginning(key)),
                advice: Advice::new(key, known),
            }),
        }
    }

    /// A finite number, written as an integer or not.
    pub fn number(&self) -> Result<f64, Fault> {
        match self.node {
            Node::Integer(value) => Ok(*value as f64),
            Node::Float(value) if value.is_finite() => Ok(*value),
            Node::Float(_) => Err(self.not("a finite number")),
            _ => Err(self.not("a number")),
        }
    }

    /// A whole number from 0 to `i64::MAX`, which is what TOML can hold; `1e5` counts as whole.
    pub fn count(&self) -> Result<u64, Fault> {
        // 2⁶³ is the first f64 above the range, so `<` is exact.
        const END: f64 = (1u64 << 63) as f64;
        let value = match self.node {
            Node::Integer(value) => i64::try_from(*value).ok(),
            Node::Float(value) if value.fract() == 0.0 && value.abs() < END => Some(*value as i64),
            _ => None,
        };
        value
            .and_then(|value| u64::try_from(value).ok())
            .ok_or_else(|| self.not("a whole number, 0 or more and below 2^63,"))
    }

    /// [`Field::count`] for a size in memory.
    pub fn size(&self) -> Result<usize, Fault> {
        usize::try_from(self.count()?).map_err(|_| self.not("a smaller number"))
    }

    /// The field as `true` or `false`.
    pub fn flag(&self) -> Result<bool, Fault> {
        match self.node {
            Node::Bool(value) => Ok(*value),
            _ => Err(self.not("true or false")),
        }
    }

    /// The field as a text.
    pub fn text(&self) -> Result<&'a str, Fault> {
        match self.node {
            Node::Text(text) => Ok(text),
            _ => Err(self.not("a text")),
        }
    }

    /// The items of a list, each with its own path.
    pub fn list(&self, needed: &str) -> Result<Vec<Field<'a>>, Fault> {
        let Node::List(items) = self.node else {
            return Err(self.not(needed));
        };
        Ok(items
            .iter()
            .enumerate()
            .map(|(index, node)| Field {
                path: format!("{}[{index}]", self.path),
                node,
            })
            .collect())
    }

    /// A list of finite numbers.
    pub fn numbers(&self) -> Result<Vec<f64>, Fault> {
        let items = self.list("a list of numbers")?;
        items.iter().map(Field::number).collect()
    }

    /// One of several kinds, each with the fields it may have beside `kind`: a table with a `kind`, or
    /// the kind's name alone.
    pub(crate) fn kind<'k>(&self, kinds: &[Tagged<'k>]) -> Result<Tagged<'k>, Fault> {
        Ok(kinds[self.kind_number(kinds)?])
    }

    /// [`Field::kind`] by its number in `kinds`.
    pub(crate) fn kind_number(&self, kinds: &[Tagged<'_>]) -> Result<usize, Fault> {
        let names: Vec<_> = kinds
            .iter()
            .map(|(name, _)| format!("\"{name}\""))
            .collect();
        let needed = format!("one of {}", names.join(", "));
        let name = match self.node {
            Node::Table(_) => self.required("kind", &needed)?,
            Node::Text(_) => self.clone(),
            _ => return Err(self.not(format!("{needed}, or a table with such a `kind`,"))),
        };
        let found = name.text()?;
        let Some(number) = kinds.iter().position(|(kind, _)| *kind == found) else {
            return Err(name.not(needed));
        };
        if let Node::Table(_) = self.node {
            self.only(&[&["kind"], kinds[number].1].concat())?;
        }
        Ok(number)
    }
}

/// Enough of `key` to find it by, and to set it beside known ones.
fn beginning(key: &str) -> Cow<'_, str> {
    const SHOWN: usize = 60;
    match key.char_indices().nth(SHOWN) {
        None => key.into(),
        Some((end, _)) => format!("{}…", &key[..end]).into(),
    }
}

/// The word of an enum's variant, and the fields that go with it. One constant of each serves reading, writing and an
/// error's list of choices.
pub(crate) type Tagged<'a> = (&'static str, &'a [&'static str]);
