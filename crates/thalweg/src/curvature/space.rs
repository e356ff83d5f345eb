//! Where vectors live: all that the algorithms of this module ask of them.

use std::ops::Range;

use faer::{Mat, MatRef};

use super::CurvatureError;
use super::error::require;
use crate::Stop;

/// A space of vectors of length n with a symmetric operator A on it.
///
/// The algorithms keep small matrices, stopping rules and errors, and never look into a vector: so the vectors may
/// live elsewhere, on an accelerator, say, and in another precision. What they are asked for is here. For an operator on
/// vectors in this process's memory there is a space already, which [`eigenpairs`](super::eigenpairs), [`trace`](super::trace()) and
/// [`density`](super::density()) use; [`eigenpairs_in`](super::eigenpairs_in) and its like take any.
///
/// A *block* is an n × (any number of columns) matrix. Shapes and ranges that the methods are given are right. Small matrices come in and go out in
/// double precision, whatever the vectors' own.
pub trait VectorSpace {
    /// Vectors, as columns.
    type Block;
    /// Why an operation failed; [`Infallible`](std::convert::Infallible) where none does.
    type Error;

    /// n, at least 1.
    fn dim(&self) -> usize;

    /// The distance from 1 to the next larger number in the precision of the vectors.
    fn epsilon(&self) -> f64;

    /// A block of `columns` vectors that may hold anything.
    ///
    /// # Errors
    /// The space's own, as of all that follow.
    fn room(&mut self, columns: usize) -> Result<Self::Block, Self::Error>;

    /// A X for the `columns` of `x`.
    ///
    /// # Errors
    /// Why the product failed.
    fn apply(&mut self, x: &Self::Block, columns: Range<usize>)
    -> Result<Self::Block, Self::Error>;

    /// Whether all numbers in `x` are finite.
    ///
    /// # Errors
    /// The space's own.
    fn is_finite(&mut self, x: &Self::Block) -> Result<bool, Self::Error>;

    /// Independent standard normal numbers.
    ///
    /// # Errors
    /// The space's own.
    fn normal(&mut self, columns: usize) -> Result<Self::Block, Self::Error>;

    /// Independent random signs, 1 and −1.
    ///
    /// # Errors
    /// The space's own.
    fn signs(&mut self, columns: usize) -> Result<Self::Block, Self::Error>;

    /// The unit vectors of these numbers.
    ///
    /// # Errors
    /// The space's own.
    fn units(&mut self, range: Range<usize>) -> Result<Self::Block, Self::Error>;

    /// XᵀY for the `columns` of `x`, and all `y`.
    ///
    /// # Errors
    /// The space's own.
    fn inner(
        &mut self,
        x: &Self::Block,
        columns: Range<usize>,
        y: &Self::Block,
    ) -> Result<Mat<f64>, Self::Error>;

    /// The diagonal of XᵀY: x and y have as many columns.
    ///
    /// # Errors
    /// The space's own.
    fn dots(&mut self, x: &Self::Block, y: &Self::Block) -> Result<Vec<f64>, Self::Error>;

    /// Y += X C for the `columns` of `x`.
    ///
    /// # Errors
    /// The space's own.
    fn add(
        &mut self,
        y: &mut Self::Block,
        x: &Self::Block,
        columns: Range<usize>,
        c: MatRef<'_, f64>,
    ) -> Result<(), Self::Error>;

    /// X C for the `columns` of `x`, a new block.
    ///
    /// # Errors
    /// The space's own.
    fn combine(
        &mut self,
        x: &Self::Block,
        columns: Range<usize>,
        c: MatRef<'_, f64>,
    ) -> Result<Self::Block, Self::Error>;

    /// Puts X C for the `columns` of `x` in their own place, from the first on; C has no more columns than rows.
    ///
    /// # Errors
    /// The space's own.
    fn transform(
        &mut self,
        x: &mut Self::Block,
        columns: Range<usize>,
        c: MatRef<'_, f64>,
    ) -> Result<(), Self::Error>;

    /// Puts Y C in columns of `x`, from `at` on, for all of `y`.
    ///
    /// # Errors
    /// The space's own.
    fn place(
        &mut self,
        x: &mut Self::Block,
        at: usize,
        y: &Self::Block,
        c: MatRef<'_, f64>,
    ) -> Result<(), Self::Error>;

    /// Copies all columns of `y` into `x`, from column `at` on.
    ///
    /// # Errors
    /// The space's own.
    fn put(&mut self, x: &mut Self::Block, at: usize, y: &Self::Block) -> Result<(), Self::Error>;
}

/// A space whose products are counted, and in which an operator's numbers that are not finite are an error.
pub(super) struct Products<'a, S: ?Sized> {
    pub(super) space: &'a mut S,
    matvecs: usize,
}

impl<'a, S: VectorSpace + ?Sized> Products<'a, S> {
    /// None counted yet; an error for a space of dimension 0.
    pub(super) fn new(space: &'a mut S) -> Result<Self, CurvatureError<S::Error>> {
        require(space.dim() > 0, "dimension", 0, "at least 1").map_err(CurvatureError::widen)?;
        Ok(Self { space, matvecs: 0 })
    }

    /// The same space, with `matvecs` products counted before.
    pub(super) fn more(&mut self, matvecs: usize) -> Products<'_, S> {
        Products {
            space: &mut *self.space,
            matvecs,
        }
    }

    pub(super) fn dim(&self) -> usize {
        self.space.dim()
    }

    pub(super) fn matvecs(&self) -> usize {
        self.matvecs
    }

    /// A X for the `columns` of `x`.
    pub(super) fn apply(
        &mut self,
        x: &S::Block,
        columns: Range<usize>,
    ) -> Result<S::Block, CurvatureError<S::Error>> {
        Stop::here().asked()?;
        let count = columns.len();
        let images = self
            .space
            .apply(x, columns)
            .map_err(CurvatureError::Operator)?;
        self.matvecs += count;
        let finite = self.space.is_finite(&images);
        if finite.map_err(CurvatureError::Operator)? {
            Ok(images)
        } else {
            Err(CurvatureError::NonFinite {
                matvecs: self.matvecs,
            })
        }
    }

    /// The same for all `count` columns of `x`, `width` at a time, with the number of the first.
    pub(super) fn each(
        &mut self,
        x: &S::Block,
        count: usize,
        width: usize,
        mut take: impl FnMut(&mut S, Range<usize>, S::Block) -> Result<(), S::Error>,
    ) -> Result<(), CurvatureError<S::Error>> {
        for start in (0..count).step_by(width) {
            let columns = start..count.min(start + width);
            let images = self.apply(x, columns.clone())?;
            take(self.space, columns, images).map_err(CurvatureError::Operator)?;
        }
        Ok(())
    }
}
