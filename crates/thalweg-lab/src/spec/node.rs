//! The one tree that TOML and JSON files are both read into, and resolved specifications are written from.

use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::ser::{Error as _, Serialize, SerializeMap, Serializer};

/// A value as it stands in a file: duplicates are refused, the order of keys is kept.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// JSON's `null`; TOML has none.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number without a point.
    Integer(i128),
    /// A number with a point or an exponent.
    Float(f64),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A table: keys with their values, each key once.
    Table(Vec<(String, Node)>),
}

impl Node {
    /// The entry `key` of a table.
    pub fn get(&self, key: &str) -> Option<&Node> {
        match self {
            Self::Table(entries) => entries
                .iter()
                .find(|(name, _)| name == key)
                .map(|(_, value)| value),
            _ => None,
        }
    }

    /// [`Node::get`], to change.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        match self {
            Self::Table(entries) => entries
                .iter_mut()
                .find(|(name, _)| name == key)
                .map(|(_, value)| value),
            _ => None,
        }
    }

    /// Every scalar below this node with its path, `problem.teacher[0][1]` for example.
    pub fn leaves(&self) -> Vec<(String, &Node)> {
        let mut leaves = Vec::new();
        self.collect_leaves(String::new(), &mut leaves);
        leaves
    }

    fn collect_leaves<'a>(&'a self, path: String, leaves: &mut Vec<(String, &'a Node)>) {
        match self {
            Self::List(items) if !items.is_empty() => {
                for (index, item) in items.iter().enumerate() {
                    item.collect_leaves(format!("{path}[{index}]"), leaves);
                }
            }
            Self::Table(entries) if !entries.is_empty() => {
                for (key, value) in entries {
                    value.collect_leaves(join(&path, key), leaves);
                }
            }
            _ => leaves.push((path, self)),
        }
    }

    /// Takes the entry `key` out of a table, if there is one.
    pub fn remove(&mut self, key: &str) {
        if let Self::Table(entries) = self {
            entries.retain(|(name, _)| name != key);
        }
    }

    /// Adds an entry to a table.
    pub fn put(&mut self, key: &str, value: Node) {
        if let Self::Table(entries) = self {
            entries.push((key.to_owned(), value));
        }
    }
}

/// `path.key`, or `key` at the top of a file.
pub fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

/// What an error message says was found: the value if it is short, its kind and size if not.
impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Integer(value) => write!(f, "{value}"),
            Self::Float(value) => write!(f, "{value:?}"),
            Self::Text(text) => {
                const SHOWN: usize = 40;
                if text.chars().count() > SHOWN {
                    let start: String = text.chars().take(SHOWN).collect();
                    write!(f, "{start:?}… (a text of {} bytes)", text.len())
                } else {
                    write!(f, "{text:?}")
                }
            }
            Self::List(items) if items.is_empty() => f.write_str("an empty list"),
            Self::List(items) => write!(f, "a list of length {}", items.len()),
            Self::Table(entries) if entries.is_empty() => f.write_str("an empty table"),
            Self::Table(entries) => {
                write!(f, "a table with the key `{}`", entries[0].0)?;
                match entries.len() {
                    1 => Ok(()),
                    more => write!(f, " and {} more", more - 1),
                }
            }
        }
    }
}

macro_rules! node_from {
    ($($from:ty => $variant:ident as $to:ty),+ $(,)?) => {
        $(impl From<$from> for Node {
            fn from(value: $from) -> Self {
                Self::$variant(<$to>::from(value))
            }
        })+
    };
}
node_from!(bool => Bool as bool, f64 => Float as f64, u64 => Integer as i128, &str => Text as String);

impl From<usize> for Node {
    fn from(value: usize) -> Self {
        Self::Integer(value as i128)
    }
}

impl<T: Into<Node>> From<Vec<T>> for Node {
    fn from(values: Vec<T>) -> Self {
        values.into_iter().collect()
    }
}

impl<T: Into<Node>> FromIterator<T> for Node {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Self::List(items.into_iter().map(Into::into).collect())
    }
}

impl<const N: usize> From<[(&str, Node); N]> for Node {
    fn from(entries: [(&str, Node); N]) -> Self {
        Self::Table(
            entries
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect(),
        )
    }
}

impl Serialize for Node {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            // Neither format holds more than 64 bits.
            Self::Integer(value) => match i64::try_from(*value) {
                Ok(value) => serializer.serialize_i64(value),
                Err(_) => Err(S::Error::custom("an integer beyond 64 bits")),
            },
            Self::Float(value) => serializer.serialize_f64(*value),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(items) => items.serialize(serializer),
            Self::Table(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, a text, a list or a table")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Integer(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Integer(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut table: Vec<(String, Node)> = Vec::new();
        let mut taken = HashSet::new();
        while let Some(key) = entries.next_key::<String>()? {
            if !taken.insert(key.clone()) {
                return Err(A::Error::custom(format_args!(
                    "the key `{key}` stands twice"
                )));
            }
            table.push((key, entries.next_value()?));
        }
        Ok(Node::Table(table))
    }
}
