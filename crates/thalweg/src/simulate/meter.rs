//! What measuring needs to know of a problem, found once for a run.

use faer::Mat;

use crate::problem::{Dropped, Problem};
use crate::random::{Purpose, Stream};

use super::Data;
use super::factor::Factor;

/// The problem that is measured.
#[derive(Clone, Debug)]
pub(super) struct Meter {
    /// h_0 … h_D.
    pub widths: Vec<usize>,
    /// L_x and L_ε.
    pub input: Factor,
    pub noise: Factor,
    /// L_xᵀL_x; nothing where that is I.
    pub gram: Option<Mat<f64>>,
    pub teacher: Mat<f64>,
    /// tr Σε.
    pub total_noise: f64,
    /// What heteroscedasticity multiplies the fluctuation by.
    pub growth: f64,
    /// Where inputs are dropped, on which the noise then depends.
    pub dropped: Option<Dropped>,
    /// Normal numbers for where the iteration for λ_max starts: the same for all weights, and almost surely with a part along the
    /// eigenvector sought.
    pub start: Vec<f64>,
}

impl Meter {
    /// Of `problem` under the law of `data`.
    pub fn new(problem: &Problem, data: &Data) -> Self {
        let noise = problem.noise_covariance();
        let input = Factor::of(problem.input_covariance());
        let (rows, columns) = (problem.output_dim(), problem.input_dim());
        let mut stream = Stream::new(0, Purpose::Problem);
        let most = super::low_rank::rank(problem.depth(), rows, columns);
        Self {
            widths: problem.widths().to_vec(),
            gram: input.gram(),
            input,
            noise: Factor::of(noise),
            teacher: problem.teacher().to_owned(),
            total_noise: noise.diagonal().column_vector().iter().sum(),
            growth: 1.0 + 2.0 * data.heteroscedasticity / columns as f64,
            dropped: Dropped::of(problem),
            start: (0..(rows + columns) * most)
                .map(|_| stream.normal())
                .collect(),
        }
    }

    pub fn inputs(&self) -> usize {
        self.widths[0]
    }

    pub fn outputs(&self) -> usize {
        self.widths[self.widths.len() - 1]
    }
}
