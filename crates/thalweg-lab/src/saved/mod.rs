//! Trained networks as safetensors files, with the specification they come from.
//!
//! A tensor for each parameter of the network, under its name, in the arithmetic it was trained in, rows
//! by columns (a vector by its length). The file's metadata has one entry, `thalweg`: the resolved
//! specification in TOML, with the table `saved` beside it that tells the seed and the step, and with the
//! digest of the whole file, by which a damaged one is known wherever it was copied to.
//!
//! ```
//! use std::{sync::atomic::AtomicBool, time::Duration};
//! use thalweg_lab::saved::networks_of;
//! use thalweg_lab::{run, spec::{Draft, NetworkExperiment}};
//!
//! let mut draft = Draft::from_toml(thalweg_lab::examples::RELU)?;
//! draft.set("steps", 10_usize)?;
//! draft.set("seeds", 2_usize)?;
//! let experiment = draft.experiment::<NetworkExperiment>()?;
//! let out = std::env::temp_dir().join(format!("thalweg-saved-{}", std::process::id()));
//! run::run(&experiment, &out, Duration::from_secs(60), &mut (), &AtomicBool::new(false))?;
//! let networks = networks_of(&out)?;
//! assert_eq!(networks.len(), 2);
//! # std::fs::remove_dir_all(&out)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod foreign;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use half::{bf16, f16};
use safetensors::tensor::{Dtype, SafeTensors, TensorView, serialize};
use thalweg::model::ModelError;
use thalweg::simulate::Precision;
use thalweg::tensor::{Parameter, Role, Tape};

pub use error::SavedError;
pub use foreign::Foreign;

use crate::provenance::Provenance;
use crate::spec::{NetworkExperiment, Node, Specification, read_toml, to_toml};
use crate::store::{
    Seal, StoreError, check_seal, divergence, experiment_of, files_with, is_network, is_run,
    outcomes_of, seal, write_whole,
};

/// The key of the file's only metadata.
const METADATA: &str = "thalweg";
/// The table beside the specification.
const SAVED: &str = "saved";
/// The folder of the final networks in a run directory.
pub(crate) const NETWORKS: &str = "networks";
/// How their names end.
const EXTENSION: &str = "safetensors";
/// What to do with a network that is not what it was.
const WAY_OUT: &str = "restore it from a copy, or train it again in a new directory";
/// The most bytes that are read: every network that a specification may describe fits.
const MOST: u64 = 1 << 30;

/// A network with its parameters, and where they come from.
#[derive(Clone, Debug, PartialEq)]
pub struct SavedNetwork {
    /// What it was trained on, and how.
    pub experiment: NetworkExperiment,
    /// The seed of its run; `None` where the file does not say.
    pub seed: Option<u64>,
    /// The step it was saved at; `None` where the file does not say.
    pub step: Option<u64>,
    /// The fingerprint of the files that it was trained beside; `None` where there are none, or the file does not
    /// say.
    pub data: Option<String>,
    /// All parameters, in the tape's order.
    pub parameters: Vec<f64>,
    /// What was made of another program's file, in sentences.
    pub notes: Vec<String>,
}

/// One of a network's parameters, as its file has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor<'n> {
    /// What the file calls it.
    pub name: String,
    /// Rows and columns, or the length of a vector.
    pub shape: Vec<usize>,
    /// The last index runs fastest.
    pub values: &'n [f64],
}

impl SavedNetwork {
    /// Writes the network to `path`, whole or not at all.
    ///
    /// # Errors
    /// When the file cannot be written, or the network cannot be built.
    pub fn write(&self, path: &Path) -> Result<(), SavedError> {
        let tape = tape(&self.experiment)?;
        let found = self.parameters.len();
        if found != tape.parameter_count() {
            return Err(SavedError::Count {
                found,
                expected: tape.parameter_count(),
            });
        }
        let mut tree = self.experiment.to_node();
        let mut saved = Vec::new();
        for (key, value) in [("seed", self.seed), ("step", self.step)] {
            saved.extend(value.map(|value| (key.to_owned(), Node::from(value))));
        }
        tree.put(SAVED, Node::Table(saved));
        tree.put(
            "provenance",
            Provenance {
                data: self.data.clone(),
                ..Provenance::here()
            }
            .to_node(self.experiment.loss_words()),
        );
        let metadata = [(METADATA.to_owned(), to_toml(&tree))]
            .into_iter()
            .collect();
        let precision = self.experiment.precision;
        let tensors: Vec<_> = tape
            .parameters()
            .iter()
            .map(|parameter| {
                let values = &self.parameters[parameter.range()];
                (parameter, bytes(values, precision))
            })
            .collect();
        let views = tensors
            .iter()
            .map(|(parameter, bytes)| {
                let view = TensorView::new(dtype(precision), shape(parameter), bytes)?;
                Ok((parameter.name.as_str(), view))
            })
            .collect::<Result<Vec<_>, _>>();
        let content = views.and_then(|views| serialize(views, Some(metadata)));
        let content = content.map_err(|source| SavedError::Format {
            path: path.to_owned(),
            source,
        })?;
        Ok(write_whole(path, &seal(content))?)
    }

