//! The curvature operator K at any weights: the Hessian's non-zero spectrum in output × input space.

use faer::{Col, Mat, MatRef};

use super::{TheoryError, dense, lanczos};
use crate::problem::{Problem, Weights};

/// K = Σ_k (A_k A_kᵀ) ⊗ (Xᵀ B_kᵀ B_k X), with X Xᵀ = Σx; of size d_y p, p = rank Σx.
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

    /// K⁺ U for U in the range of K, by conjugate gradients: K is not formed. U is d_y × p.
    ///
    /// ```
    /// use thalweg::faer::Mat;
    /// use thalweg::problem::{Problem, covariance};
    /// use thalweg::theory::{Curvature, Minimum};
    ///
    /// let one = || Mat::<f64>::identity(2, 2);
    /// let problem = Problem::new(one(), one(), covariance::from_deviations(&[1.0, 0.5]), 3)?;
    /// let curvature = Curvature::new(&problem, &Minimum::of_sgd(&problem)?.weights()?)?;
    /// let solved = curvature.solve(one().as_ref());
    /// // K as a matrix takes U's entries column by column.
    /// let column = Mat::from_fn(4, 1, |i, _| solved[(i % 2, i / 2)]);
    /// let back = curvature.matrix() * column;
    /// assert!((back[(0, 0)] - 1.0).abs() < 1e-9 && back[(1, 0)].abs() < 1e-9);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn solve(&self, u: MatRef<'_, f64>) -> Mat<f64> {
        /// The residual at which it is solved, relative.
        const SOLVED: f64 = 1e-12;
        let dot = |a: &Mat<f64>, b: &Mat<f64>| {
            let columns = a.col_iter().zip(b.col_iter());
            columns.map(|(a, b)| a.transpose() * b).sum::<f64>()
        };
        let mut found = Mat::zeros(u.nrows(), u.ncols());
        let mut residual = u.to_owned();
        let mut direction = residual.clone();
        let mut size = dot(&residual, &residual);
        let enough = SOLVED * SOLVED * size;
        // In exact arithmetic as many steps as K has rows; rounding takes some more.
        for _ in 0..4 * self.size() {
            if size <= enough {
                break;
            }
            let image = self.apply(direction.as_ref());
            let step = size / dot(&direction, &image);
            found += faer::Scale(step) * &direction;
            residual -= faer::Scale(step) * &image;
            let next = dot(&residual, &residual);
            direction = &residual + faer::Scale(next / size) * &direction;
            size = next;
        }
        found
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
