//! A growing Krylov basis with what the operator does on it: the Rayleigh–Ritz procedure without stored images.

use faer::linalg::solvers::Qr;
use faer::{Mat, MatRef, Side};

use super::orthonormal::{ROUNDING, extend};
use super::space::Products;
use super::{CurvatureError, VectorSpace};

/// A V = U K, where V are the first `size` columns of the orthonormal U.
///
/// U has `ahead` columns more than V: the directions in which A leads out of V, by which V grows next. All
/// residuals lie in them, so that their lengths are known from K alone, to rounding: K holds what was measured, not
/// what symmetry would make of it.
pub(super) struct Krylov<'a, S: VectorSpace + ?Sized> {
    products: Products<'a, S>,
    /// U, and room for more.
    vectors: S::Block,
    size: usize,
    ahead: usize,
    /// K; zero where it has no entries yet.
    coefficients: Mat<f64>,
}

/// The eigenpairs of VᵀA V, in the order wanted.
pub(super) struct Ritz {
    pub(super) values: Vec<f64>,
    /// Their vectors in the basis, `size` × `size`.
    pub(super) rotation: Mat<f64>,
}

impl<'a, S: VectorSpace + ?Sized> Krylov<'a, S> {
    /// No basis yet. It starts with the directions of the first `columns` of `start`, random ones where
    /// those are fewer; `capacity` is the most vectors that V will have.
    pub(super) fn new(
        mut products: Products<'a, S>,
        start: S::Block,
        columns: usize,
        capacity: usize,
    ) -> Result<Self, CurvatureError<S::Error>> {
        let most = (capacity + columns).min(products.dim());
        let mut vectors = products
            .space
            .room(most)
            .map_err(CurvatureError::Operator)?;
        extend(
            &mut products,
            &mut vectors,
            0,
            start,
            &vec![0.0; columns],
            columns,
        )?;
        Ok(Self {
            products,
            vectors,
            size: 0,
            ahead: columns,
            coefficients: Mat::zeros(most, capacity),
        })
    }

    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// By how many vectors the basis can grow.
    pub(super) fn ahead(&self) -> usize {
        self.ahead
    }

    pub(super) fn matvecs(&self) -> usize {
        self.products.matvecs()
    }

