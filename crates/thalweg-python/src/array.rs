//! numpy's arrays in and out. What comes in may be of any type of numbers and lie in memory in any way.

use faer::{Mat, MatRef};
use numpy::{PyArray1, PyArrayDyn, PyArrayMethods, PyUntypedArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// The matrix in `value`, the argument `name`.
///
/// # Errors
/// `ValueError` where it is none of real numbers.
pub fn matrix(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Mat<f64>> {
    let array = numbers(name, value)?;
    let &[rows, columns] = array.shape() else {
        return Err(dimensions(name, array.shape(), "a matrix, with 2,"));
    };
    let array = array.readonly();
    let values = array
        .as_slice()
        .map_err(|error| no_array(name, &error.to_string()))?;
    Ok(Mat::from_fn(rows, columns, |row, column| {
        values[row * columns + column]
    }))
}

/// The numbers in `value`, the argument `name`; a single one is a list of one.
///
/// # Errors
/// `ValueError` where they are no list of real numbers.
pub fn list(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Vec<f64>> {
    let array = numbers(name, value)?;
    if array.shape().len() > 1 {
        return Err(dimensions(name, array.shape(), "a list, with 1,"));
    }
    let array = array.readonly();
    let values = array
        .as_slice()
        .map_err(|error| no_array(name, &error.to_string()))?;
    Ok(values.to_vec())
}

/// As doubles, row after row.
fn numbers<'py>(name: &str, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyArrayDyn<f64>>> {
    let py = value.py();
    let failed = |error: PyErr| no_array(name, &error.value(py).to_string());
    if value.is_none() {
        return Err(no_array(name, "it is None"));
    }
    let numpy = py.import("numpy")?;
    let array = numpy.call_method1("asarray", (value,)).map_err(failed)?;
    let dtype = array.getattr("dtype")?;
    let kind: String = dtype.getattr("kind")?.extract()?;
    // Complex numbers would lose their second half, and texts be read as numbers.
    if !["b", "i", "u", "f", "O"].contains(&&*kind) {
        return Err(no_array(name, &format!("its type is {dtype}")));
    }
    let options = PyDict::new(py);
    options.set_item("dtype", "float64")?;
    options.set_item("requirements", ["C_CONTIGUOUS", "ALIGNED", "ENSUREARRAY"])?;
    let array = numpy
        .call_method("require", (array,), Some(&options))
        .map_err(failed)?;
    array
        .cast_into()
        .map_err(|error| no_array(name, &error.to_string()))
}

fn no_array(name: &str, reason: &str) -> PyErr {
    PyValueError::new_err(format!("{name} is no array of real numbers: {reason}"))
}

fn dimensions(name: &str, shape: &[usize], needed: &str) -> PyErr {
    let found = match shape.len() {
        0 => "a single number".to_owned(),
        1 => format!("a list of {} numbers, with 1 dimension", shape[0]),
        more => format!("an array with {more} dimensions"),
    };
    PyValueError::new_err(format!("{name} is {found}: {needed} is needed"))
}

/// `matrix` as an array of its own, to be written to as well.
pub fn writable<'py>(py: Python<'py>, matrix: MatRef<'_, f64>) -> PyResult<Bound<'py, PyAny>> {
    let rows = matrix.row_iter();
    let values = rows.flat_map(|row| row.iter().copied().collect::<Vec<_>>());
    let array = PyArray1::from_vec(py, values.collect());
    array.call_method1("reshape", (matrix.nrows(), matrix.ncols()))
}

/// `matrix` as an array of its own.
pub fn from_matrix<'py>(py: Python<'py>, matrix: MatRef<'_, f64>) -> PyResult<Bound<'py, PyAny>> {
    let rows = matrix.row_iter();
    let values: Vec<f64> = rows
        .flat_map(|row| row.iter().copied().collect::<Vec<_>>())
        .collect();
    shaped(py, values, &[matrix.nrows(), matrix.ncols()])
}

/// `values`, the last index running fastest, in the form `shape`, for reading only: results are shared, not copied.
pub fn shaped<'py>(
    py: Python<'py>,
    values: Vec<f64>,
    shape: &[usize],
) -> PyResult<Bound<'py, PyAny>> {
    let array = PyArray1::from_vec(py, values);
    let array = array.call_method1("reshape", (shape.to_vec(),))?;
    fixed(array)
}

/// A list of numbers or whole numbers, for reading only.
pub fn column<'py, T: numpy::Element>(
    py: Python<'py>,
    values: Vec<T>,
) -> PyResult<Bound<'py, PyAny>> {
    fixed(PyArray1::from_vec(py, values).into_any())
}

/// `array`, for reading only.
pub fn fixed(array: Bound<'_, PyAny>) -> PyResult<Bound<'_, PyAny>> {
    let flags = PyDict::new(array.py());
    flags.set_item("write", false)?;
    array.call_method("setflags", (), Some(&flags))?;
    Ok(array)
}
