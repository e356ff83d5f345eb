//! Where a network's samples come from. One kind of data, one file: what a specification says of it, what a reader is told,
//! and the samples that it makes. `KINDS` lists them by their word in files.
//!
//! ```
//! use thalweg_lab::sources::NetworkSource;
//! use thalweg_lab::spec::{Draft, NetworkExperiment};
//!
//! let mnist = Draft::from_toml(thalweg_lab::examples::MNIST)?.experiment::<NetworkExperiment>()?;
//! assert!(matches!(mnist.data.source, NetworkSource::Images(_)));
//! assert_eq!(mnist.data.source.about().words(), "10,000 built-in MNIST digits");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod images;
mod label_flips;
mod soft_labels;
mod table;
mod teacher;
mod text;
mod visits;

use std::path::Path;

use faer::Mat;
use thalweg::data::{LabelNoise, Source};
use thalweg::model::Network;
use thalweg::tensor::Tape;

pub(crate) use images::ImagePart;
pub use images::{ImageFiles, ImageSource};
pub use label_flips::LabelFlips;
pub use soft_labels::SoftLabels;
pub(crate) use soft_labels::SoftUse;
pub use table::{Incomplete, Scale, TableSource};
pub use teacher::TeacherSource;
pub use text::TextSource;

use crate::network::NetworkError;
use crate::spec::{Ends, Fault, Field, Node};
use crate::store::Fingerprint;

/// Inputs and clean targets.
#[derive(Clone, Debug, PartialEq)]
pub enum NetworkSource {
    /// Fresh inputs at each step, and what a teacher of the student's family makes of them.
    Teacher(TeacherSource),
    /// Labelled images.
    Images(ImageSource),
    /// The rows of a table.
    Table(TableSource),
    /// A text, character by character.
    Text(TextSource),
}

impl NetworkSource {
    /// What there is to know of it, whatever its kind.
    pub fn about(&self) -> &dyn DataSource {
        match self {
            Self::Teacher(teacher) => teacher,
            Self::Images(images) => images,
            Self::Table(table) => table,
            Self::Text(text) => text,
        }
    }
}

/// A kind of data.
pub trait DataSource {
    /// The table in a file that it is read from, but for the noise.
    fn to_node(&self) -> Node;

    /// What it is, for a reader.
    fn words(&self) -> String;

    /// Σx at each position, where the specification gives it.
    fn input_covariance(&self) -> Option<&Mat<f64>> {
        None
    }

    /// Pixels from top to bottom and from left to right, where inputs are images.
    fn image_size(&self) -> Option<[usize; 2]> {
        None
    }

    /// Whether targets are classes.
    fn has_classes(&self) -> bool {
        false
    }

    /// Whether each run has data of its own.
    fn differs_by_run(&self) -> bool {
        false
    }

    /// The folder of the user's own files, or the file, where it reads any.
    fn folder(&self) -> Option<&Path> {
        None
    }

    /// The fingerprint of the files in [`folder`](Self::folder) as they are today; nothing where it reads none.
    ///
    /// # Errors
    /// When they cannot be read.
    fn fingerprint(&self) -> Result<Option<Fingerprint>, NetworkError> {
        Ok(None)
    }

    /// Its samples in memory.
    ///
    /// # Errors
    /// When the data cannot be read, do not fit the network or the memory, or a setting is out of range.
    fn make(&self, student: &Student<'_>) -> Result<Sources, NetworkError>;
}

/// For whom samples are made.
#[derive(Clone, Debug)]
pub struct Student<'a> {
    /// The network.
    pub network: &'a Network,
    /// Its recording.
    pub tape: &'a Tape,
    /// What is added to the labels.
    pub noise: LabelNoise,
    /// The run's seed, for what each run has of its own.
    pub run: u64,
}

/// Samples in memory.
#[derive(Clone, Debug)]
pub struct Sources {
    /// What is trained on.
    pub train: Source,
    /// What is measured on: the same stream, or samples that are not trained on.
    pub test: Source,
    /// What was read from the user's own files.
    pub data: Option<Fingerprint>,
    /// Bytes that reading took at its peak.
    pub memory: u64,
}

/// A kind of data in files.
pub(crate) struct Kind {
    /// Its word.
    pub(crate) word: &'static str,
    /// The fields that it may have beside those of noise.
    pub(crate) fields: &'static [&'static str],
    /// What it gives a network that does not say its inputs and outputs.
    pub(crate) ends: Option<Ends>,
    /// The data in a field, for this network.
    pub(crate) read: fn(&Field<'_>, &Network) -> Result<NetworkSource, Fault>,
}

/// Every kind of data, in the order in which errors name them.
pub(crate) const KINDS: &[Kind] = &[
    teacher::KIND,
    images::BUILT_IN,
    images::FOLDER,
    images::CIFAR,
    table::KIND,
    text::BUILT_IN,
    text::FILE,
];
