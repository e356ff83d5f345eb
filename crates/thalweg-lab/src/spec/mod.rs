//! Specification files: what a user writes in TOML or JSON, read into checked types.
//!
//! One format serves every command: a file may hold a problem, a start, a budget and the settings of
//! a run, and each command takes what it needs. Results that stand in a file as references (a test
//! case carries its expected `sharpness`, for example) are accepted and ignored; any other unknown
//! field is an error.

mod error;
mod experiment;
mod field;
mod file;
mod init;
mod matrix;
mod network;
mod node;
mod overrides;
mod paths;
mod problem;
mod resolved;
mod schedule;
mod specification;
mod word;

use std::path::Path;

pub use error::{Advice, Fault, SpecError};
pub use experiment::{Experiment, default_seeds};
pub use network::{
    Draw, EvaluationLabels, NetworkData, NetworkExperiment, NetworkMeasure, NetworkSource,
};
pub use overrides::Overrides;
pub use problem::ProblemFile;
pub use schedule::{Schedule, Spacing};

pub use field::Field;
pub use node::Node;
pub(crate) use resolved::to_toml;
pub use specification::Specification;

use experiment::EXPERIMENT_FIELDS;
use problem::PROBLEM_FIELDS;

/// Fields beside the problem's and the experiment's.
const OTHER_FIELDS: &[&str] = &["name", "problem", "start_weights", "slow_time"];

/// Results that a file may carry for reference, and who resolved it: nothing reads them.
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
];

/// The problem in the TOML or JSON file `path`, with what stands beside it.
///
/// # Errors
/// When the file cannot be read, is not TOML or JSON, has a field that is unknown, missing or of the
/// wrong kind, or when what it describes is not a problem.
pub fn read_problem(path: &Path) -> Result<ProblemFile, SpecError> {
    read_with(path, |root| {
        known(root).and_then(|()| problem::problem_file(root))
    })
}

/// The experiment in the TOML or JSON file `path`.
///
/// # Errors
/// As [`read_problem`].
pub fn read_experiment(path: &Path) -> Result<Experiment, SpecError> {
    read_experiment_with(path, &Overrides::default())
}

/// The experiment in the TOML or JSON file `path`, where `overrides` take the place of its fields.
///
/// # Errors
/// As [`read_problem`].
pub fn read_experiment_with(path: &Path, overrides: &Overrides) -> Result<Experiment, SpecError> {
    read_overridden(path, overrides)
}

/// The experiment on a network in the TOML or JSON file `path`, where `overrides` take the place of its
/// fields.
///
/// # Errors
/// When the file cannot be read, is not TOML or JSON, has a field that is unknown, missing or of the
/// wrong kind, or when its parts do not fit each other.
pub fn read_network_experiment(
    path: &Path,
    overrides: &Overrides,
) -> Result<NetworkExperiment, SpecError> {
    read_overridden(path, overrides)
}

/// The experiment on a network in `text`, which is TOML.
pub fn parse_network_experiment(text: &str) -> Result<NetworkExperiment, Fault> {
    NetworkExperiment::read(&Field::root(&parse_toml(text)?))
}

/// The tree in `text`, which is TOML.
pub(crate) fn parse_toml(text: &str) -> Result<Node, Fault> {
    file::parse(text, Some("toml"))
}

fn read_overridden<E: Specification>(path: &Path, overrides: &Overrides) -> Result<E, SpecError> {
    let tree = file::read(path).and_then(|mut tree| {
        overrides.apply(&mut tree);
        paths::resolve(&mut tree, path)?;
        Ok(tree)
    });
    read_tree(path, tree, E::read)
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
    read_tree(path, text.and_then(parse_toml), read)
}

/// What `read` makes of the TOML or JSON file `path`.
fn read_with<T>(
    path: &Path,
    read: impl FnOnce(&Field<'_>) -> Result<T, Fault>,
) -> Result<T, SpecError> {
    read_tree(path, file::read(path), read)
}

fn read_tree<T>(
    path: &Path,
    tree: Result<Node, Fault>,
    read: impl FnOnce(&Field<'_>) -> Result<T, Fault>,
) -> Result<T, SpecError> {
    tree.and_then(|tree| read(&Field::root(&tree)))
        .map_err(|fault| SpecError {
            path: path.to_owned(),
            fault,
        })
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
    let fields = [PROBLEM_FIELDS, OTHER_FIELDS, EXPERIMENT_FIELDS].concat();
    root.only_besides(&fields, IGNORED_FIELDS)
}
