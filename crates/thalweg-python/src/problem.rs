//! `Problem`: what is being solved.

use std::sync::Arc;

use faer::Mat;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use serde_json::json;
use thalweg::problem;
use thalweg::theory;
use thalweg_lab::answer::notes;
use thalweg_lab::memory;
use thalweg_lab::provenance::mended_in;
use thalweg_lab::spec::Node;

use crate::error::Failed;
use crate::given::Given;
use crate::{array, json, work};

/// A deep linear network's learning problem: labels y = V x + ε, network f(x) = W_D … W_1 x.
///
/// Loss convention: ½‖y − f(x)‖², summed over outputs, mean over samples. PyTorch's ``nn.MSELoss`` averages over outputs
/// and has no ½: its sharpness is 2/d_y times the one computed here.
///
/// Parameters
/// ----------
/// depth : int
///     D, the number of layers, at least 1.
/// input_covariance : array_like, (d_x, d_x)
///     Σx = E xxᵀ, symmetric and positive semi-definite.
/// teacher : array_like, (d_y, d_x)
///     V, the map behind the labels.
/// noise_covariance : array_like, (d_y, d_y)
///     Σε = E εεᵀ, symmetric and positive semi-definite, in units of the loss.
/// hidden_widths : sequence of int, optional
///     h_1 … h_{D−1}. All are max(d_x, d_y) where they are not given.
///
/// Arrays may be of any type of real numbers, lists too; computing is in double precision. What the rounding of entries
/// to single precision explains is mended, and said in ``notes``.
///
/// Raises
/// ------
/// ValueError
///     Names the field: a wrong shape, an entry that is not finite, no covariance, a width below the rank of V√Σx.
///
/// Examples
/// --------
/// >>> import numpy as np
/// >>> problem = Problem(depth=3, input_covariance=np.eye(2), teacher=np.eye(2),
/// ...                   noise_covariance=np.diag([1.0, 0.01]))
/// >>> problem.widths
/// [2, 2, 2, 2]
/// >>> problem.parameters
/// 12
#[pyclass(frozen, eq, module = "thalweg")]
#[derive(PartialEq)]
pub struct Problem {
    /// The core's own.
    pub inner: Arc<problem::Problem>,
}

#[pymethods]
impl Problem {
    #[new]
    #[pyo3(signature = (*, depth, input_covariance, teacher, noise_covariance, hidden_widths=None))]
    fn new(
        py: Python<'_>,
        depth: &Bound<'_, PyAny>,
        input_covariance: &Bound<'_, PyAny>,
        teacher: &Bound<'_, PyAny>,
        noise_covariance: &Bound<'_, PyAny>,
        hidden_widths: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Self> {
        let given = Given::new(&[("depth", Some(depth)), ("hidden_widths", hidden_widths)])?;
        let depth = given.read(|root| root.required("depth", "the number of layers D")?.size())?;
        let hidden_widths = given.read(|root| {
            let field = root.optional("hidden_widths");
            let widths = field.map(|field| field.list("a list of the D − 1 hidden widths"));
            let widths = widths.transpose()?;
            let sizes = widths.map(|widths| widths.iter().map(|width| width.size()).collect());
            sizes.transpose()
        })?;
        let matrices = Matrices {
            input_covariance: array::matrix("input_covariance", input_covariance)?,
            teacher: array::matrix("teacher", teacher)?,
            noise_covariance: array::matrix("noise_covariance", noise_covariance)?,
        };
        let made = work::compute(py, move || matrices.problem(depth, hidden_widths))?;
        Ok(made?.into())
    }

    /// D, the number of layers.
    #[getter]
    fn depth(&self) -> usize {
        self.inner.depth()
    }

    /// h_0 = d_x, h_1, …, h_D = d_y.
    #[getter]
    fn widths(&self) -> Vec<usize> {
        self.inner.widths().to_vec()
    }

    /// h_1 … h_{D−1}.
    #[getter]
    fn hidden_widths(&self) -> Vec<usize> {
        self.inner.widths()[1..self.inner.depth()].to_vec()
    }

    /// The number of weights, Σ_k h_k h_{k−1}.
    #[getter]
    fn parameters(&self) -> usize {
        self.inner.parameters()
    }

    /// Σx, (d_x, d_x).
    #[getter]
    fn input_covariance<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        array::from_matrix(py, self.inner.input_covariance())
    }

