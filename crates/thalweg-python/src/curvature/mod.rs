//! Curvature of anything: eigenpairs, traces and densities of operators that Python knows by their products.

mod elsewhere;
mod estimate;
mod operator;
mod spectrum;

use std::convert::Infallible;

use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use thalweg::curvature::{
    self, CurvatureError, DensitySettings, EigenSettings, Eigenpairs, End, TraceMethod,
    TraceSettings,
};

use elsewhere::Elsewhere;
use estimate::{Numbers, numbers};
use operator::Operator;
pub use spectrum::{Density, restore_density};

use crate::array;
use crate::error::Failed;

/// Relative asymmetry in units of the square root of the precision: products in single precision reach some 1e-5.
const ASYMMETRY: f64 = 1.0;

/// The error of Python's, if an operation raised one; else a `ValueError` in the words of Python's arguments.
fn raised(error: CurvatureError<PyErr>) -> PyErr {
    match error {
        CurvatureError::Operator(error) => error,
        CurvatureError::Setting {
            field,
            found,
            expected,
        } => {
            let name = match field {
                "count" => "k",
                "max_matvecs" => "max_products",
                "matvecs" => "products",
                other => other,
            };
            PyValueError::new_err(format!("{name} = {found}: must be {expected}"))
        }
        CurvatureError::Shape {
            what,
            rows,
            columns,
            expected,
        } => PyValueError::new_err(format!("{what} is {rows} × {columns}: must be {expected}")),
        CurvatureError::NonFinite { .. } | CurvatureError::NotSymmetric { .. } => {
            PyValueError::new_err(error.to_string())
        }
        CurvatureError::Decomposition { .. } | CurvatureError::Stopped(_) => {
            Failed::Work(error.to_string()).into()
        }
    }
}

/// Nothing of Python's failed.
fn checked(error: CurvatureError<Infallible>) -> PyErr {
    raised(error.widen())
}

fn settings(
    k: usize,
    end: &str,
    tolerance: f64,
    max_products: Option<usize>,
    basis: Option<usize>,
    seed: u64,
) -> PyResult<EigenSettings> {
    let end = match end {
        "top" => End::Top,
        "bottom" => End::Bottom,
        other => {
            return Err(PyValueError::new_err(format!(
                "end = {other:?}: must be \"top\" or \"bottom\""
            )));
        }
    };
    let usual = EigenSettings::new(k, end);
    Ok(EigenSettings {
        tolerance,
        max_matvecs: max_products.unwrap_or(usual.max_matvecs),
        basis,
        seed,
        ..usual
    })
}

/// The residual that is asked for where nothing is said, in units of ‖A‖, for vectors of this precision.
#[pyfunction]
pub fn eigen_tolerance(epsilon: f64) -> f64 {
    EigenSettings::tolerance_for(epsilon)
}

/// Vectors of length n that `eigenpairs` has at once, and how many of them are its basis at most.
#[pyfunction]
pub fn eigen_room(
    n: usize,
    k: usize,
    max_products: Option<usize>,
    basis: Option<usize>,
) -> PyResult<(usize, usize)> {
    let settings = settings(k, "top", 1.0, max_products, basis, 0)?;
    Ok((settings.vectors(n), settings.capacity(n)))
}

/// Whether the vectors that `operator` acts on stay with Python.
fn is_elsewhere(operator: &Bound<'_, PyAny>) -> PyResult<bool> {
    operator
        .getattr(intern!(operator.py(), "elsewhere"))?
        .extract()
}

/// What `here` makes of an operator on numpy's float64, or `there` of one whose vectors stay with Python.
fn either<T: Send>(
    operator: &Bound<'_, PyAny>,
    here: impl FnOnce(&mut Operator) -> Result<T, CurvatureError<PyErr>> + Send,
    there: impl FnOnce(&mut Elsewhere) -> Result<T, CurvatureError<PyErr>> + Send,
) -> PyResult<T> {
    let py = operator.py();
    let found = if is_elsewhere(operator)? {
        let mut space = Elsewhere::new(operator)?;
        py.detach(move || there(&mut space))
    } else {
        let mut operator = Operator::new(operator)?;
        py.detach(move || here(&mut operator))
    };
    found.map_err(raised)
}

