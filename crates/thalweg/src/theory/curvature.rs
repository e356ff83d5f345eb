//! The curvature operator K at any weights: the Hessian's non-zero spectrum in output × input space.

use faer::{Col, Mat, MatRef};

use super::{TheoryError, dense, lanczos};
use crate::problem::{Problem, Weights};

/// K = Σ_k (Xᵀ B_kᵀ B_k X) ⊗ (A_k A_kᵀ), with X Xᵀ = Σx, on d_y × p matrices stacked column by column, p = rank Σx.
///
/// Its eigenvalues are those of the Gauss–Newton matrix, which at a minimum is the Hessian, apart
/// from zeros.
pub struct Curvature {
    /// A_k, d_y × h_k, for A_k A_kᵀ.
    above: Vec<Square>,
    /// (B_k X)ᵀ, p × h_{k−1}.
    reached: Vec<Square>,
}

/// M Mᵀ, in the form that takes fewer operations to multiply with.
enum Square {
    Factor(Mat<f64>),
    Formed(Mat<f64>),
}

impl Square {
    fn new(factor: Mat<f64>) -> Self {
        if 2 * factor.ncols() < factor.nrows() {
            Self::Factor(factor)
        } else {
            Self::Formed(&factor * factor.transpose())
        }
    }

    fn rows(&self) -> usize {
        match self {
            Self::Factor(matrix) | Self::Formed(matrix) => matrix.nrows(),
        }
    }

    /// M Mᵀ U.
    fn times(&self, u: MatRef<'_, f64>) -> Mat<f64> {
        match self {
            Self::Factor(m) => m * (m.transpose() * u),
            Self::Formed(square) => square * u,
        }
    }

    fn matrix(&self) -> Mat<f64> {
        match self {
            Self::Factor(m) => m * m.transpose(),
            Self::Formed(square) => square.clone(),
        }
    }
}

impl Curvature {
    /// K at `weights`.
    ///
    /// # Errors
    /// When the weights do not have the problem's shapes.
    pub fn new(problem: &Problem, weights: &Weights) -> Result<Self, TheoryError> {
        weights.fits(problem)?;
        let mut reached = vec![problem.input_factor().matrix().to_owned()];
        for layer in &weights.layers()[..weights.depth() - 1] {
            let next = layer * &reached[reached.len() - 1];
            reached.push(next);
        }
        let turned = reached.iter().map(|reached| reached.transpose().to_owned());
        Ok(Self {
            above: weights.above().into_iter().map(Square::new).collect(),
            reached: turned.map(Square::new).collect(),
        })
    }

    /// d_y p, the rows of K: outputs times the rank p of Σx.
    pub fn size(&self) -> usize {
        self.above[0].rows() * self.reached[0].rows()
    }

    /// K U = Σ_k A_k A_kᵀ U (B_kX)ᵀ(B_kX), for U of shape d_y × p.
    fn apply(&self, u: MatRef<'_, f64>) -> Mat<f64> {
        let mut image = Mat::zeros(u.nrows(), u.ncols());
        for (above, reached) in self.above.iter().zip(&self.reached) {
            let half = above.times(u);
            image += reached.times(half.transpose()).transpose();
        }
        image
    }

    /// K as a matrix, entries of U numbered column by column. For small d: (d_y p)² numbers.
    pub fn matrix(&self) -> Mat<f64> {
        let (rows, size) = (self.above[0].rows(), self.size());
        let mut matrix = Mat::zeros(size, size);
        for (above, reached) in self.above.iter().zip(&self.reached) {
            let (output, input) = (above.matrix(), reached.matrix());
            for j in 0..size {
                for i in 0..size {
                    matrix[(i, j)] += output[(i % rows, j % rows)] * input[(i / rows, j / rows)];
                }
            }
        }
        matrix
    }

    /// All d_y p eigenvalues, descending. For small d.
    ///
    /// # Errors
    /// When the eigenvalue decomposition does not converge.
    pub fn spectrum(&self) -> Result<Vec<f64>, TheoryError> {
        let mut values = dense::eigenvalues(self.matrix().as_ref())?;
        values.reverse();
        Ok(values)
    }

    /// λ_max, without forming K where it is large.
    ///
    /// # Errors
    /// When the iteration does not converge.
    pub fn lambda_max(&self) -> Result<f64, TheoryError> {
        let (rows, columns) = (self.above[0].rows(), self.reached[0].rows());
        lanczos::top_eigenvalue(self.size(), |vector| {
            let u = Mat::from_fn(rows, columns, |i, j| vector[j * rows + i]);
            let image = self.apply(u.as_ref());
            Col::from_fn(rows * columns, |i| image[(i % rows, i / rows)])
        })
    }
}