    /// The parameters one by one.
    ///
    /// # Errors
    /// When the network cannot be built.
    pub fn tensors(&self) -> Result<Vec<Tensor<'_>>, SavedError> {
        let tape = tape(&self.experiment)?;
        let tensor = |parameter: &Parameter| Tensor {
            name: parameter.name.clone(),
            shape: shape(parameter),
            values: &self.parameters[parameter.range()],
        };
        Ok(tape.parameters().iter().map(tensor).collect())
    }

    /// Reads the network in `path`. Where its file comes without a specification, as other programs
    /// write them, `foreign` says what it is; one that has its own keeps to that.
    ///
    /// # Errors
    /// When the file cannot be read, is damaged or cut off, comes without a specification, or when its
    /// tensors are not those of the specified network.
    pub fn read(path: &Path, foreign: Option<&Foreign>) -> Result<Self, SavedError> {
        let content = content(path)?;
        // Other programs' files have none.
        if Seal::of(&content) != Seal::Absent {
            check_seal(path, &content, WAY_OUT)?;
        }
        let format = |source| SavedError::Format {
            path: path.to_owned(),
            source,
        };
        let (_, header) = SafeTensors::read_metadata(&content).map_err(format)?;
        let own = header.metadata().as_ref().and_then(|all| all.get(METADATA));
        let tensors = SafeTensors::deserialize(&content).map_err(format)?;
        match (own, foreign) {
            (Some(text), _) => {
                check_seal(path, &content, WAY_OUT)?;
                let network = described(path, text)?;
                let tape = tape(&network.experiment)?;
                Ok(Self {
                    parameters: parameters(path, &tape, &tensors)?,
                    ..network
                })
            }
            (None, Some(foreign)) => {
                let tape = tape(&foreign.experiment)?;
                let found = foreign.parameters(path, &tape, &tensors)?;
                Ok(Self {
                    experiment: foreign.experiment.clone(),
                    seed: None,
                    step: None,
                    data: None,
                    parameters: found.parameters,
                    notes: found.notes,
                })
            }
            (None, None) => Err(SavedError::NoSpecification {
                path: path.to_owned(),
            }),
        }
    }
}

/// Where the network of `seed` lies in the run directory `directory`.
pub(crate) fn network_path(directory: &Path, seed: u64) -> PathBuf {
    let name = format!("{}.{EXTENSION}", network_name(seed));
    directory.join(NETWORKS).join(name)
}

/// What the network of `seed` is called, and its measurements.
pub(crate) fn network_name(seed: u64) -> String {
    format!("seed-{seed}")
}

/// The networks in the directory `directory`, in the order of their names; of a run, all there must be.
///
/// # Errors
/// When there are none, as before a training is finished, or when one is missing.
pub fn networks_of(directory: &Path) -> Result<Vec<PathBuf>, SavedError> {
    if is_run(directory) && !is_network(directory)? {
        return Err(StoreError::OtherKind {
            directory: directory.to_owned(),
            needed: NetworkExperiment::TABLE,
        }
        .into());
    }
    let paths = files_with(&directory.join(NETWORKS), EXTENSION)?;
    if let Some(link) = paths.iter().find(|path| path.is_symlink()) {
        return Err(StoreError::link(link).into());
    }
    let outcomes = outcomes_of(directory)?;
    for outcome in &outcomes {
        let path = network_path(directory, outcome.seed);
        if outcome.diverged_at.is_none() && !paths.contains(&path) {
            return Err(StoreError::missing(&path, WAY_OUT).into());
        }
    }
    if paths.is_empty() {
        let directory = directory.to_owned();
        return Err(match divergence(&outcomes) {
            Some(divergence) => SavedError::Diverged {
                directory,
                divergence,
            },
            None => SavedError::NoNetworks { directory },
        });
    }
    Ok(paths)
}

/// Refuses a finished run in `directory` one of whose networks is missing, damaged or another's.
pub(crate) fn check_networks(directory: &Path) -> Result<(), SavedError> {
    let paths = match networks_of(directory) {
        // Every seed's training diverged.
        Err(SavedError::NoNetworks { .. } | SavedError::Diverged { .. }) => return Ok(()),
        paths => paths?,
    };
    paths.iter().try_for_each(|path| {
        let saved = SavedNetwork::read(path, None)?;
        same_run(directory, path, &saved)
    })
}

/// Refuses a network that is not the one that the run in `directory` has under this `path`.
///
/// # Errors
/// When its seed is not that of its name, or its experiment not the run's; or the run's cannot be read.
pub fn same_run(directory: &Path, path: &Path, saved: &SavedNetwork) -> Result<(), SavedError> {
    let stranger = |what: &str| {
        Err(SavedError::Stranger {
            path: path.to_owned(),
            what: what.to_owned(),
        })
    };
    if !is_run(directory) {
        return Ok(());
    }
    match saved.seed {
        Some(seed) if network_path(directory, seed) != path => {
            return stranger(&format!(
                "is the network of seed {seed} under another's name"
            ));
        }
        _ => {}
    }
    // A run that is being given more steps still has the networks of its shorter self.
    let but_for_steps = |experiment: &NetworkExperiment| {
        let mut tree = experiment.to_node();
        tree.remove("steps");
        tree
    };
    let run = experiment_of::<NetworkExperiment>(directory)?;
    if but_for_steps(&run) != but_for_steps(&saved.experiment) {
        return stranger("was trained in another experiment");
    }
    Ok(())
}

