//! A loss that Python knows sample by sample, measured by the statistics that every network here is measured by.

use faer::{Mat, MatRef};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use serde_json::{Value, json};
use thalweg::curvature::{CurvatureError, Eigenpairs};
use thalweg::estimate::{Estimate, Status, Uncertainty};
use thalweg::evaluation::{Layer, SampleCurvature, SampledLoss};
use thalweg::fluctuation::{Alignment, Residuals, SampleMean, measure};
use thalweg_lab::network::{AlignmentRecord, BoundsRecord, MeanRecord, ResidualsRecord};

use crate::{array, json};

/// An object of Python's with the methods of [`SampledLoss`], at the parameters that it has. Matrices are as there.
struct PythonLoss<'py> {
    object: Bound<'py, PyAny>,
    samples: usize,
    outputs: usize,
    classes: Option<(usize, usize)>,
    layers: Vec<Layer>,
}

/// An exception of Python's, or one for an error of the statistics.
struct Raised(PyErr);

impl From<PyErr> for Raised {
    fn from(error: PyErr) -> Self {
        Self(error)
    }
}

impl From<CurvatureError> for Raised {
    fn from(error: CurvatureError) -> Self {
        Self(match error {
            CurvatureError::NonFinite { .. } => PyValueError::new_err(
                "`loss` or its derivatives are not finite at these parameters",
            ),
            other => PyRuntimeError::new_err(other.to_string()),
        })
    }
}

impl<'py> PythonLoss<'py> {
    fn new(object: &Bound<'py, PyAny>) -> PyResult<Self> {
        type Entry = (String, usize, usize, usize, usize);
        let layers: Vec<Entry> = object.getattr("layers")?.extract()?;
        let layer = |(name, first, end, from, to)| Layer {
            name,
            parameters: first..end,
            range: from..to,
        };
        Ok(Self {
            samples: object.getattr("samples")?.extract()?,
            outputs: object.getattr("outputs")?.extract()?,
            classes: object.getattr("classes")?.extract()?,
            layers: layers.into_iter().map(layer).collect(),
            object: object.clone(),
        })
    }

    fn list(&self, method: &str, length: usize) -> Result<Vec<f64>, Raised> {
        let list = array::list(method, &self.object.call_method0(method)?)?;
        self.sized(method, &[list.len()], &[length])?;
        Ok(list)
    }

    fn matrix(&self, method: &str, rows: usize, columns: usize) -> Result<Mat<f64>, Raised> {
        self.shaped(method, &self.object.call_method0(method)?, rows, columns)
    }

    fn shaped(
        &self,
        method: &str,
        found: &Bound<'_, PyAny>,
        rows: usize,
        columns: usize,
    ) -> Result<Mat<f64>, Raised> {
        let matrix = array::matrix(method, found)?;
        self.sized(method, &[matrix.nrows(), matrix.ncols()], &[rows, columns])?;
        Ok(matrix)
    }

    fn sized(&self, method: &str, found: &[usize], expected: &[usize]) -> Result<(), Raised> {
        if found == expected {
            return Ok(());
        }
        Err(Raised(PyValueError::new_err(format!(
            "{method}() has the shape {found:?}: {expected:?} is needed"
        ))))
    }

    fn blocks(&self) -> usize {
        self.layers.last().map_or(0, |layer| layer.parameters.end)
    }

    fn parameters(&self) -> usize {
        self.layers.last().map_or(0, |layer| layer.range.end)
    }
}

