//! The way down to the minima and along them.

use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};
use serde_json::Value;
use thalweg::flow::{Drift, FiniteWaypoint, Steps, Waypoint};
use thalweg::problem::{Problem as CoreProblem, Weights};
use thalweg::simulate::InitialWeights;
use thalweg_lab::answer::{FiniteAnswer, FlowAnswer, FlowTimes, Prepared, random_start};
use thalweg_lab::spec;

use crate::error::Failed;
use crate::given::{self, Given};
use crate::problem::Problem;
use crate::{array, json, tree, work};

/// Steps between the first and the last, where only the last is given.
const POINTS: usize = 16;

/// The answer of `thalweg flow --json`, and the arrays that it was made of.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "they are Python's keywords")]
pub fn flow<'py>(
    py: Python<'py>,
    problem: &Problem,
    start_weights: Option<&Bound<'py, PyAny>>,
    slow_time: Option<&Bound<'py, PyAny>>,
    learning_rate: Option<&Bound<'py, PyAny>>,
    batch: Option<&Bound<'py, PyAny>>,
    steps: Option<&Bound<'py, PyAny>>,
    drift: &str,
    seed: &Bound<'py, PyAny>,
    init: Option<&Bound<'py, PyAny>>,
    recipe: &Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyTuple>> {
    let problem = Arc::clone(&problem.inner);
    let drift = match drift {
        "symmetric" => Some(Drift::Symmetric),
        "exact" => Some(Drift::Exact),
        "finite" => None,
        _ => {
            let found =
                format!("`drift` is {drift:?}: \"symmetric\", \"exact\" or \"finite\" is needed");
            return Err(PyValueError::new_err(found));
        }
    };
    let given = Given::new(&[
        ("learning_rate", learning_rate),
        ("batch", batch),
        ("seed", Some(seed)),
        ("init", init),
    ])?;
    let recipe = given::recipe(recipe)?;
    let rate = given.read(spec::learning_rate)?;
    let step = rate.zip(given.read(spec::batch)?);
    let prepared = Prepared::new(&problem, recipe, step).map_err(Failed::from)?;
    let prepared = prepared.into_owned();
    let times = match (slow_time, steps) {
        (Some(slow_time), None) => slow(slow_time)?,
        (None, Some(steps)) => in_steps(&given, &prepared, steps)?,
        (Some(_), Some(_)) => return Err(both("slow_time", "steps")),
        (None, None) => {
            return Err(PyValueError::new_err(
                "`slow_time` is missing: give it, or `steps` with `learning_rate` and `batch`",
            ));
        }
    };
    let start = match (start_weights, init) {
        (Some(_), Some(_)) => return Err(both("start_weights", "init")),
        (Some(layers), None) => Start::Given(weights(&problem, layers)?),
        (None, _) => Start::Random {
            init: given
                .read(spec::initial_weights)?
                .unwrap_or(InitialWeights::Kaiming { gain: 1.0 }),
            seed: given.count("seed")?.unwrap_or(0),
        },
    };
    let Some(drift) = drift else {
        if prepared.step.is_none() {
            let missing = rate.map_or("learning_rate", |_| "batch");
            return Err(PyValueError::new_err(format!(
                "`{missing}` is missing: drift=\"finite\" depends on it"
            )));
        }
        let (answer, path) = work::compute(py, move || at_step(&prepared, start, &times))??;
        return (json::python(py, &answer)?, finite_arrays(py, &path)?).into_pyobject(py);
    };
    let (answer, path) = work::compute(py, move || follow(&prepared, start, times, drift))??;
    (json::python(py, &answer)?, arrays(py, &path)?).into_pyobject(py)
}

/// Where the path begins.
enum Start {
    Given(Weights),
    Random { init: InitialWeights, seed: u64 },
}

impl Start {
    fn weights(self, problem: &CoreProblem) -> Result<(Weights, Option<u64>), Failed> {
        Ok(match self {
            Self::Given(weights) => (weights, None),
            Self::Random { init, seed } => (random_start(problem, init, seed)?, Some(seed)),
        })
    }
}

fn follow(
    prepared: &Prepared<'_>,
    start: Start,
    times: FlowTimes,
    drift: Drift,
) -> Result<(Value, Vec<Waypoint>), Failed> {
    let (start, seed) = start.weights(&prepared.problem)?;
    let answer = FlowAnswer::new(prepared, (&start, seed), times, drift)?;
    Ok((answer.json(), answer.trajectory.snapshots))
}

fn at_step(
    prepared: &Prepared<'_>,
    start: Start,
    times: &FlowTimes,
) -> Result<(Value, Vec<FiniteWaypoint>), Failed> {
    let (start, seed) = start.weights(&prepared.problem)?;
    let answer = FiniteAnswer::new(prepared, (&start, seed), times)?;
    Ok((answer.json(), answer.trajectory.snapshots))
}

fn both(first: &str, second: &str) -> PyErr {
    PyValueError::new_err(format!(
        "`{first}` and `{second}` are both given; give one of them"
    ))
}

fn slow(times: &Bound<'_, PyAny>) -> PyResult<FlowTimes> {
    let times = array::list("slow_time", times)?;
    let given = Given::listed("slow_time", times);
    let times = given.read(spec::slow_time)?;
    Ok(FlowTimes::Slow(times.unwrap_or_default()))
}

