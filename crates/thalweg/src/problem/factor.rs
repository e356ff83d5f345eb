//! A factor F of a covariance Σ = F Fᵀ, which serves wherever a square root of Σ is needed.
//!
//! Any F with F Fᵀ = Σ is √Σ times a matrix with orthonormal columns, so singular values and traces
//! of products do not depend on which F is taken; Cholesky's is the cheapest and most accurate.

use faer::linalg::solvers::SelfAdjointEigen;
use faer::{Mat, MatRef, Side};

use super::pivoted::{Pivoted, pivoted};

/// Per row: a Cholesky pivot, or an eigenvalue relative to the largest, below d times this is zero.
const SINGULAR_TOLERANCE: f64 = 1e-14;
/// Where a pivot is below this share of its variance, plain rounding would leave it fewer than ten digits.
const WEAK_PIVOT: f64 = 1e-6;

/// F with F Fᵀ = Σ: d × p, p = rank Σ.
#[derive(Clone, Debug, PartialEq)]
pub struct Factor {
    matrix: Mat<f64>,
    /// Rows in the order in which F is lower trapezoidal: the first p make a triangle.
    order: Vec<usize>,
    /// An orthonormal basis of Σ's kernel, where there is one.
    kernel: Option<Mat<f64>>,
    uncertainty: f64,
}

/// Why a symmetric matrix is not a covariance.
pub(super) enum FactorError {
    Indefinite(SelfAdjointEigen<f64>),
    Decomposition,
}

impl Factor {
    /// Factors a symmetric matrix: by plain Cholesky, or in twice the precision and with pivots where that
    /// finds directions that are weak or none.
    pub(super) fn new(covariance: MatRef<'_, f64>) -> Result<Self, FactorError> {
        let size = covariance.nrows();
        let tolerance = size as f64 * SINGULAR_TOLERANCE;
        let mut definite = false;
        if let Ok(cholesky) = covariance.llt(Side::Lower) {
            let lower = cholesky.L();
            let above = |share: f64| {
                (0..size).all(|i| lower[(i, i)] * lower[(i, i)] > share * covariance[(i, i)])
            };
            if above(WEAK_PIVOT) {
                return Ok(Self {
                    matrix: lower.to_owned(),
                    order: (0..size).collect(),
                    kernel: None,
                    uncertainty: 0.0,
                });
            }
            definite = above(tolerance);
        }
        if !definite {
            let eigen = SelfAdjointEigen::new(covariance, Side::Lower)
                .map_err(|_| FactorError::Decomposition)?;
            let (smallest, largest) = (eigen.S()[0], eigen.S()[size - 1]);
            if smallest < -tolerance * largest.abs() || largest < 0.0 {
                return Err(FactorError::Indefinite(eigen));
            }
        }
        let Pivoted { factor, order } = pivoted(covariance, tolerance);
        let kernel = kernel(factor.as_ref(), &order);
        let uncertainty = uncertainty(covariance, factor.as_ref(), &order);
        Ok(Self {
            matrix: factor,
            order,
            kernel,
            uncertainty,
        })
    }

    /// F with F Fᵀ = Σ, d × p: p is the rank of Σ.
    pub fn matrix(&self) -> MatRef<'_, f64> {
        self.matrix.as_ref()
    }

    /// p, the numerical rank of Σ: directions of which less than d·10⁻¹⁴ of their variance is left once
    /// the others are known count as having none.
    pub fn rank(&self) -> usize {
        self.matrix.ncols()
    }

    /// An orthonormal basis of the kernel of Σ, d × (d − p); nothing where Σ is invertible.
    pub fn kernel(&self) -> Option<MatRef<'_, f64>> {
        self.kernel.as_ref().map(Mat::as_ref)
    }

    /// A bound on how much Σ may change relative to itself, in every direction, when each entry moves by half a
    /// unit in its last place; 0 where it is below 10⁻¹⁰ or so.
    ///
    /// With |ΔΣ| ≤ u |Σ| and Σ = F Fᵀ, Σ + ΔΣ = F (I + G) Fᵀ and ‖G‖ ≤ u ‖ |F⁻¹| |Σ| |F⁻ᵀ| ‖. So Σ changes by
    /// no more than that factor either way, and since the geometric mean of Theorem 1 is monotone, T, F and
    /// λ_max change by no more than it relative to themselves. It does not depend on the variables' units.
    pub fn uncertainty(&self) -> f64 {
        self.uncertainty
    }

    /// (Fᵀ)⁺ B for B of shape p × m: the inverse where Σ is invertible, else the pseudo-inverse.
    ///
    /// # Panics
    /// When B does not have p rows.
    pub fn inverse_transpose_times(&self, b: MatRef<'_, f64>) -> Mat<f64> {
        let mut top = b.to_owned();
        triangle(self.matrix(), &self.order)
            .transpose()
            .solve_upper_triangular_in_place(top.as_mut());
        let mut solution = Mat::zeros(self.matrix.nrows(), b.ncols());
        for (row, &place) in self.order[..self.rank()].iter().enumerate() {
            solution.row_mut(place).copy_from(top.row(row));
        }
        // Of all solutions of Fᵀ X = B, the one without a part in the kernel.
        if let Some(kernel) = &self.kernel {
            solution -= kernel * (kernel.transpose() * &solution);
        }
        solution
    }
}

/// u ‖ |F⁻¹| |Σ| |F⁻ᵀ| ‖ over the rows that have pivots.
fn uncertainty(covariance: MatRef<'_, f64>, factor: MatRef<'_, f64>, order: &[usize]) -> f64 {
    let p = factor.ncols();
    let mut inverse = Mat::<f64>::identity(p, p);
    triangle(factor, order).solve_lower_triangular_in_place(inverse.as_mut());
    let inverse = Mat::from_fn(p, p, |i, j| inverse[(i, j)].abs());
    let sizes = Mat::from_fn(p, p, |i, j| covariance[(order[i], order[j])].abs());
    0.5 * f64::EPSILON * (&inverse * sizes * inverse.transpose()).norm_l2()
}

/// The first p rows of F in `order`, a lower triangle.
fn triangle(factor: MatRef<'_, f64>, order: &[usize]) -> Mat<f64> {
    let p = factor.ncols();
    Mat::from_fn(p, p, |i, j| factor[(order[i], j)])
}

/// An orthonormal basis of what Fᵀ maps to 0: with F in two parts, L_1 a triangle and L_2, that of the
/// columns of [−L_1^{−T} L_2ᵀ; I].
fn kernel(factor: MatRef<'_, f64>, order: &[usize]) -> Option<Mat<f64>> {
    let (d, p) = (factor.nrows(), factor.ncols());
    if p == d {
        return None;
    }
    let mut upper = Mat::from_fn(p, d - p, |j, i| -factor[(order[p + i], j)]);
    triangle(factor, order)
        .transpose()
        .solve_upper_triangular_in_place(upper.as_mut());
    let mut basis = Mat::zeros(d, d - p);
    for (row, &place) in order.iter().enumerate() {
        if row < p {
            basis.row_mut(place).copy_from(upper.row(row));
        } else {
            basis[(place, row - p)] = 1.0;
        }
    }
    Some(basis.qr().compute_thin_Q())
}