impl SampledLoss for PythonLoss<'_> {
    type Error = Raised;

    fn samples(&self) -> usize {
        self.samples
    }

    fn outputs(&self) -> usize {
        self.outputs
    }

    fn classes(&self) -> Option<(usize, usize)> {
        self.classes
    }

    fn layers(&self) -> Vec<Layer> {
        self.layers.clone()
    }

    fn sample_losses(&mut self, _: &[f64]) -> Result<Vec<f64>, Raised> {
        self.list("sample_losses", self.samples)
    }

    fn gradient(&mut self, _: &[f64]) -> Result<Vec<f64>, Raised> {
        self.list("gradient", self.parameters())
    }

    fn residuals(&mut self, _: &[f64]) -> Result<Mat<f64>, Raised> {
        self.matrix("residuals", self.outputs, self.samples)
    }

    fn output_curvature(&mut self, _: &[f64]) -> Result<Mat<f64>, Raised> {
        self.matrix("output_curvature", self.outputs, self.outputs)
    }

    fn sample_squared_norms(&mut self, _: &[f64]) -> Result<Mat<f64>, Raised> {
        self.matrix("sample_squared_norms", self.blocks(), self.samples)
    }

    fn layer_slopes(&mut self, _: &[f64], _: &[f64]) -> Result<Mat<f64>, Raised> {
        self.matrix("layer_slopes", self.layers.len(), self.samples)
    }

    fn sample_curvature(&mut self, _: &[f64]) -> Result<SampleCurvature, Raised> {
        let method = "sample_curvature";
        let found = self.object.call_method0(method)?;
        let (parameters, outputs): (Bound<'_, PyAny>, Bound<'_, PyAny>) = found.extract()?;
        Ok(SampleCurvature {
            parameters: self.shaped(method, &parameters, self.blocks(), self.samples)?,
            outputs: self.shaped(method, &outputs, self.outputs, self.samples)?,
        })
    }

    fn mean_pullbacks(
        &mut self,
        _: &[f64],
        cotangents: MatRef<'_, f64>,
    ) -> Result<Vec<f64>, Raised> {
        let method = "mean_pullbacks";
        let given = array::from_matrix(self.object.py(), cotangents)?;
        let found = array::list(method, &self.object.call_method1(method, (given,))?)?;
        self.sized(method, &[found.len()], &[cotangents.ncols()])?;
        Ok(found)
    }
}

/// Fluctuation and all that belongs to it, of an object with the methods of `SampledLoss`; with the keys of `thalweg measure --json`.
#[pyfunction]
pub fn fluctuation<'py>(loss: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let mut own = PythonLoss::new(loss)?;
    let found = measure(&mut own, &[]).map_err(|Raised(error)| error)?;
    let mean = |mean: SampleMean| json!(MeanRecord::from(mean));
    let layers = found.layers.iter().map(|layer| {
        json!({
            "name": layer.layer.name,
            "parameters": layer.layer.range.len(),
            "fluctuation": mean(layer.moments.fluctuation),
            "covariance_trace": mean(layer.moments.covariance_trace),
            "gauss_newton_trace": mean(layer.moments.gauss_newton_trace),
        })
    });
    let outputs = found.outputs.iter().map(|&output| mean(output));
    let answer = json!({
        "loss": mean(found.loss),
        "fluctuation": mean(found.total.fluctuation),
        "covariance_trace": mean(found.total.covariance_trace),
        "gauss_newton_trace": mean(found.total.gauss_newton_trace),
        "ratio": found.total.ratio.map(mean),
        "layers": layers.collect::<Value>(),
        "outputs": outputs.collect::<Value>(),
        "residuals": ResidualsRecord::from(&found.residuals),
        "bounds": BoundsRecord::from(found.bounds),
    });
    json::python(loss.py(), &answer)
}

/// Residuals (lines × N) against the mean output curvature (lines × lines); `classes` is (classes, positions) where those of a
/// position sum to 0.
#[pyfunction]
pub fn residuals<'py>(
    residuals: &Bound<'py, PyAny>,
    output_curvature: &Bound<'py, PyAny>,
    classes: Option<(usize, usize)>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = residuals.py();
    let residuals = array::matrix("residuals", residuals)?;
    let curvature = array::matrix("output_curvature", output_curvature)?;
    let lines = residuals.nrows();
    if (curvature.nrows(), curvature.ncols()) != (lines, lines) {
        return Err(PyValueError::new_err(format!(
            "output_curvature is {} × {}: {lines} × {lines} is needed",
            curvature.nrows(),
            curvature.ncols()
        )));
    }
    let found = Residuals::new(residuals.as_ref(), curvature.as_ref(), classes);
    let found = found.map_err(|error| Raised::from(error).0)?;
    json::python(py, &json!(ResidualsRecord::from(&found)))
}

