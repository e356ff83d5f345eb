//! Networks, as recordings on the differentiable core.

mod error;
mod init;
mod mlp;
mod network;
mod rnn;
mod transformer;

pub use error::ModelError;
pub use init::Init;
pub use mlp::Mlp;
pub use network::Network;
pub use rnn::{Read, Rnn};
pub use transformer::Transformer;
