//! What can be wrong with a saved network, said so that a person can mend it.

use std::path::PathBuf;

use safetensors::SafeTensorError;
use thalweg::model::ModelError;

use crate::spec::SpecError;
use crate::store::StoreError;

/// A network that could not be saved or read back.
#[derive(Debug, thiserror::Error)]
pub enum SavedError {
    /// The file could not be written or read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file holds more than any network can need.
    #[error("{} has {found} bytes, a network has at most {most}", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its bytes.
        found: u64,
        /// The most that are read.
        most: u64,
    },
    /// The file is not safetensors, or it is damaged or cut off.
    #[error("{} is not a whole safetensors file: {source}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: SafeTensorError,
    },
    /// A network lies in a run's directory and is not the run's own.
    #[error("{} {what}: restore the run's own from a copy, or train anew in another directory", path.display())]
    Stranger {
        /// The file.
        path: PathBuf,
        /// What it is.
        what: String,
    },
    /// A directory without networks.
    #[error("{} holds no trained networks (networks/*.safetensors): finish its `thalweg train`, or give a safetensors file", directory.display())]
    NoNetworks {
        /// The directory.
        directory: PathBuf,
    },
    /// A training of which no network is left.
    #[error("{} holds no trained networks: {divergence} Train with a smaller learning rate, in another directory", directory.display())]
    Diverged {
        /// The directory.
        directory: PathBuf,
        /// What became of its seeds, in a sentence.
        divergence: String,
    },
    /// The file does not say which network its tensors make.
    #[error("{} has no specification in its metadata, as those of `thalweg train` do: name one with --specification", path.display())]
    NoSpecification {
        /// The file.
        path: PathBuf,
    },
    /// The file's own specification does not read.
    #[error("the specification in {0}")]
    Specification(#[source] SpecError),
    /// The specified network cannot be built.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// There are not as many parameters as the network has.
    #[error("{found} parameters were given, the network has {expected}")]
    Count {
        /// How many the file has.
        found: usize,
        /// The network's.
        expected: usize,
    },
    /// A parameter of the network is not in the file.
    #[error("{} has no tensor `{name}`, of shape {shape:?}; it has: {found}. In a file of another program, a table `tensors` in the specification may say which is which: \"{name}\" = \"the file's name for it\"", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// The parameter.
        name: String,
        /// Its shape.
        shape: Vec<usize>,
        /// The names that the file has.
        found: String,
    },
    /// A network without biases, and a file with them.
    #[error("{} has biases (`{name}`), and the specified network has none: say `biases = true` in its table `network`", path.display())]
    Biases {
        /// The file.
        path: PathBuf,
        /// The first of them.
        name: String,
    },
    /// A tensor is none of the network's parameters.
    #[error("{} has a tensor `{name}`, which is no parameter of the specified network", path.display())]
    Unknown {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
    },
    /// A tensor has another shape than the parameter.
    #[error("{}: the tensor `{name}` has the shape {found:?}, the specified network needs {expected:?}", path.display())]
    Shape {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// Its shape.
        found: Vec<usize>,
        /// The parameter's.
        expected: Vec<usize>,
    },
    /// Some matrices are stored one way and some the other, and one could be either.
    #[error("{}: the tensor of `{name}` is square, and of the others some are stored as (out, in) and some as (in, out): say which it is in the specification, \"{name}\" = {{ name = \"…\", transposed = true or false }} in the table `tensors`", path.display())]
    Orientation {
        /// The file.
        path: PathBuf,
        /// The parameter.
        name: String,
    },
    /// A tensor is of a type that is not read.
    #[error("{}: the tensor `{name}` is of type {found}: F64, F32, F16 or BF16 is needed", path.display())]
    Type {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
        /// Its type.
        found: String,
    },
    /// A tensor holds an infinite or undefined number.
    #[error("{}: the tensor `{name}` holds a number that is not finite", path.display())]
    NotFinite {
        /// The file.
        path: PathBuf,
        /// The tensor.
        name: String,
    },
}
