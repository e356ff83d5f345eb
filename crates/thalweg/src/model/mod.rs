//! Networks, as recordings on the differentiable core.

mod error;
mod mlp;
mod rnn;
mod transformer;

pub use error::ModelError;
pub use mlp::Mlp;
pub use rnn::{Rnn, Steps};
pub use transformer::Transformer;
