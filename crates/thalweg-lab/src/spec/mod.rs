//! Specification files: what a user writes in TOML or JSON, read into checked types.
//!
//! One format serves every command: a file may hold a problem, a start, a budget and the settings of
//! a run, and each command takes what it needs. Results that stand in a file as references (a test
//! case carries its expected `sharpness`, for example) are accepted and ignored; any other unknown
//! field is an error.
//!
//! ```
//! use thalweg_lab::spec::{Draft, NetworkExperiment};
//!
//! let mut draft = Draft::from_toml(thalweg_lab::examples::RELU)?;
//! draft.set("network.hidden", vec![8_usize])?;
//! let experiment = draft.experiment::<NetworkExperiment>()?;
//! assert!(experiment.network_words().starts_with("perceptron 2 → 8 → 2"));
//! let error = draft.set("batch", 0_usize).and_then(|()| draft.experiment::<NetworkExperiment>());
//! assert!(error.unwrap_err().to_string().contains("batch"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod draft;
mod error;
mod experiment;
mod field;
mod fields;
mod file;
mod init;
mod line;
mod matrix;
mod network;
mod node;
mod overrides;
mod paths;
mod place;
mod problem;
mod recipe;
mod resolved;
mod schedule;
mod specification;
mod word;

use std::path::Path;

pub use draft::Draft;
pub use error::{Advice, Fault, SpecError};
pub use experiment::{Data, Experiment, default_seeds, initial_weights};
pub use line::SpecLine;
pub use network::{
    EvaluationLabels, LEAST_SAMPLES, NetworkData, NetworkExperiment, NetworkMeasure, SAMPLES,
    SeedRule,
};
pub use overrides::Overrides;
pub use problem::{ProblemFile, batch, learning_rate, slow_time};
pub use recipe::{RECIPE_FIELDS, recipe};
pub use schedule::{Schedule, Spacing};

pub use field::Field;
pub use node::Node;
// What the kinds of data in `sources` are read and written by.
pub(crate) use experiment::seeds;
pub(crate) use field::Tagged;
pub(crate) use fields::{fields, shown};
pub(crate) use init::{init, to_node as init_to_node};
pub(crate) use matrix::{IDENTITY, covariance, matrix, to_node as matrix_to_node};
pub(crate) use network::{Ends, MLP, family, hidden, with_hidden};
pub(crate) use place::steps;
pub use resolved::problem_file_of;
pub(crate) use resolved::{kind, to_toml};
pub use specification::Specification;
pub(crate) use word::Word;

use experiment::EXPERIMENT_FIELDS;
use problem::PROBLEM_FIELDS;

/// Fields beside the problem's and the experiment's.
const OTHER_FIELDS: &[&str] = &["name", "problem", "start_weights", "slow_time"];

/// Results that a file may carry for reference, what they are of, and who resolved it: nothing reads them.
const IGNORED_FIELDS: &[&str] = &[
    "sharpness",
    "min_sharpness",
    "fluctuation",
    "lambda_max",
    "nonzero_spectrum",
    "limit",
    "convention",
    "note",
    "provenance",
    "weight_decay_times_batch_over_learning_rate",
];

/// The problem in the TOML or JSON file `path`, with what stands beside it.
///
/// # Errors
/// When the file cannot be read, is not TOML or JSON, has a field that is unknown, missing or of the
/// wrong kind, or when what it describes is not a problem.
pub fn read_problem(path: &Path) -> Result<ProblemFile, SpecError> {
    Draft::read(path)?.problem()
}

/// The experiment, on a deep linear network or any other, in the TOML or JSON file `path`.
///
/// # Errors
/// When the file cannot be read, is not TOML or JSON, has a field that is unknown, missing or of the
/// wrong kind, or when its parts do not fit each other.
pub fn read_experiment<E: Specification>(path: &Path) -> Result<E, SpecError> {
    Draft::read(path)?.experiment()
}

/// What `read` makes of `bytes`, which are TOML, those of the file `path`.
pub(crate) fn read_toml<T>(
    path: &Path,
    bytes: &[u8],
    read: impl FnOnce(&Field<'_>) -> Result<T, Fault>,
) -> Result<T, SpecError> {
    let text = std::str::from_utf8(bytes).map_err(|error| Fault::NotText {
        offset: error.valid_up_to(),
    });
    text.and_then(|text| file::parse(text, file::Format::Toml))
        .and_then(|tree| read(&Field::root(&tree)))
        .map_err(|fault| SpecError::new(path, fault))
}

/// Refuses a file with a field that no specification has.
fn known(root: &Field<'_>) -> Result<(), Fault> {
    if root.optional("network").is_some() {
        return Err(Fault::OtherKind {
            field: "network",
            what: "the training of a network",
            commands: "`thalweg train`",
        });
    }
    let fields = [
        PROBLEM_FIELDS,
        OTHER_FIELDS,
        EXPERIMENT_FIELDS,
        RECIPE_FIELDS,
    ]
    .concat();
    root.only_besides(&fields, IGNORED_FIELDS)
}
