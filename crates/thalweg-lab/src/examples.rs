//! The experiments on the paper's networks and a sweep, as the files of `examples/` give them.
//!
//! ```
//! use thalweg_lab::spec::{Draft, NetworkExperiment};
//!
//! let relu = Draft::from_toml(thalweg_lab::examples::RELU)?.experiment::<NetworkExperiment>()?;
//! assert_eq!((relu.settings.batch, relu.seeds.len()), (100, 16));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

/// The sweep behind the figure `anisotropy-depth`: twelve depths by 36 noises.
pub const ANISOTROPY_DEPTH: &str = include_str!("../examples/anisotropy-depth.toml");
/// A deep linear network of three layers on the answers of another.
pub const LINEAR: &str = include_str!("../examples/linear.toml");
/// A perceptron on MNIST's digits, with noise on their labels.
pub const MNIST: &str = include_str!("../examples/mnist.toml");
/// A perceptron with ReLU, from labels that are noisier on one output.
pub const RELU: &str = include_str!("../examples/relu.toml");
/// The same with equal noise on both outputs.
pub const RELU_ISOTROPIC: &str = include_str!("../examples/relu-isotropic.toml");
/// A recurrent network, read at its last step.
pub const RNN: &str = include_str!("../examples/rnn.toml");
/// A perceptron that predicts two numbers of a table from the others.
pub const TABLE: &str = include_str!("../examples/table.toml");
/// A transformer on short sequences.
pub const TRANSFORMER: &str = include_str!("../examples/transformer.toml");
/// A language model on the characters of a book.
pub const TEXT: &str = include_str!("../examples/text.toml");
