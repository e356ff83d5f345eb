//! Small operators as matrices.

use std::convert::Infallible;

use faer::{Mat, MatMut, MatRef, Side};

use super::operator::Counted;
use super::{CurvatureError, SymmetricOperator};

/// Columns formed at a time: enough to fill an operator's block product, few enough to store.
const COLUMNS: usize = 32;

/// A symmetric matrix.
#[derive(Clone, Debug, PartialEq)]
pub struct Dense(Mat<f64>);

impl Dense {
    /// The operator of a matrix, which is taken to be symmetric.
    ///
    /// # Errors
    /// When it is not square.
    pub fn new(matrix: Mat<f64>) -> Result<Self, CurvatureError> {
        if matrix.nrows() != matrix.ncols() {
            return Err(CurvatureError::Shape {
                what: "the matrix of an operator",
                rows: matrix.nrows(),
                columns: matrix.ncols(),
                expected: "square".to_owned(),
            });
        }
        Ok(Self(matrix))
    }

    /// The matrix of `operator`, by n products. For small n: n² numbers.
    ///
    /// # Errors
    /// When a product fails or is not finite.
    pub fn of<A: SymmetricOperator + ?Sized>(
        operator: &mut A,
    ) -> Result<Self, CurvatureError<A::Error>> {
        let mut operator = Counted::new(operator)?;
        let mut matrix = Mat::zeros(operator.dim(), operator.dim());
        for_columns(&mut operator, |start, columns| {
            matrix
                .subcols_mut(start, columns.ncols())
                .copy_from(columns);
        })?;
        Ok(Self(matrix))
    }

    /// The matrix, n × n.
    pub fn matrix(&self) -> MatRef<'_, f64> {
        self.0.as_ref()
    }

    /// All eigenvalues, descending; read from the lower triangle.
    ///
    /// # Errors
    /// When the decomposition does not converge.
    pub fn spectrum(&self) -> Result<Vec<f64>, CurvatureError> {
        let mut values = self.0.self_adjoint_eigenvalues(Side::Lower).map_err(|_| {
            CurvatureError::Decomposition {
                what: "eigenvalue decomposition",
            }
        })?;
        values.reverse();
        Ok(values)
    }
}

impl SymmetricOperator for Dense {
    type Error = Infallible;

    fn dim(&self) -> usize {
        self.0.nrows()
    }

    fn apply_block(
        &mut self,
        input: MatRef<'_, f64>,
        mut output: MatMut<'_, f64>,
    ) -> Result<(), Infallible> {
        output.copy_from(&self.0 * input);
        Ok(())
    }
}

/// Gives `take` all columns of A, several at a time, with the number of the first.
pub(super) fn for_columns<A: SymmetricOperator + ?Sized>(
    operator: &mut Counted<'_, A>,
    mut take: impl FnMut(usize, MatRef<'_, f64>),
) -> Result<(), CurvatureError<A::Error>> {
    let size = operator.dim();
    for start in (0..size).step_by(COLUMNS) {
        let width = COLUMNS.min(size - start);
        let units = Mat::from_fn(size, width, |i, j| if i == start + j { 1.0 } else { 0.0 });
        take(start, operator.block(units.as_ref())?.as_ref());
    }
    Ok(())
}