    /// V, (d_y, d_x).
    #[getter]
    fn teacher<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        array::from_matrix(py, self.inner.teacher())
    }

    /// Σε, (d_y, d_y).
    #[getter]
    fn noise_covariance<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        array::from_matrix(py, self.inner.noise_covariance())
    }

    /// What rounding did to the covariances, in sentences; mostly none.
    #[getter]
    fn notes(&self) -> Vec<String> {
        notes(self.inner.caveats())
    }

    /// How many significant digits of T, F and λ_max the covariances fix: 1 to 10.
    #[getter]
    fn known_digits(&self) -> usize {
        self.inner.known_digits()
    }

    /// The fields as a problem file of the program has them.
    ///
    /// >>> Problem(depth=1, input_covariance=[[1]], teacher=[[2]], noise_covariance=[[1]]).to_dict()["teacher"]
    /// [[2.0]]
    fn to_dict<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        json::python(py, &json!(self.node()))
    }

    fn __repr__(&self) -> String {
        let (depth, widths) = (self.inner.depth(), self.inner.widths());
        let shown = if depth <= 8 {
            format!("{widths:?}")
        } else {
            format!("[{}, …, {}]", widths[0], widths[depth])
        };
        format!("Problem(depth={depth}, widths={shown})")
    }

    fn __reduce__<'py>(
        &self,
        py: Python<'py>,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyTuple>)> {
        let restore = py.import("thalweg._core")?.getattr("restore_problem")?;
        let fields = (
            self.depth(),
            self.input_covariance(py)?,
            self.teacher(py)?,
            self.noise_covariance(py)?,
            self.hidden_widths(),
            mended_in(&self.inner),
        );
        Ok((restore, fields.into_pyobject(py)?))
    }
}

impl From<problem::Problem> for Problem {
    fn from(problem: problem::Problem) -> Self {
        Self {
            inner: Arc::new(problem),
        }
    }
}

impl Problem {
    /// The table `problem` of a specification.
    pub fn node(&self) -> Node {
        let problem = &self.inner;
        let rows = |matrix: faer::MatRef<'_, f64>| -> Node {
            let rows = matrix.row_iter();
            rows.map(|row| row.iter().copied().collect::<Node>())
                .collect()
        };
        Node::from([
            ("depth", problem.depth().into()),
            ("hidden_widths", self.hidden_widths().into_iter().collect()),
            ("input_covariance", rows(problem.input_covariance())),
            ("teacher", rows(problem.teacher())),
            ("noise_covariance", rows(problem.noise_covariance())),
        ])
    }
}

/// The matrices of a problem, before they are looked at.
struct Matrices {
    input_covariance: Mat<f64>,
    teacher: Mat<f64>,
    noise_covariance: Mat<f64>,
}

impl Matrices {
    fn problem(
        self,
        depth: usize,
        hidden_widths: Option<Vec<usize>>,
    ) -> Result<problem::Problem, Failed> {
        let Self {
            input_covariance,
            teacher,
            noise_covariance,
        } = self;
        let outputs = teacher.nrows().max(noise_covariance.nrows());
        let inputs = teacher.ncols().max(input_covariance.nrows());
        memory::fits(
            theory::memory(inputs, outputs),
            memory::multiplying(inputs.max(outputs)),
            "a smaller dimension needs less",
        )
        .map_err(Failed::input)?;
        let problem = match hidden_widths {
            None => problem::Problem::new(input_covariance, teacher, noise_covariance, depth),
            Some(widths) => problem::Problem::with_hidden_widths(
                input_covariance,
                teacher,
                noise_covariance,
                depth,
                &widths,
            ),
        };
        problem.map_err(Failed::input)
    }
}

/// A problem whose covariances were mended when it was made, as pickle brings it back.
#[pyfunction]
pub fn restore_problem(
    py: Python<'_>,
    depth: usize,
    input_covariance: &Bound<'_, PyAny>,
    teacher: &Bound<'_, PyAny>,
    noise_covariance: &Bound<'_, PyAny>,
    hidden_widths: Vec<usize>,
    mended: Vec<String>,
) -> PyResult<Problem> {
    let matrices = Matrices {
        input_covariance: array::matrix("input_covariance", input_covariance)?,
        teacher: array::matrix("teacher", teacher)?,
        noise_covariance: array::matrix("noise_covariance", noise_covariance)?,
    };
    let made = work::compute(py, move || matrices.problem(depth, Some(hidden_widths)))??;
    Ok(made.recalling(mended).into())
}