/// The steps themselves, or the last of them.
fn in_steps(
    given: &Given,
    prepared: &Prepared<'_>,
    steps: &Bound<'_, PyAny>,
) -> PyResult<FlowTimes> {
    let missing = |name: &str| {
        PyValueError::new_err(format!("`{name}` is missing: it is needed beside `steps`"))
    };
    let Some((learning_rate, batch)) = prepared.step else {
        let rate = given.read(spec::learning_rate)?;
        return Err(missing(rate.map_or("learning_rate", |_| "batch")));
    };
    let node = tree::node("steps", steps)?;
    let field = spec::Field::at("steps", &node);
    let Ok(items) = field.list("") else {
        let last = field.count().map_err(Failed::from)?;
        return Ok(FlowTimes::log_spaced(learning_rate, batch, last, POINTS));
    };
    let mut all: Vec<u64> = Vec::with_capacity(items.len());
    for item in &items {
        let step = item.count().map_err(Failed::from)?;
        if let Some(last) = all.last().filter(|last| **last > step) {
            let needed = format!("a step of at least {last}, in ascending order,");
            return Err(Failed::from(item.not(needed)).into());
        }
        all.push(step);
    }
    Ok(FlowTimes::Steps(Steps {
        learning_rate,
        batch,
        steps: all,
    }))
}

fn weights(problem: &CoreProblem, layers: &Bound<'_, PyAny>) -> PyResult<Weights> {
    let mut matrices = Vec::new();
    let layers = layers
        .try_iter()
        .map_err(|_| PyValueError::new_err("`start_weights` is no list of matrices, W_1 first"))?;
    for (index, layer) in layers.enumerate() {
        matrices.push(array::matrix(&format!("start_weights[{index}]"), &layer?)?);
    }
    Weights::new(problem, matrices)
        .map_err(|error| PyValueError::new_err(format!("start_weights: {error}")))
}

/// The means along the path at a finite step size, one row for each time.
fn finite_arrays<'py>(py: Python<'py>, path: &[FiniteWaypoint]) -> PyResult<Bound<'py, PyDict>> {
    let all = PyDict::new(py);
    let put = |name: &str, of: fn(&FiniteWaypoint) -> f64| {
        all.set_item(name, array::column(py, path.iter().map(of).collect())?)
    };
    put("slow_time", |point| point.slow_time)?;
    put("sharpness", |point| point.sharpness)?;
    put("lambda_max", |point| point.lambda_max)?;
    put("fluctuation", |point| point.fluctuation)?;
    put("relative_weighted_fluctuation", |point| {
        point.relative_weighted_fluctuation.unwrap_or(f64::NAN)
    })?;
    put_steps(py, &all, path.iter().map(|point| point.step).collect())?;
    put_conditions(
        py,
        &all,
        path.iter().map(|point| &point.layer_conditions[..]),
    )?;
    Ok(all)
}

/// SGD's steps, where η and B say which they are.
fn put_steps(py: Python<'_>, all: &Bound<'_, PyDict>, steps: Option<Vec<u64>>) -> PyResult<()> {
    let Some(steps) = steps else { return Ok(()) };
    let steps: Vec<i64> = steps.into_iter().map(|step| step as i64).collect();
    all.set_item("step", array::column(py, steps)?)
}

/// Each layer's condition number, (times, layers).
fn put_conditions<'p>(
    py: Python<'_>,
    all: &Bound<'_, PyDict>,
    path: impl ExactSizeIterator<Item = &'p [f64]> + Clone,
) -> PyResult<()> {
    let shape = [path.len(), path.clone().next().map_or(0, <[f64]>::len)];
    let conditions = path.flatten().copied().collect();
    all.set_item("layer_conditions", array::shaped(py, conditions, &shape)?)
}

/// What is known along the path, one row for each time.
fn arrays<'py>(py: Python<'py>, path: &[Waypoint]) -> PyResult<Bound<'py, PyDict>> {
    let all = PyDict::new(py);
    let put = |name: &str, of: fn(&Waypoint) -> f64| {
        all.set_item(name, array::column(py, path.iter().map(of).collect())?)
    };
    put("slow_time", |point| point.slow_time)?;
    put("sharpness", |point| point.sharpness)?;
    put("lambda_max", |point| point.lambda_max)?;
    put("fluctuation", |point| point.fluctuation)?;
    put("distance", |point| point.distance)?;
    put_steps(py, &all, path.iter().map(|point| point.step).collect())?;
    put_conditions(
        py,
        &all,
        path.iter().map(|point| &point.layer_conditions[..]),
    )?;
    let depth = path.first().map_or(0, |point| point.layer_conditions.len());
    let layers = PyList::empty(py);
    for k in 0..depth {
        let mut values = Vec::new();
        let mut shape = [path.len(), 0, 0];
        for point in path {
            let layer = &point.weights.layers()[k];
            shape = [path.len(), layer.nrows(), layer.ncols()];
            for row in layer.row_iter() {
                values.extend(row.iter());
            }
        }
        layers.append(array::shaped(py, values, &shape)?)?;
    }
    all.set_item("weights", layers)?;
    Ok(all)
}
