//! An operator on numpy's arrays.

use faer::{MatMut, MatRef, prelude::ReborrowMut};
use numpy::{PyArray1, PyArray2, PyArrayMethods};
use pyo3::intern;
use pyo3::prelude::*;
use thalweg::curvature::SymmetricOperator;

/// An object of `thalweg._operator.Arrays`: `dim`, and `apply` from an array (k, n) to another, row by row; of one row where it is not `at_once`.
pub struct Operator {
    object: Py<PyAny>,
    dim: usize,
    at_once: bool,
}

impl Operator {
    /// Of this object.
    pub fn new(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self {
            dim: object.getattr(intern!(object.py(), "dim"))?.extract()?,
            at_once: object.getattr(intern!(object.py(), "at_once"))?.extract()?,
            object: object.clone().unbind(),
        })
    }

    fn multiply(&self, input: MatRef<'_, f64>, mut output: MatMut<'_, f64>) -> PyResult<()> {
        Python::attach(|py| {
            let (n, count) = (input.nrows(), input.ncols());
            let mut entries = Vec::with_capacity(n * count);
            for column in input.col_iter() {
                match column.try_as_col_major() {
                    Some(column) => entries.extend_from_slice(column.as_slice()),
                    None => entries.extend(column.iter().copied()),
                }
            }
            let rows = PyArray1::from_vec(py, entries).reshape([count, n])?;
            let images = self
                .object
                .call_method1(py, intern!(py, "apply"), (rows,))?;
            let images = images.bind(py).cast::<PyArray2<f64>>()?.readonly();
            let images = MatRef::from_column_major_slice(images.as_slice()?, n, count);
            output.copy_from(images);
            py.check_signals()
        })
    }
}

/// The thread that called has given the lock away, and takes it for each product: the callback runs on it.
impl SymmetricOperator for Operator {
    type Error = PyErr;

    fn dim(&self) -> usize {
        self.dim
    }

    fn apply_block(&mut self, input: MatRef<'_, f64>, mut output: MatMut<'_, f64>) -> PyResult<()> {
        if self.at_once {
            return self.multiply(input, output);
        }
        // One by one: copies of all would only take memory.
        for i in 0..input.ncols() {
            self.multiply(input.subcols(i, 1), output.rb_mut().subcols_mut(i, 1))?;
        }
        Ok(())
    }
}
