//! Random problems without any symmetry, for tests and demonstrations.

use faer::Mat;

use super::{
    Problem, ProblemError, ProblemField, basis::orthogonal, check_size, covariance, teacher,
};
use crate::random::{Purpose, Stream};

/// The shape of a random problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProblemShape {
    /// d_x, the number of inputs.
    pub input_dim: usize,
    /// d_y, the number of outputs.
    pub output_dim: usize,
    /// rank V, at most min(d_x, d_y).
    pub rank: usize,
    /// D, the number of layers, each hidden width max(d_x, d_y).
    pub depth: usize,
}

impl Problem {
    /// A problem with log-normal spectra (deviation 0.7 of the logarithm) in random bases.
    ///
    /// # Errors
    /// When the shape itself is impossible: a zero dimension or depth, or a matrix of more than 2³² numbers.
    pub fn random(shape: ProblemShape, seed: u64) -> Result<Self, ProblemError> {
        let mut stream = Stream::new(seed, Purpose::Problem);
        let spectrum = |n: usize, stream: &mut Stream| -> Vec<f64> {
            (0..n).map(|_| (0.7 * stream.normal()).exp()).collect()
        };
        let (inputs, outputs) = (shape.input_dim, shape.output_dim);
        if inputs == 0 || outputs == 0 {
            return Err(ProblemError::Empty {
                rows: outputs,
                columns: inputs,
            });
        }
        check_size(ProblemField::InputCovariance, &[inputs, inputs])?;
        check_size(ProblemField::NoiseCovariance, &[outputs, outputs])?;
        let mut covariance = |d: usize| -> Mat<f64> {
            let eigenvalues = spectrum(d, &mut stream);
            covariance::conjugated(&eigenvalues, &orthogonal(d, &mut stream))
        };
        let (input_covariance, noise_covariance) = (covariance(inputs), covariance(outputs));
        let singular = spectrum(shape.rank, &mut stream);
        let left = orthogonal(outputs, &mut stream);
        let right = orthogonal(inputs, &mut stream);
        let teacher = teacher::assemble(&left, &singular, &right);
        Self::new(input_covariance, teacher, noise_covariance, shape.depth)
    }
}
