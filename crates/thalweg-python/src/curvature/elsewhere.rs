//! A space of vectors that Python keeps: tensors on their device, in their precision.

use std::ops::Range;

use faer::{Mat, MatRef};
use numpy::{PyArray1, PyArray2, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use thalweg::curvature::VectorSpace;

use crate::array;

/// An object of `thalweg._tensors.Tensors`, whose methods are those of the trait; small matrices are numpy's.
pub struct Elsewhere {
    object: Py<PyAny>,
    dim: usize,
    epsilon: f64,
}

impl Elsewhere {
    /// Of this object.
    pub fn new(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        Ok(Self {
            dim: object.getattr("dim")?.extract()?,
            epsilon: object.getattr("epsilon")?.extract()?,
            object: object.clone().unbind(),
        })
    }

    /// What the method `name` makes of `arguments`.
    fn call<T>(
        &self,
        name: &str,
        arguments: impl for<'py> FnOnce(Python<'py>) -> PyResult<Bound<'py, PyTuple>>,
        read: impl for<'py> FnOnce(Bound<'py, PyAny>) -> PyResult<T>,
    ) -> PyResult<T> {
        Python::attach(|py| {
            let answer = self.object.bind(py).call_method1(name, arguments(py)?)?;
            read(answer)
        })
    }
}

/// As it is.
fn block(answer: Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
    Ok(answer.unbind())
}

/// Nothing is answered.
fn nothing(_: Bound<'_, PyAny>) -> PyResult<()> {
    Ok(())
}

/// A small matrix.
fn small(answer: Bound<'_, PyAny>) -> PyResult<Mat<f64>> {
    let answer = answer.cast::<PyArray2<f64>>()?.readonly();
    let values = answer.as_array();
    let &[rows, columns] = values.shape() else {
        unreachable!("an array of two dimensions has two")
    };
    Ok(Mat::from_fn(rows, columns, |i, j| values[[i, j]]))
}

impl VectorSpace for Elsewhere {
    type Block = Py<PyAny>;
    type Error = PyErr;

    fn dim(&self) -> usize {
        self.dim
    }

    fn epsilon(&self) -> f64 {
        self.epsilon
    }

    fn room(&mut self, columns: usize) -> PyResult<Py<PyAny>> {
        self.call("room", |py| (columns,).into_pyobject(py), block)
    }

    fn apply(&mut self, x: &Py<PyAny>, columns: Range<usize>) -> PyResult<Py<PyAny>> {
        let images = self.call(
            "apply",
            |py| (x, columns.start, columns.end).into_pyobject(py),
            block,
        )?;
        Python::attach(|py| py.check_signals())?;
        Ok(images)
    }

    fn is_finite(&mut self, x: &Py<PyAny>) -> PyResult<bool> {
        self.call("is_finite", |py| (x,).into_pyobject(py), |a| a.extract())
    }

    fn normal(&mut self, columns: usize) -> PyResult<Py<PyAny>> {
        self.call("normal", |py| (columns,).into_pyobject(py), block)
    }

    fn signs(&mut self, columns: usize) -> PyResult<Py<PyAny>> {
        self.call("signs", |py| (columns,).into_pyobject(py), block)
    }

    fn units(&mut self, range: Range<usize>) -> PyResult<Py<PyAny>> {
        self.call(
            "units",
            |py| (range.start, range.end).into_pyobject(py),
            block,
        )
    }

    fn inner(&mut self, x: &Py<PyAny>, columns: Range<usize>, y: &Py<PyAny>) -> PyResult<Mat<f64>> {
        self.call(
            "inner",
            |py| (x, columns.start, columns.end, y).into_pyobject(py),
            small,
        )
    }

    fn dots(&mut self, x: &Py<PyAny>, y: &Py<PyAny>) -> PyResult<Vec<f64>> {
        self.call(
            "dots",
            |py| (x, y).into_pyobject(py),
            |answer| Ok(answer.cast::<PyArray1<f64>>()?.readonly().to_vec()?),
        )
    }

    fn add(
        &mut self,
        y: &mut Py<PyAny>,
        x: &Py<PyAny>,
        columns: Range<usize>,
        c: MatRef<'_, f64>,
    ) -> PyResult<()> {
        self.call(
            "add",
            |py| (&*y, x, columns.start, columns.end, matrix(py, c)?).into_pyobject(py),
            nothing,
        )
    }

    fn combine(
        &mut self,
        x: &Py<PyAny>,
        columns: Range<usize>,
        c: MatRef<'_, f64>,
    ) -> PyResult<Py<PyAny>> {
        self.call(
            "combine",
            |py| (x, columns.start, columns.end, matrix(py, c)?).into_pyobject(py),
            block,
        )
    }

    fn transform(
        &mut self,
        x: &mut Py<PyAny>,
        columns: Range<usize>,
        c: MatRef<'_, f64>,
    ) -> PyResult<()> {
        self.call(
            "transform",
            |py| (&*x, columns.start, columns.end, matrix(py, c)?).into_pyobject(py),
            nothing,
        )
    }

    fn place(
        &mut self,
        x: &mut Py<PyAny>,
        at: usize,
        y: &Py<PyAny>,
        c: MatRef<'_, f64>,
    ) -> PyResult<()> {
        self.call(
            "place",
            |py| (&*x, at, y, matrix(py, c)?).into_pyobject(py),
            nothing,
        )
    }

    fn put(&mut self, x: &mut Py<PyAny>, at: usize, y: &Py<PyAny>) -> PyResult<()> {
        self.call("put", |py| (&*x, at, y).into_pyobject(py), nothing)
    }
}

fn matrix<'py>(py: Python<'py>, c: MatRef<'_, f64>) -> PyResult<Bound<'py, PyAny>> {
    array::writable(py, c)
}
