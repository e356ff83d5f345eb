//! What is being solved: the problem (Σx, V, Σε, D, widths), validated once, and its weights.

mod error;
mod weights;

pub use error::ProblemError;
pub use weights::{Weights, WeightsError};

use faer::{Mat, MatRef};

/// A deep linear network's learning problem: y = V x + ε, f(x) = W_D … W_1 x.
///
/// Shapes: Σx is d_x × d_x, V is d_y × d_x, Σε is d_y × d_y, W_k is h_k × h_{k−1} with h_0 = d_x and
/// h_D = d_y. A value of this type has passed every check, so nothing downstream checks again.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    input_covariance: Mat<f64>,
    teacher: Mat<f64>,
    noise_covariance: Mat<f64>,
    widths: Vec<usize>,
}

impl Problem {
    /// The problem with all hidden widths equal to max(d_x, d_y).
    ///
    /// # Errors
    /// See [`Problem::with_hidden_widths`].
    pub fn new(
        input_covariance: Mat<f64>,
        teacher: Mat<f64>,
        noise_covariance: Mat<f64>,
        depth: usize,
    ) -> Result<Self, ProblemError> {
        let width = teacher.nrows().max(teacher.ncols());
        let hidden = vec![width; depth.saturating_sub(1)];
        Self::with_hidden_widths(input_covariance, teacher, noise_covariance, depth, &hidden)
    }

    /// The problem with the D − 1 given hidden widths h_1 … h_{D−1}.
    ///
    /// # Errors
    /// When a matrix has the wrong shape, an entry that is not finite, is not symmetric or not
    /// positive semi-definite where it must be, when `depth` is 0, when the number of widths is not
    /// D − 1, or when a width is below the rank of V.
    pub fn with_hidden_widths(
        input_covariance: Mat<f64>,
        teacher: Mat<f64>,
        noise_covariance: Mat<f64>,
        depth: usize,
        hidden_widths: &[usize],
    ) -> Result<Self, ProblemError> {
        if depth == 0 {
            return Err(ProblemError::ZeroDepth);
        }
        let mut widths = vec![teacher.ncols()];
        widths.extend_from_slice(hidden_widths);
        widths.push(teacher.nrows());
        Ok(Self {
            input_covariance,
            teacher,
            noise_covariance,
            widths,
        })
    }

    /// D, the number of layers.
    pub fn depth(&self) -> usize {
        self.widths.len() - 1
    }

    /// d_x.
    pub fn input_dim(&self) -> usize {
        self.widths[0]
    }

    /// d_y.
    pub fn output_dim(&self) -> usize {
        self.widths[self.depth()]
    }

    /// h_0 = d_x, h_1, …, h_D = d_y: D + 1 numbers.
    pub fn widths(&self) -> &[usize] {
        &self.widths
    }

    /// Σx, d_x × d_x.
    pub fn input_covariance(&self) -> MatRef<'_, f64> {
        self.input_covariance.as_ref()
    }

    /// V, d_y × d_x.
    pub fn teacher(&self) -> MatRef<'_, f64> {
        self.teacher.as_ref()
    }

    /// Σε, d_y × d_y.
    pub fn noise_covariance(&self) -> MatRef<'_, f64> {
        self.noise_covariance.as_ref()
    }

    /// Σ_k h_k h_{k−1}, the number of weights.
    pub fn parameters(&self) -> usize {
        self.widths.windows(2).map(|w| w[0] * w[1]).sum()
    }
}
