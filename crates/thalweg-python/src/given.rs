//! Arguments that a specification has as fields, read as it reads them.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use thalweg::recipe::Recipe;
use thalweg_lab::spec::{self, Fault, Field, Node, RECIPE_FIELDS};

use crate::error::Failed;
use crate::tree;

/// Arguments by their names; `None` is one that was not given.
pub struct Given(Node);

impl Given {
    /// These.
    ///
    /// # Errors
    /// `ValueError` where one is no number, text, list or table.
    pub fn new(arguments: &[(&str, Option<&Bound<'_, PyAny>>)]) -> PyResult<Self> {
        let mut entries = Vec::new();
        for (name, value) in arguments {
            if let Some(value) = value {
                entries.push(((*name).to_owned(), tree::node(name, value)?));
            }
        }
        Ok(Self(Node::Table(entries)))
    }

    /// The list of numbers `name` alone.
    pub fn listed(name: &str, numbers: Vec<f64>) -> Self {
        let entry = (name.to_owned(), numbers.into_iter().collect());
        Self(Node::Table(vec![entry]))
    }

    /// What `read` makes of them.
    ///
    /// # Errors
    /// `ValueError` that names the argument.
    pub fn read<T>(&self, read: impl FnOnce(&Field<'_>) -> Result<T, Fault>) -> PyResult<T> {
        Ok(read(&Field::root(&self.0)).map_err(Failed::from)?)
    }

    /// The whole number `name`, if given.
    ///
    /// # Errors
    /// `ValueError` where it is none.
    pub fn count(&self, name: &str) -> PyResult<Option<u64>> {
        self.read(|root| root.optional(name).map(|field| field.count()).transpose())
    }

    /// η and B, both or neither.
    ///
    /// # Errors
    /// `ValueError` where one is out of its range, or alone.
    pub fn step(&self) -> PyResult<Option<(f64, usize)>> {
        match (self.read(spec::learning_rate)?, self.read(spec::batch)?) {
            (None, None) => Ok(None),
            (Some(rate), Some(batch)) => Ok(Some((rate, batch))),
            (Some(_), None) => Err(beside("batch", "learning_rate")),
            (None, Some(_)) => Err(beside("learning_rate", "batch")),
        }
    }

    /// The seconds `name` that something may take, if given: 0 or more.
    ///
    /// # Errors
    /// `ValueError` where they are none.
    pub fn seconds(&self, name: &str) -> PyResult<Option<f64>> {
        self.read(|root| {
            let Some(field) = root.optional(name) else {
                return Ok(None);
            };
            let seconds = field.number()?;
            if seconds >= 0.0 {
                return Ok(Some(seconds));
            }
            Err(field.not("a number of seconds from 0"))
        })
    }
}

/// One of two arguments that mean something together is missing.
fn beside(missing: &str, given: &str) -> PyErr {
    Failed::Input(format!(
        "`{missing}` is missing: it is needed beside `{given}`"
    ))
    .into()
}

/// What is added to plain SGD, by the names that a specification has for it.
///
/// # Errors
/// `TypeError` for a name that is none of them, `ValueError` where a value is of the wrong kind.
pub fn recipe(arguments: &Bound<'_, PyDict>) -> PyResult<Recipe> {
    let mut entries = Vec::new();
    for (name, value) in arguments {
        let name: String = name.extract()?;
        if !RECIPE_FIELDS.contains(&&*name) {
            let known = RECIPE_FIELDS.join(", ");
            return Err(PyTypeError::new_err(format!(
                "`{name}` is no argument; what may be added to plain SGD is {known}"
            )));
        }
        if !value.is_none() {
            entries.push((name.clone(), tree::node(&name, &value)?));
        }
    }
    Given(Node::Table(entries)).read(spec::recipe)
}
