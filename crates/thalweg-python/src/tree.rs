//! Python's dictionaries, lists and numbers as the tree that a specification is read from.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PySequence, PyString, PyTuple};
use thalweg_lab::spec::Node;

/// The deepest that a specification may be: lists that hold themselves end here.
const DEEPEST: usize = 32;

/// `value`, which stands at `path`.
///
/// # Errors
/// `ValueError` where something is no number, text, list or table.
pub fn node(path: &str, value: &Bound<'_, PyAny>) -> PyResult<Node> {
    at(path, value, DEEPEST)
}

fn at(path: &str, value: &Bound<'_, PyAny>, depth: usize) -> PyResult<Node> {
    if depth == 0 {
        return Err(not(path, "nested too deeply"));
    }
    if value.is_none() {
        return Ok(Node::Null);
    }
    // A bool is an int in Python: it comes first.
    if let Ok(value) = value.cast::<PyBool>() {
        return Ok(Node::Bool(value.is_true()));
    }
    if let Ok(value) = value.cast::<PyInt>() {
        let whole = value.extract::<i128>();
        return whole
            .map(Node::Integer)
            .map_err(|_| not(path, "a whole number beyond 128 bits"));
    }
    if let Ok(value) = value.cast::<PyFloat>() {
        return Ok(Node::Float(value.extract()?));
    }
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(Node::Text(text.to_string_lossy().into_owned()));
    }
    if let Ok(table) = value.cast::<PyDict>() {
        return entries(path, table, depth);
    }
    // Arrays and their numbers, of numpy and others.
    if value.cast::<PyList>().is_err() && value.hasattr("tolist")? {
        let plain = value.call_method0("tolist");
        return at(
            path,
            &plain.map_err(|error| because(path, value, &error))?,
            depth - 1,
        );
    }
    if value.hasattr("__fspath__")? {
        return at(path, &value.call_method0("__fspath__")?, depth - 1);
    }
    if value.cast::<PyList>().is_ok()
        || value.cast::<PyTuple>().is_ok()
        || value.cast::<PySequence>().is_ok()
    {
        let mut items = Vec::new();
        for (index, item) in value.try_iter()?.enumerate() {
            items.push(at(&format!("{path}[{index}]"), &item?, depth - 1)?);
        }
        return Ok(Node::List(items));
    }
    Err(not(
        path,
        &format!("of type {}", value.get_type().name()?.to_string_lossy()),
    ))
}

fn entries(path: &str, table: &Bound<'_, PyDict>, depth: usize) -> PyResult<Node> {
    let mut entries = Vec::new();
    for (key, value) in table.iter() {
        let Ok(key) = key.cast::<PyString>() else {
            return Err(not(
                path,
                &format!("a table with the key {}, which is no text", key.repr()?),
            ));
        };
        let key = key.to_string_lossy().into_owned();
        let below = if path.is_empty() {
            key.clone()
        } else {
            format!("{path}.{key}")
        };
        entries.push((key, at(&below, &value, depth - 1)?));
    }
    Ok(Node::Table(entries))
}

fn not(path: &str, found: &str) -> PyErr {
    let path = if path.is_empty() {
        "specification"
    } else {
        path
    };
    PyValueError::new_err(format!(
        "`{path}` is {found}: a number, a text, a list or a table is needed"
    ))
}

fn because(path: &str, value: &Bound<'_, PyAny>, error: &PyErr) -> PyErr {
    let kind = value.get_type().name();
    let kind = kind.map_or_else(|_| "an object".into(), |name| name.to_string());
    not(
        path,
        &format!("of type {kind} ({})", error.value(value.py())),
    )
}
