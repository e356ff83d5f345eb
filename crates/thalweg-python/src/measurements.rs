//! `Measurements`: what a run measured, as columns.

use std::fmt::Write as _;
use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyCapsule, PyDict, PyTuple};
use thalweg::words::counted;
use thalweg_lab::run;

use crate::{array, arrow};

/// What a run measured: columns of one length, a row for each seed, step and quantity.
///
/// pandas and polars take it as it is, by Arrow's interface in C: ``pandas.DataFrame.from_arrow(measurements)`` (pandas 3)
/// or ``pyarrow.table(measurements).to_pandas()``, and ``polars.DataFrame(measurements)``. The columns are those of the
/// program's ``measurements.parquet``. A run that has diverged has no rows from there on.
#[pyclass(frozen, module = "thalweg")]
pub struct Measurements {
    inner: Arc<run::Measurements>,
    columns: PyOnceLock<Columns>,
}

/// Arrays that are made once.
struct Columns {
    seed: Py<PyAny>,
    step: Py<PyAny>,
    slow_time: Py<PyAny>,
    quantity: Py<PyAny>,
    value: Py<PyAny>,
}

impl Columns {
    fn new(py: Python<'_>, measurements: &run::Measurements) -> PyResult<Self> {
        let columns = measurements.columns();
        let whole = |values: &[u64]| values.iter().map(|&value| value as i64).collect::<Vec<_>>();
        let names = measurements.quantities();
        let code = |name: &&str| names.iter().position(|other| other == name).unwrap_or(0) as i64;
        let codes: Vec<i64> = columns.quantity.iter().map(code).collect();
        // numpy cannot tell the type of texts from none of them.
        let options = PyDict::new(py);
        options.set_item("dtype", "str")?;
        let numpy = py.import("numpy")?;
        let names = numpy.call_method("array", (names.to_vec(),), Some(&options))?;
        let quantity = names.call_method1("take", (array::column(py, codes)?,))?;
        Ok(Self {
            seed: array::column(py, whole(&columns.seed))?.unbind(),
            step: array::column(py, whole(&columns.step))?.unbind(),
            slow_time: array::column(py, columns.slow_time)?.unbind(),
            quantity: array::fixed(quantity)?.unbind(),
            value: array::column(py, columns.value)?.unbind(),
        })
    }
}

impl From<run::Measurements> for Measurements {
    fn from(measurements: run::Measurements) -> Self {
        Self::from(Arc::new(measurements))
    }
}

impl From<Arc<run::Measurements>> for Measurements {
    fn from(inner: Arc<run::Measurements>) -> Self {
        Self {
            inner,
            columns: PyOnceLock::new(),
        }
    }
}

impl Measurements {
    fn columns(&self, py: Python<'_>) -> PyResult<&Columns> {
        self.columns
            .get_or_try_init(py, || Columns::new(py, &self.inner))
    }

    fn known(&self, quantity: &str) -> PyResult<()> {
        let names = self.inner.quantities();
        if names.iter().any(|name| name == quantity) {
            return Ok(());
        }
        Err(PyValueError::new_err(format!(
            "`quantity` is '{quantity}': one of {} is needed",
            names.join(", ")
        )))
    }

    /// A copy of what was measured.
    pub fn core(&self) -> run::Measurements {
        (*self.inner).clone()
    }
}

#[pymethods]
impl Measurements {
    /// Which run, int64.
    #[getter]
    fn seed(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(self.columns(py)?.seed.clone_ref(py))
    }

    /// t, in steps, int64.
    #[getter]
    fn step(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(self.columns(py)?.step.clone_ref(py))
    }

    /// u = η² t/B, float64.
    #[getter]
    fn slow_time(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(self.columns(py)?.slow_time.clone_ref(py))
    }

    /// What was measured: a text in each row.
    #[getter]
    fn quantity(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(self.columns(py)?.quantity.clone_ref(py))
    }

    /// In the quantity's unit, float64.
    #[getter]
    fn value(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        Ok(self.columns(py)?.value.clone_ref(py))
    }

    /// The names of what was measured.
    #[getter]
    fn quantities(&self) -> Vec<String> {
        self.inner.quantities().to_vec()
    }

    /// The seeds of the runs.
    #[getter]
    fn seeds(&self) -> Vec<u64> {
        self.inner.seeds()
    }

