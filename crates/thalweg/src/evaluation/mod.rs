//! A network's mean loss over a fixed set of samples, at any point, with its derivatives as operators.
//!
//! The set is worked through in batches, each recorded once at a point: every further product
//! replays tangents alone. Batches count by their size, so that a last one that is
//! smaller changes nothing; and sums over them are taken in their order, whatever the number of cores.
//!
//! ```
//! use std::sync::Arc;
//! use thalweg::curvature::TraceSettings;
//! use thalweg::data::Samples;
//! use thalweg::evaluation::Evaluation;
//! use thalweg::faer::mat;
//! use thalweg::loss::{Convention, Loss};
//! use thalweg::model::Mlp;
//! use thalweg::tensor::Activation;
//!
//! // f(x) = w x at x = 1 and 2, where y = 0: L = ½ w² (1 + 4)/2.
//! let line = Mlp { widths: vec![1, 1], activation: Activation::Identity, biases: false };
//! let samples = Samples { inputs: mat![[1.0, 2.0]], targets: mat![[0.0, 0.0]] };
//! let loss = Loss::SquaredError(Convention::Half);
//! let mut loss = Evaluation::new(Arc::new(line.tape()?), loss, samples, Evaluation::BATCH)?;
//! assert_eq!(loss.loss(&[2.0])?, 5.0);
//! assert_eq!(loss.hessian_trace(&[2.0], &TraceSettings::new(10))?.value, 2.5);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod batches;
mod curved;
mod error;
mod layer;
mod memory;
mod operator;
mod positions;
mod products;
mod relabelled;
mod sampled;
mod samples;
mod trace;

pub use curved::{CurvedLoss, LossMatrix};
pub use error::EvaluationError;
pub use layer::{Layer, layers};
pub use operator::Operator;
pub use sampled::{RelabelledLoss, SampledLoss};
pub use samples::SampleCurvature;

use std::sync::Arc;

use crate::data::Samples;
use crate::loss::Loss;
use crate::tensor::{Mask, Tape};
use batches::{Batches, RESIDENT};
use error::finite;

/// L(θ) = (1/N) Σ_b ℓ(f(x_b; θ), y_b) over a fixed set of N samples, with everything that is to be known of
/// it at a point θ.
///
/// In f64 throughout. What one call has recorded at θ the next call with the same θ uses.
#[derive(Debug)]
pub struct Evaluation {
    tape: Arc<Tape>,
    batches: Batches,
}

impl Evaluation {
    /// Samples to work on at a time, for most purposes.
    pub const BATCH: usize = 256;

    /// The set `samples`, which several evaluations may share, worked through `batch` at a time ([`Evaluation::BATCH`], for most purposes): the
    /// results depend on it by rounding alone.
    ///
    /// # Errors
    /// When a matrix does not fit the tape, there is no sample, a number is not finite, or `batch` is 0.
    pub fn new(
        tape: Arc<Tape>,
        loss: Loss,
        samples: impl Into<Arc<Samples>>,
        batch: usize,
    ) -> Result<Self, EvaluationError> {
        let samples = samples.into();
        let (input, output) = (tape.input(), tape.output());
        if batch == 0 {
            return Err(EvaluationError::Count {
                what: "samples in a batch",
                found: 0,
                expected: "at least 1".to_owned(),
            });
        }
        let count = samples.inputs.ncols();
        if count == 0 {
            return Err(EvaluationError::Count {
                what: "samples",
                found: 0,
                expected: "at least 1".to_owned(),
            });
        }
        let Samples { inputs, targets } = &*samples;
        let masks: usize = tape.masks().iter().map(Mask::count).sum();
        for (what, matrix, variable, more) in [
            ("inputs", inputs, input, masks),
            ("targets", targets, output, 0),
        ] {
            let lines = variable.rows() * variable.positions() + more;
            if (matrix.nrows(), matrix.ncols()) != (lines, count) {
                return Err(EvaluationError::Shape {
                    what,
                    rows: matrix.nrows(),
                    columns: matrix.ncols(),
                    expected: format!("{lines} × {count}, a column for each sample"),
                });
            }
        }
        for (what, matrix) in [
            ("an input of sample", inputs),
            ("a target of sample", targets),
        ] {
            for (sample, column) in matrix.col_iter().enumerate() {
                finite(what, column.iter().map(|x| (sample, x)))?;
            }
        }
        Ok(Self {
            batches: Batches::new(tape.clone(), loss, samples, batch, RESIDENT),
            tape,
        })
    }

    /// The function of which this is the loss.
    pub fn tape(&self) -> &Tape {
        &self.tape
    }

    /// What is averaged.
    pub fn loss_function(&self) -> Loss {
        self.batches.loss()
    }

    /// The mean loss L(θ) over the samples.
    ///
    /// # Errors
    /// When θ has the wrong length or a number that is not finite; so for all that follows.
    pub fn loss(&mut self, parameters: &[f64]) -> Result<f64, EvaluationError> {
        Ok(self.sample_losses(parameters)?.iter().sum::<f64>() / self.samples() as f64)
    }

    /// Moves to θ.
    fn at(&mut self, parameters: &[f64]) -> Result<(), EvaluationError> {
        if parameters.len() != self.tape.parameter_count() {
            return Err(EvaluationError::Count {
                what: "parameters",
                found: parameters.len(),
                expected: self.tape.parameter_count().to_string(),
            });
        }
        finite("parameter", parameters.iter().enumerate())?;
        self.batches.at(parameters);
        Ok(())
    }
}

/// sum += weight · part.
fn add(sum: &mut [f64], weight: f64, part: &[f64]) {
    for (sum, part) in sum.iter_mut().zip(part) {
        *sum += weight * part;
    }
}