/// The mean of numbers that are independent, one for each sample, with standard error and interval.
#[pyfunction]
pub fn sample_mean<'py>(values: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let mean = SampleMean::of(array::list("values", values)?);
    json::python(values.py(), &json!(MeanRecord::from(mean)))
}

/// The mean of ‖g_b − ḡ‖² over samples, as `sample_mean` gives it, from each one's ‖g_b‖² and g_b·ḡ, and from ‖ḡ‖².
#[pyfunction]
pub fn covariance_trace<'py>(
    norms: &Bound<'py, PyAny>,
    slopes: &Bound<'py, PyAny>,
    mean: f64,
) -> PyResult<Bound<'py, PyAny>> {
    let py = norms.py();
    let (norms, slopes) = (array::list("norms", norms)?, array::list("slopes", slopes)?);
    one_each(("norms", &norms), ("slopes", &slopes))?;
    let trace = thalweg::fluctuation::covariance_trace(&norms, &slopes, mean);
    json::python(py, &json!(MeanRecord::from(trace)))
}

/// A number from `groups` groups of samples, with its standard error (nan where that is not known) and its interval, as
/// `sample_mean` gives them.
#[pyfunction]
pub fn group_mean<'py>(
    py: Python<'py>,
    value: f64,
    standard_error: f64,
    groups: usize,
) -> PyResult<Bound<'py, PyAny>> {
    let mean = SampleMean {
        value,
        standard_error,
        samples: groups,
    };
    json::python(py, &json!(MeanRecord::from(mean)))
}

/// Σ a / Σ b over samples, with standard error and interval; None where Σ b = 0.
#[pyfunction]
pub fn sample_ratio<'py>(
    above: &Bound<'py, PyAny>,
    below: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let (a, b) = (array::list("above", above)?, array::list("below", below)?);
    one_each(("above", &a), ("below", &b))?;
    let ratio = SampleMean::ratio(&a, &b).map(MeanRecord::from);
    json::python(above.py(), &json!(ratio))
}

/// Refuses two lists of different lengths.
fn one_each((first, a): (&str, &[f64]), (second, b): (&str, &[f64])) -> PyResult<()> {
    if a.len() == b.len() {
        return Ok(());
    }
    Err(PyValueError::new_err(format!(
        "{first} has {} numbers and {second} {}: one each for every sample is needed",
        a.len(),
        b.len()
    )))
}

/// How far the leading eigenspaces of the Hessian and of the gradients' covariance are the same, from `count` + 1 pairs of each
/// (one more than are compared, where there are so many): values, residuals, whether converged, and vectors (n × k).
#[pyfunction]
pub fn alignment<'py>(
    py: Python<'py>,
    hessian: Pairs<'py>,
    covariance: Pairs<'py>,
    count: usize,
) -> PyResult<Bound<'py, PyAny>> {
    let found = Alignment::new(pairs(&hessian)?, pairs(&covariance)?, count);
    let found = found.map_err(|error| Raised::from(error).0)?;
    json::python(py, &json!(AlignmentRecord::from(&found)))
}

/// Eigenvalues, residuals, whether converged, vectors as columns.
type Pairs<'py> = (Vec<f64>, Vec<f64>, Vec<bool>, Bound<'py, PyAny>);

fn pairs((values, residuals, converged, vectors): &Pairs<'_>) -> PyResult<Eigenpairs> {
    let vectors = array::matrix("vectors", vectors)?;
    let count = values.len();
    if [residuals.len(), converged.len(), vectors.ncols()] != [count; 3] {
        return Err(PyValueError::new_err(format!(
            "there are {count} eigenvalues, {} residuals, {} statuses and {} vectors: as many of each are needed",
            residuals.len(),
            converged.len(),
            vectors.ncols()
        )));
    }
    let estimate = |i: usize| Estimate {
        value: values[i],
        uncertainty: Uncertainty::Residual(residuals[i]),
        matvecs: 0,
        status: if converged[i] {
            Status::Converged
        } else {
            Status::Unconverged
        },
    };
    Ok(Eigenpairs {
        values: (0..count).map(estimate).collect(),
        vectors,
    })
}
