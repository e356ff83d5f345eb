//! A diagonal block of an operator: one layer's own curvature.

use std::ops::Range;

use faer::{Mat, MatMut, MatRef};

use super::error::require;
use super::{CurvatureError, SymmetricOperator};

/// The rows and columns `range` of an operator A. A product with it costs a product with A.
pub struct DiagonalBlock<'a, A: ?Sized> {
    operator: &'a mut A,
    range: Range<usize>,
}

impl<'a, A: SymmetricOperator + ?Sized> DiagonalBlock<'a, A> {
    /// The block of the coordinates in `range`.
    ///
    /// # Errors
    /// When `range` is empty or reaches beyond the operator.
    pub fn new(operator: &'a mut A, range: Range<usize>) -> Result<Self, CurvatureError> {
        let dim = operator.dim();
        require(
            range.start < range.end && range.end <= dim,
            "block range",
            format!("{range:?}"),
            format!("not empty, and within 0..{dim}"),
        )?;
        Ok(Self { operator, range })
    }
}

impl<A: SymmetricOperator + ?Sized> SymmetricOperator for DiagonalBlock<'_, A> {
    type Error = A::Error;

    fn dim(&self) -> usize {
        self.range.len()
    }

    fn apply_block(
        &mut self,
        input: MatRef<'_, f64>,
        mut output: MatMut<'_, f64>,
    ) -> Result<(), A::Error> {
        let (start, size) = (self.range.start, self.range.len());
        let mut padded = Mat::zeros(self.operator.dim(), input.ncols());
        padded.subrows_mut(start, size).copy_from(input);
        let mut image = Mat::zeros(padded.nrows(), padded.ncols());
        self.operator.apply_block(padded.as_ref(), image.as_mut())?;
        output.copy_from(image.subrows(start, size));
        Ok(())
    }
}
