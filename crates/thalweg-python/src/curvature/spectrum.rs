//! A spectral density that Python keeps.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use thalweg::curvature;

use super::checked;
use super::estimate::Numbers;

/// The eigenvalues' distribution: what `thalweg.Density` asks.
#[pyclass(frozen, module = "thalweg._core")]
pub struct Density {
    inner: curvature::Density,
}

impl From<curvature::Density> for Density {
    fn from(inner: curvature::Density) -> Self {
        Self { inner }
    }
}

#[pymethods]
impl Density {
    fn range(&self) -> (f64, f64) {
        self.inner.range()
    }

    fn moment(&self, power: i32) -> Numbers {
        Numbers::from(&self.inner.moment(power))
    }

    fn cumulative(&self, bound: f64) -> Numbers {
        Numbers::from(&self.inner.cumulative(bound))
    }

    fn smoothed(&self, point: f64, width: f64) -> PyResult<Numbers> {
        let found = self.inner.smoothed(point, width).map_err(checked)?;
        Ok(Numbers::from(&found))
    }

    fn drawn_width(&self) -> f64 {
        self.inner.drawn_width()
    }

    /// Points, values and standard errors of what to draw.
    fn curve(&self, points: usize, width: f64) -> PyResult<[Vec<f64>; 3]> {
        let mut columns = [const { Vec::new() }; 3];
        for (at, value) in self.inner.curve(points, width).map_err(checked)? {
            let row = [at, value.value, value.standard_error().unwrap_or(0.0)];
            columns
                .iter_mut()
                .zip(row)
                .for_each(|(column, x)| column.push(x));
        }
        Ok(columns)
    }

    /// The density as text.
    fn text(&self) -> PyResult<String> {
        serde_json::to_string(&self.inner).map_err(|error| PyValueError::new_err(error.to_string()))
    }
}

/// A density, as pickle brings it back.
#[pyfunction]
pub fn restore_density(text: &str) -> PyResult<Density> {
    match serde_json::from_str::<curvature::Density>(text) {
        Ok(inner) => Ok(inner.into()),
        Err(error) => Err(PyValueError::new_err(error.to_string())),
    }
}