    /// Steps and values of one quantity along the run of one seed: two arrays of one length.
    fn series<'py>(
        &self,
        py: Python<'py>,
        quantity: &str,
        seed: &Bound<'py, PyAny>,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        self.known(quantity)?;
        let seeds = self.inner.seeds();
        let known = seed.extract().ok().filter(|own| seeds.contains(own));
        let seed = known.ok_or_else(|| {
            let seeds: Vec<String> = seeds.iter().map(u64::to_string).collect();
            PyValueError::new_err(format!(
                "`seed` is {seed}: one of {} is needed",
                seeds.join(", ")
            ))
        })?;
        let series = self.inner.series(quantity, seed);
        let steps = series.iter().map(|point| point.step as i64).collect();
        let values = series.iter().map(|point| point.value).collect();
        Ok((array::column(py, steps)?, array::column(py, values)?))
    }

    /// The mean of one quantity over the seeds that have it, at each measured step.
    ///
    /// A dictionary of arrays of one length: ``step``, ``slow_time``, ``mean``, ``standard_error`` (nan for one seed) and
    /// ``count``.
    fn mean<'py>(&self, py: Python<'py>, quantity: &str) -> PyResult<Bound<'py, PyDict>> {
        self.known(quantity)?;
        let means = self.inner.mean(quantity);
        let table = PyDict::new(py);
        let whole = |values: Vec<i64>| array::column(py, values);
        let real = |values: Vec<f64>| array::column(py, values);
        let points = || means.iter();
        table.set_item("step", whole(points().map(|p| p.step as i64).collect())?)?;
        table.set_item("slow_time", real(points().map(|p| p.slow_time).collect())?)?;
        table.set_item("mean", real(points().map(|p| p.value.mean).collect())?)?;
        let errors = points().map(|p| p.value.standard_error.unwrap_or(f64::NAN));
        table.set_item("standard_error", real(errors.collect())?)?;
        let counts = points().map(|p| p.value.count as i64);
        table.set_item("count", whole(counts.collect())?)?;
        Ok(table)
    }

    /// All columns by their names.
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let columns = self.columns(py)?;
        let table = PyDict::new(py);
        for (name, column) in [
            ("seed", &columns.seed),
            ("step", &columns.step),
            ("slow_time", &columns.slow_time),
            ("quantity", &columns.quantity),
            ("value", &columns.value),
        ] {
            table.set_item(name, column)?;
        }
        Ok(table)
    }

    /// The columns as a stream of Arrow's interface in C.
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_stream__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyCapsule>> {
        // The interface leaves it to the producer whether to follow a request.
        drop(requested_schema);
        arrow::stream(py, &self.inner)
    }

    fn __len__(&self) -> usize {
        self.inner.len()
    }

    fn __repr__(&self) -> String {
        format!(
            "Measurements({}: {}, {})",
            counted(self.inner.len(), "row"),
            counted(self.inner.seeds().len(), "seed"),
            self.inner.quantities().join(", ")
        )
    }

    /// The first rows as a table for a notebook.
    fn _repr_html_(&self) -> String {
        const SHOWN: usize = 10;
        let columns = self.inner.columns();
        let mut html = "<table><thead><tr>".to_owned();
        for head in ["seed", "step", "slow_time", "quantity", "value"] {
            let _ = write!(html, "<th>{head}</th>");
        }
        html.push_str("</tr></thead><tbody>");
        for row in 0..columns.seed.len().min(SHOWN) {
            let (seed, step) = (columns.seed[row], columns.step[row]);
            let (time, value) = (columns.slow_time[row], columns.value[row]);
            let name = columns.quantity[row];
            let _ = write!(
                html,
                "<tr><td>{seed}</td><td>{step}</td><td>{time}</td><td>{name}</td><td>{value}</td></tr>"
            );
        }
        let _ = write!(html, "</tbody></table><p>{} rows</p>", columns.seed.len());
        html
    }

    fn __reduce__<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        let restore = py
            .import("thalweg._core")?
            .getattr("restore_measurements")?;
        let columns = self.inner.columns();
        let fields = (
            columns.seed,
            columns.step,
            columns.slow_time,
            columns.quantity,
            columns.value,
        );
        Ok((restore, fields.into_pyobject(py)?))
    }
}

/// Measurements, as pickle brings them back.
#[pyfunction]
pub fn restore_measurements(
    seed: Vec<u64>,
    step: Vec<u64>,
    slow_time: Vec<f64>,
    quantity: Vec<String>,
    value: Vec<f64>,
) -> Measurements {
    let mut measurements = run::Measurements::default();
    let rows = seed.iter().zip(&step).zip(&slow_time);
    for (((seed, step), slow_time), (quantity, value)) in rows.zip(quantity.iter().zip(&value)) {
        measurements.push(*seed, *step, *slow_time, quantity, *value);
    }
    measurements.into()
}
