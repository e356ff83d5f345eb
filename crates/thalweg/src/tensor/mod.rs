//! A small differentiable core: batched tensor algebra, exact to second order, that knows no networks.
//!
//! A [`Recorder`] writes down once what is to be computed, as a [`Tape`] of operations on lines (one
//! number for every sample of a batch). A [`Machine`] runs the tape in f32 or f64: values forwards,
//! adjoints backwards, and the same two ways along directions of the parameters, which together are
//! arithmetic in dual numbers whose primal parts are recorded once and for all: what Lanczos or
//! Hutchinson ask for at one point. Reverse mode also knows each sample's part in the gradient: see
//! [`Machine::sample_squared_norms`].
//!
//! ```
//! use thalweg::tensor::{Activation, Machine, Recorder};
//!
//! // f(x) = max(w x, 0) of two features.
//! let mut recorder = Recorder::new(2, 1)?;
//! let input = recorder.input();
//! let w = recorder.weight("w", 1, 2)?;
//! let product = recorder.affine(w, None, input)?;
//! let output = recorder.pointwise(Activation::Relu, product);
//! let tape = recorder.finish(output)?;
//!
//! // At x = (1, 1) and x = (−3, 1).
//! let mut machine = Machine::<f64>::new(tape.into(), 2);
//! machine.inputs_mut().line(0).copy_from_slice(&[1.0, -3.0]);
//! machine.inputs_mut().line(1).copy_from_slice(&[1.0, 1.0]);
//! machine.forward(&[2.0, 1.0]);
//! let (output, mut adjoint) = machine.adjoint();
//! assert_eq!(output.line(0), [3.0, 0.0]);
//! adjoint.line(0).copy_from_slice(&[1.0, 1.0]);
//! let mut gradient = [0.0; 2];
//! machine.backward(&[2.0, 1.0], &mut gradient);
//! assert_eq!(gradient, [1.0, 1.0]);
//! # Ok::<(), thalweg::tensor::TensorError>(())
//! ```

mod dual;
mod error;
mod evaluator;
mod linear;
mod lines;
mod machine;
mod normal;
mod number;
mod op;
mod pack;
mod product;
mod real;
mod samples;
mod seeds;
mod sparse;
mod tape;
mod two_layers;
mod variable;
pub(crate) mod write;

pub use dual::Dual;
pub use error::TensorError;
pub(crate) use evaluator::Evaluator;
pub use lines::{Block, Lines, LinesMut};
pub use machine::{Machine, Order};
pub use number::Number;
pub(crate) use op::softmax;
pub use op::{Activation, Group};
pub(crate) use pack::{MOST_SUMS, halve, sums};
pub use real::Real;
pub use seeds::Seeds;
pub use tape::{Recorder, Tape};
pub use variable::{Line, Mask, Parameter, Role, Variable, Vector, Weight};
