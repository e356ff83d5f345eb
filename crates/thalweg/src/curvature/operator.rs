//! A symmetric operator by its products with vectors, counted.

use faer::{ColMut, ColRef, Mat, MatMut, MatRef};

use super::CurvatureError;
use super::error::require;
use crate::Stop;

/// A symmetric n × n operator A, known by its products.
///
/// Products take `&mut self` so that an operator may keep buffers. An operator need not check what it is
/// given: the shapes are right. Numbers that are not finite in its output become an error.
///
/// A product may fail, or be stopped: it comes from a file, say, or from another process, or a user has had enough.
/// Every computation ends at its first error, and hands it on as
/// [`CurvatureError::Operator`].
pub trait SymmetricOperator {
    /// Why a product failed; [`Infallible`](std::convert::Infallible) where none does.
    type Error;

    /// n, the dimension: the length of the vectors that A is applied to, at least 1.
    fn dim(&self) -> usize;

    /// `output` = A `input`, column by column; both are n × (any number of columns).
    ///
    /// # Errors
    /// The operator's own; `output` may then hold anything.
    fn apply_block(
        &mut self,
        input: MatRef<'_, f64>,
        output: MatMut<'_, f64>,
    ) -> Result<(), Self::Error>;

    /// `output` = A `input`, both of length n.
    ///
    /// # Errors
    /// As [`apply_block`](Self::apply_block).
    fn apply(
        &mut self,
        input: ColRef<'_, f64>,
        output: ColMut<'_, f64>,
    ) -> Result<(), Self::Error> {
        self.apply_block(input.as_mat(), output.as_mat_mut())
    }
}

/// An operator that counts its products and refuses numbers that are not finite.
pub(super) struct Counted<'a, A: ?Sized> {
    operator: &'a mut A,
    matvecs: usize,
}

impl<'a, A: SymmetricOperator + ?Sized> Counted<'a, A> {
    /// Nothing counted yet; an error for an operator of dimension 0.
    pub(super) fn new(operator: &'a mut A) -> Result<Self, CurvatureError<A::Error>> {
        require(operator.dim() > 0, "dimension", 0, "at least 1").map_err(CurvatureError::widen)?;
        Ok(Self {
            operator,
            matvecs: 0,
        })
    }

    pub(super) fn dim(&self) -> usize {
        self.operator.dim()
    }

    /// A X.
    pub(super) fn block(
        &mut self,
        input: MatRef<'_, f64>,
    ) -> Result<Mat<f64>, CurvatureError<A::Error>> {
        Stop::here().asked()?;
        let mut output = Mat::zeros(input.nrows(), input.ncols());
        self.operator
            .apply_block(input, output.as_mut())
            .map_err(CurvatureError::Operator)?;
        self.matvecs += input.ncols();
        if output.is_all_finite() {
            Ok(output)
        } else {
            Err(CurvatureError::NonFinite {
                matvecs: self.matvecs,
            })
        }
    }
}