    /// K, (size + ahead) × size.
    pub(super) fn coefficients(&self) -> MatRef<'_, f64> {
        self.coefficients
            .submatrix(0, 0, self.size + self.ahead, self.size)
    }

    /// The vectors V Y.
    pub(super) fn combine(
        &mut self,
        rotation: MatRef<'_, f64>,
    ) -> Result<S::Block, CurvatureError<S::Error>> {
        self.products
            .space
            .combine(&self.vectors, 0..self.size, rotation)
            .map_err(CurvatureError::Operator)
    }

    /// Turns the directions ahead so that the first ones span what the residuals of the Ritz pairs `wanted` span.
    pub(super) fn turn(
        &mut self,
        ritz: &Ritz,
        wanted: &[usize],
    ) -> Result<(), CurvatureError<S::Error>> {
        let (size, ahead) = (self.size, self.ahead);
        let coupling = self.coefficients.submatrix(size, 0, ahead, size);
        let vectors = Mat::from_fn(size, wanted.len(), |i, j| ritz.rotation[(i, wanted[j])]);
        let turned = Qr::new((coupling * vectors).as_ref()).compute_Q();
        let coupling = turned.transpose() * coupling;
        self.coefficients
            .submatrix_mut(size, 0, ahead, size)
            .copy_from(&coupling);
        self.products
            .space
            .transform(&mut self.vectors, size..size + ahead, turned.as_ref())
            .map_err(CurvatureError::Operator)
    }

    /// Takes the first `width` directions ahead into the basis, at the cost of as many products. The capacity must
    /// have room for them.
    pub(super) fn grow(&mut self, width: usize) -> Result<(), CurvatureError<S::Error>> {
        let (old, filled) = (self.size, self.size + self.ahead);
        let new = old + width;
        let mut images = self.products.apply(&self.vectors, old..new)?;
        // By symmetry the overlaps with V are known: K has them from the other side. Without them, little
        // is left for the projections that follow, and one of these does.
        let space = &mut *self.products.space;
        let ahead = space
            .inner(&self.vectors, old..filled, &images)
            .map_err(CurvatureError::Operator)?;
        let overlaps = Mat::from_fn(filled, width, |i, j| {
            if i < old {
                self.coefficients[(old + j, i)]
            } else {
                ahead[(i - old, j)]
            }
        });
        let scale = self.coefficients.norm_max().max(overlaps.norm_max());
        let rounding = ROUNDING * space.epsilon();
        // A recurrence of three terms, but after a restart.
        let first = (0..old)
            .find(|&i| overlaps.row(i).norm_max() > rounding * scale)
            .unwrap_or(old);
        let taken = overlaps.subrows(first, filled - first);
        let minus = -taken;
        space
            .add(&mut images, &self.vectors, first..filled, minus.as_ref())
            .map_err(CurvatureError::Operator)?;
        let limits: Vec<f64> = (0..width)
            .map(|j| rounding * scale.max(overlaps.col(j).norm_l2()))
            .collect();
        let wanted = width.min(self.products.dim() - filled);
        let rest = extend(
            &mut self.products,
            &mut self.vectors,
            filled,
            images,
            &limits,
            wanted,
        )?;
        let mut columns = self
            .coefficients
            .submatrix_mut(0, old, filled + wanted, width);
        columns.copy_from(&rest);
        let mut known = columns.subrows_mut(first, filled - first);
        known += taken;
        self.size = new;
        self.ahead = filled + wanted - new;
        Ok(())
    }

    /// The Ritz pairs, values descending if `descending`.
    pub(super) fn ritz(&self, descending: bool) -> Result<Ritz, CurvatureError<S::Error>> {
        let (m, k) = (self.size, &self.coefficients);
        let projected = Mat::from_fn(m, m, |i, j| 0.5 * (k[(i, j)] + k[(j, i)]));
        let eigen = projected.self_adjoint_eigen(Side::Lower).map_err(|_| {
            CurvatureError::Decomposition {
                what: "Rayleigh–Ritz eigenvalue decomposition",
            }
        })?;
        let place = |i: usize| if descending { m - 1 - i } else { i };
        Ok(Ritz {
            values: (0..m).map(|i| eigen.S()[place(i)]).collect(),
            rotation: Mat::from_fn(m, m, |i, j| eigen.U()[(i, place(j))]),
        })
    }

    /// ‖A v − θ v‖ for the first `count` Ritz pairs.
    pub(super) fn residuals(&self, ritz: &Ritz, count: usize) -> Vec<f64> {
        let rotation = ritz.rotation.subcols(0, count);
        let mut residuals = self.coefficients() * rotation;
        for j in 0..count {
            for i in 0..self.size {
                residuals[(i, j)] -= ritz.values[j] * rotation[(i, j)];
            }
        }
        residuals.col_iter().map(|r| r.norm_l2()).collect()
    }

    /// Thick restart: keeps the first `count` Ritz vectors alone, and the directions ahead.
    pub(super) fn compress(
        &mut self,
        ritz: &Ritz,
        count: usize,
    ) -> Result<(), CurvatureError<S::Error>> {
        let (size, ahead) = (self.size, self.ahead);
        let mut rotation = Mat::zeros(size + ahead, count + ahead);
        rotation
            .submatrix_mut(0, 0, size, count)
            .copy_from(ritz.rotation.subcols(0, count));
        for i in 0..ahead {
            rotation[(size + i, count + i)] = 1.0;
        }
        let kept = rotation.transpose() * self.coefficients() * ritz.rotation.subcols(0, count);
        self.products
            .space
            .transform(&mut self.vectors, 0..size + ahead, rotation.as_ref())
            .map_err(CurvatureError::Operator)?;
        self.coefficients.fill(0.0);
        self.coefficients
            .submatrix_mut(0, 0, count + ahead, count)
            .copy_from(&kept);
        self.size = count;
        Ok(())
    }
}