/// Eigenvalues, and eigenvectors as rows: an array of (k, n) for an operator on arrays, a block for a space.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "they are Python's keywords")]
pub fn eigenpairs<'py>(
    py: Python<'py>,
    operator: &Bound<'py, PyAny>,
    k: usize,
    end: &str,
    tolerance: f64,
    max_products: Option<usize>,
    basis: Option<usize>,
    warm: Option<(Bound<'py, PyAny>, usize)>,
    seed: u64,
) -> PyResult<(Vec<Numbers>, Bound<'py, PyAny>)> {
    let settings = settings(k, end, tolerance, max_products, basis, seed)?;
    if is_elsewhere(operator)? {
        let mut space = Elsewhere::new(operator)?;
        let warm = warm.map(|(block, columns)| (block.unbind(), columns));
        let found = py.detach(move || {
            let warm = warm.as_ref().map(|(block, columns)| (block, *columns));
            curvature::eigenpairs_in(&mut space, &settings, warm)
        });
        let Eigenpairs { values, vectors } = found.map_err(raised)?;
        return Ok((numbers(&values), vectors.into_bound(py)));
    }
    let mut operator = Operator::new(operator)?;
    let warm = match warm {
        Some((rows, _)) => Some(array::matrix("warm", &rows)?),
        None => None,
    };
    let found = py.detach(move || {
        let warm = warm.as_ref().map(|rows| rows.transpose().to_owned());
        let warm = warm.as_ref().map(|columns| columns.as_ref());
        curvature::eigenpairs(&mut operator, &settings, warm)
    });
    let Eigenpairs { values, vectors } = found.map_err(raised)?;
    let (n, k) = (vectors.nrows(), vectors.ncols());
    let mut entries = Vec::with_capacity(n * k);
    for column in vectors.col_iter() {
        entries.extend(column.iter().copied());
    }
    drop(vectors);
    let rows = numpy::PyArray1::from_vec(py, entries).into_any();
    Ok((numbers(&values), rows.call_method1("reshape", (k, n))?))
}

fn method(name: &str) -> PyResult<TraceMethod> {
    match name {
        "xtrace" => Ok(TraceMethod::XTrace),
        "hutch++" => Ok(TraceMethod::HutchPlusPlus),
        "hutchinson" => Ok(TraceMethod::Hutchinson),
        other => Err(PyValueError::new_err(format!(
            "method = {other:?}: must be \"xtrace\", \"hutch++\" or \"hutchinson\""
        ))),
    }
}

/// Vectors of length n that `trace` has at once.
#[pyfunction]
pub fn trace_vectors(n: usize, products: usize, method: &str) -> PyResult<usize> {
    let settings = TraceSettings {
        method: self::method(method)?,
        ..TraceSettings::new(products)
    };
    Ok(settings.vectors(n))
}

/// The trace.
#[pyfunction]
pub fn trace(
    operator: &Bound<'_, PyAny>,
    products: usize,
    method: &str,
    tolerance: f64,
    seed: u64,
) -> PyResult<Numbers> {
    let settings = TraceSettings {
        method: self::method(method)?,
        matvecs: products,
        tolerance,
        seed,
    };
    let found = either(
        operator,
        |operator| curvature::trace(operator, &settings),
        |space| curvature::trace_in(space, &settings),
    )?;
    Ok(Numbers::from(&found))
}

/// Vectors of length n that `density` has at once.
#[pyfunction]
pub fn density_vectors(n: usize, probes: usize, steps: usize) -> usize {
    DensitySettings {
        probes,
        steps,
        seed: 0,
    }
    .vectors(n)
}

/// The spectral density.
#[pyfunction]
pub fn density(
    operator: &Bound<'_, PyAny>,
    probes: usize,
    steps: usize,
    seed: u64,
) -> PyResult<Density> {
    let settings = DensitySettings {
        probes,
        steps,
        seed,
    };
    let found = either(
        operator,
        |operator| curvature::density(operator, &settings),
        |space| curvature::density_in(space, &settings),
    )?;
    Ok(found.into())
}

/// Raises where the operator is not symmetric, by four products.
#[pyfunction]
pub fn check_symmetry(operator: &Bound<'_, PyAny>, epsilon: f64, seed: u64) -> PyResult<()> {
    let tolerance = ASYMMETRY * epsilon.sqrt();
    either(
        operator,
        |operator| curvature::check_symmetry(operator, tolerance, seed),
        |space| curvature::check_symmetry_in(space, tolerance),
    )
}

/// Bytes of memory that this process can still have, by the tightest limit; `None` where the system does not tell.
#[pyfunction]
pub fn memory_left() -> Option<u64> {
    thalweg_lab::memory::left()
}