/// What the file's own specification says: all but the parameters.
fn described(path: &Path, text: &str) -> Result<SavedNetwork, SavedError> {
    let described = read_toml(path, text.as_bytes(), |root| {
        let of = |key| {
            let saved = root.optional(SAVED)?;
            Some(saved.optional(key)?.count())
        };
        Ok(SavedNetwork {
            experiment: NetworkExperiment::read(root)?,
            seed: of("seed").transpose()?,
            step: of("step").transpose()?,
            data: Provenance::read(root)?.data,
            parameters: Vec::new(),
            notes: Vec::new(),
        })
    });
    described.map_err(SavedError::Specification)
}

fn tape(experiment: &NetworkExperiment) -> Result<Tape, ModelError> {
    experiment.network.tape()
}

fn content(path: &Path) -> Result<Vec<u8>, SavedError> {
    let read = |source| StoreError::read(path, source);
    let metadata = fs::metadata(path).map_err(read)?;
    // A pipe would be waited for, and a device read without end.
    if !metadata.is_file() {
        let reason = "this is no file: a network is a safetensors file";
        return Err(read(io::Error::new(io::ErrorKind::InvalidInput, reason)).into());
    }
    let size = metadata.len();
    if size > MOST {
        return Err(SavedError::TooLarge {
            path: path.to_owned(),
            found: size,
            most: MOST,
        });
    }
    Ok(fs::read(path).map_err(read)?)
}

/// The parameter vector of `tape`, from tensors that must be its own and no others.
fn parameters(path: &Path, tape: &Tape, tensors: &SafeTensors<'_>) -> Result<Vec<f64>, SavedError> {
    let mut all = Vec::with_capacity(tape.parameter_count());
    for parameter in tape.parameters() {
        let path = path.to_owned();
        let name = parameter.name.clone();
        let Ok(tensor) = tensors.tensor(&name) else {
            return Err(SavedError::Missing {
                path,
                name,
                shape: shape(parameter),
                found: foreign::listed(&tensors.names()),
            });
        };
        if tensor.shape() != shape(parameter) {
            return Err(SavedError::Shape {
                path,
                name,
                found: tensor.shape().to_vec(),
                expected: shape(parameter),
            });
        }
        all.extend(values(&path, &name, &tensor)?);
    }
    let known = |name: &&str| tape.parameters().iter().any(|own| own.name == **name);
    let mut strangers: Vec<_> = tensors.names();
    strangers.retain(|name| !known(name));
    strangers.sort_unstable();
    match strangers.first() {
        None => Ok(all),
        Some(name) => Err(SavedError::Unknown {
            path: path.to_owned(),
            name: (*name).to_owned(),
        }),
    }
}

fn shape(parameter: &Parameter) -> Vec<usize> {
    match parameter.role {
        Role::Weight => vec![parameter.rows, parameter.columns],
        Role::Gain | Role::Bias => vec![parameter.rows],
    }
}

fn dtype(precision: Precision) -> Dtype {
    match precision {
        Precision::F64 => Dtype::F64,
        Precision::F32 => Dtype::F32,
    }
}

fn bytes(values: &[f64], precision: Precision) -> Vec<u8> {
    match precision {
        Precision::F64 => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        Precision::F32 => values
            .iter()
            .flat_map(|v| (*v as f32).to_le_bytes())
            .collect(),
    }
}

/// The numbers of the tensor `name`, of any floating type.
fn values(path: &Path, name: &str, tensor: &TensorView<'_>) -> Result<Vec<f64>, SavedError> {
    fn each<const SIZE: usize>(data: &[u8], number: impl Fn([u8; SIZE]) -> f64) -> Vec<f64> {
        data.as_chunks()
            .0
            .iter()
            .map(|&bytes| number(bytes))
            .collect()
    }
    let (path, name, data) = (path.to_owned(), name.to_owned(), tensor.data());
    let values = match tensor.dtype() {
        Dtype::F64 => each(data, f64::from_le_bytes),
        Dtype::F32 => each(data, |bytes| f64::from(f32::from_le_bytes(bytes))),
        Dtype::F16 => each(data, |bytes| f16::from_le_bytes(bytes).to_f64()),
        Dtype::BF16 => each(data, |bytes| bf16::from_le_bytes(bytes).to_f64()),
        other => {
            let found = format!("{other:?}");
            return Err(SavedError::Type { path, name, found });
        }
    };
    if values.iter().all(|value| value.is_finite()) {
        Ok(values)
    } else {
        Err(SavedError::NotFinite { path, name })
    }
}

#[cfg(test)]
mod tests;
