//! Updates of parameters by gradients.

mod error;
mod schedule;
mod sgd;

pub use error::OptimizerError;
pub use schedule::{Decay, Schedule};
pub use sgd::Sgd;
