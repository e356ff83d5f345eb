//! Networks, as recordings on the differentiable core.
//!
//! ```
//! use thalweg::model::{Init, Mlp};
//! use thalweg::tensor::Activation;
//!
//! let network = Mlp { widths: vec![2, 3, 1], activation: Activation::Tanh, biases: true };
//! let tape = network.tape()?;
//! assert_eq!(tape.parameter_count(), (3 * 2 + 3) + (3 + 1));
//! let names: Vec<&str> = tape.parameters().iter().map(|block| block.name.as_str()).collect();
//! assert_eq!(names, ["layers.1.weight", "layers.1.bias", "layers.2.weight", "layers.2.bias"]);
//!
//! let start = Init::Kaiming { gain: 1.0 }.weights(&tape, 0);
//! assert_eq!(start[6..9], [0.0; 3], "biases start at 0");
//! # Ok::<(), thalweg::model::ModelError>(())
//! ```

mod dropout;
mod error;
mod init;
mod language;
mod mlp;
mod network;
mod rnn;
mod transformer;

pub use dropout::Dropout;
pub use error::ModelError;
pub use init::Init;
pub use language::LanguageModel;
pub use mlp::Mlp;
pub use network::Network;
pub use rnn::{Read, Rnn};
pub use transformer::Transformer;
