//! A growing orthonormal basis with its images: the Rayleigh–Ritz procedure.

use faer::{Col, ColRef, Mat, MatRef, Scale, Side};

use super::operator::Counted;
use super::{CurvatureError, SymmetricOperator};
use crate::random::Stream;

/// A direction that keeps less than this of its length beside the basis is taken to lie in its span.
const IN_SPAN: f64 = 1e-8;

/// An orthonormal basis V of `size` columns, A V, and VᵀA V.
pub(super) struct Subspace<'a, A: ?Sized> {
    operator: Counted<'a, A>,
    stream: Stream,
    capacity: usize,
    basis: Mat<f64>,
    images: Mat<f64>,
    /// VᵀA V, lower triangle.
    projected: Mat<f64>,
    size: usize,
}

/// The eigenpairs of VᵀA V, in the order wanted.
pub(super) struct Ritz {
    pub(super) values: Vec<f64>,
    /// Their vectors in the basis, `size` × `size`.
    pub(super) rotation: Mat<f64>,
}

impl<'a, A: SymmetricOperator + ?Sized> Subspace<'a, A> {
    /// An empty basis, of `capacity` vectors at most.
    pub(super) fn new(operator: Counted<'a, A>, capacity: usize, stream: Stream) -> Self {
        let rows = operator.dim();
        Self {
            operator,
            stream,
            capacity,
            basis: Mat::zeros(rows, 0),
            images: Mat::zeros(rows, 0),
            projected: Mat::zeros(0, 0),
            size: 0,
        }
    }

    /// Makes room for `size` vectors, and for some more, since few bases grow as far as they may: touching
    /// so much memory would cost as much as their products.
    fn reserve(&mut self, size: usize) {
        if size > self.basis.ncols() {
            let columns = size.max(2 * self.basis.ncols()).min(self.capacity);
            let rows = self.basis.nrows();
            self.basis.resize_with(rows, columns, |_, _| 0.0);
            self.images.resize_with(rows, columns, |_, _| 0.0);
            self.projected.resize_with(columns, columns, |_, _| 0.0);
        }
    }

    pub(super) fn size(&self) -> usize {
        self.size
    }

    pub(super) fn matvecs(&self) -> usize {
        self.operator.matvecs()
    }

    /// The vectors V Y.
    pub(super) fn vectors(&self, rotation: MatRef<'_, f64>) -> Mat<f64> {
        self.basis.subcols(0, self.size) * rotation
    }

    /// A random direction.
    pub(super) fn random(&mut self) -> Col<f64> {
        Col::from_fn(self.basis.nrows(), |_| self.stream.normal())
    }

    /// Adds as many directions as `candidates` has columns: theirs, or random ones for those that lie in
    /// the span already. The capacity and the whole space must have room for them.
    pub(super) fn extend(
        &mut self,
        candidates: MatRef<'_, f64>,
    ) -> Result<(), CurvatureError<A::Error>> {
        let (old, added) = (self.size, candidates.ncols());
        self.reserve(old + added);
        for j in 0..added {
            let mut candidate = candidates.col(j).to_owned();
            let unit = loop {
                match beside(self.basis.subcols(0, old + j), candidate.as_ref()) {
                    Some(unit) => break unit,
                    None => candidate = self.random(),
                }
            };
            self.basis.col_mut(old + j).copy_from(&unit);
        }
        let images = self.operator.block(self.basis.subcols(old, added))?;
        self.size = old + added;
        let overlaps = images.transpose() * self.basis.subcols(0, self.size);
        self.projected
            .submatrix_mut(old, 0, added, self.size)
            .copy_from(&overlaps);
        self.images.subcols_mut(old, added).copy_from(&images);
        Ok(())
    }

    /// The Ritz pairs, values descending if `descending`.
    pub(super) fn ritz(&self, descending: bool) -> Result<Ritz, CurvatureError<A::Error>> {
        let m = self.size;
        let eigen = self
            .projected
            .submatrix(0, 0, m, m)
            .self_adjoint_eigen(Side::Lower)
            .map_err(|_| CurvatureError::Decomposition {
                what: "Rayleigh–Ritz eigenvalue decomposition",
            })?;
        let place = |i: usize| if descending { m - 1 - i } else { i };
        Ok(Ritz {
            values: (0..m).map(|i| eigen.S()[place(i)]).collect(),
            rotation: Mat::from_fn(m, m, |i, j| eigen.U()[(i, place(j))]),
        })
    }

    /// A v − θ v for the first `count` Ritz pairs, as columns.
    pub(super) fn residuals(&self, ritz: &Ritz, count: usize) -> Mat<f64> {
        let rotation = ritz.rotation.subcols(0, count);
        let scaled = Mat::from_fn(self.size, count, |i, j| rotation[(i, j)] * ritz.values[j]);
        self.images.subcols(0, self.size) * rotation - self.basis.subcols(0, self.size) * scaled
    }

    /// Thick restart: keeps the first `count` Ritz vectors alone.
    pub(super) fn compress(&mut self, ritz: &Ritz, count: usize) {
        let rotation = ritz.rotation.subcols(0, count);
        let basis = self.basis.subcols(0, self.size) * rotation;
        let images = self.images.subcols(0, self.size) * rotation;
        self.basis.subcols_mut(0, count).copy_from(&basis);
        self.images.subcols_mut(0, count).copy_from(&images);
        self.projected.fill(0.0);
        for i in 0..count {
            self.projected[(i, i)] = ritz.values[i];
        }
        self.size = count;
    }
}

/// The unit vector along the part of `vector` orthogonal to the orthonormal `basis`; `None` if there is
/// too little of it.
pub(super) fn beside(basis: MatRef<'_, f64>, vector: ColRef<'_, f64>) -> Option<Col<f64>> {
    let norm = vector.norm_l2();
    if norm == 0.0 {
        return None;
    }
    let mut unit = vector * Scale(1.0 / norm);
    // Twice is enough to be orthogonal to working precision.
    for _ in 0..2 {
        let overlap = basis.transpose() * &unit;
        unit -= basis * overlap;
        let left = unit.norm_l2();
        if left < IN_SPAN {
            return None;
        }
        unit *= Scale(1.0 / left);
    }
    Some(unit)
}
