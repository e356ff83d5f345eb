//! A run's directory: what lies in it, who may write it, and how far it has come.
//!
//! ```text
//! specification.toml     the experiment, resolved, and who began it
//! checkpoints/           the newest two states
//! parts/                 measurements up to each checkpoint; gone once merged
//! measurements.parquet   all measurements, at the end
//! outcomes.toml          what became of each seed: the last file written
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::checkpoint::{self, Checkpoint, Latest};
use super::error::{DataChange, Difference, Differences, StoreError};
use super::fingerprint::Fingerprint;
use super::outcomes::{self, RunOutcome};
use super::state::State;
use super::table;
use super::whole::{create_folder, files, remove, remove_unfinished, write_whole};
use crate::provenance::{Build, PROGRAM, Provenance};
use crate::run::Measurements;
use crate::spec::{NetworkExperiment, Node, Specification, read_resolved, read_with, to_toml};

const SPECIFICATION: &str = "specification.toml";
const MEASUREMENTS: &str = "measurements.parquet";
const OUTCOMES: &str = "outcomes.toml";
const LOCK: &str = ".lock";

/// The directory of one run, which this process alone may write while the value lives.
#[derive(Debug)]
pub(crate) struct RunDirectory {
    path: PathBuf,
    experiment: u64,
    parts: u64,
    loss_convention: &'static str,
    /// The last build that worked on it before this process.
    found: Build,
    _lock: File,
}

/// How far the run in a directory has come.
#[derive(Debug)]
pub(crate) enum Progress<S> {
    /// It is finished.
    Finished(Vec<RunOutcome>),
    /// It goes on from a state, or from the start; newer checkpoints that were damaged are gone.
    Unfinished {
        state: Option<S>,
        damaged: Vec<PathBuf>,
    },
}

impl RunDirectory {
    /// Takes the directory `path` for `experiment`: a new or an empty one, or one with a run of it on the
    /// same `data`.
    pub(crate) fn open<E: Specification, S: State>(
        path: &Path,
        experiment: &E,
        data: Option<&Fingerprint>,
    ) -> Result<(Self, Progress<S>), StoreError> {
        let specification = path.join(SPECIFICATION);
        refuse_strangers(path)?;
        create_folder(path)?;
        let mut directory = Self {
            path: path.to_owned(),
            experiment: checkpoint::digest(to_toml(&experiment.to_node()).as_bytes()),
            parts: 0,
            loss_convention: experiment.loss_convention(),
            found: Build::here(),
            _lock: lock(path)?,
        };
        for folder in [path.to_owned(), directory.checkpoints(), directory.parts()] {
            create_folder(&folder)?;
            remove_unfinished(&folder)?;
        }
        if !specification.exists() {
            let provenance = Provenance {
                data: data.map(Fingerprint::text),
                ..Provenance::here()
            };
            directory.specify(experiment, &provenance)?;
        }
        let mut provenance = same_experiment(path, &specification, experiment)?;
        same_data(path, &provenance, data)?;
        directory.found = provenance.latest().clone();
        let outcomes = path.join(OUTCOMES);
        let progress = if outcomes.exists() {
            directory.drop_parts_from(0)?;
            Progress::Finished(outcomes::read(&outcomes)?)
        } else {
            same_version(path, &directory.found)?;
            let (state, damaged) = directory.resume::<S>()?;
            let here = Build::here();
            if directory.found != here {
                let step = state.as_ref().map_or(0, State::step);
                provenance.continued_by.push((here, step));
                directory.specify(experiment, &provenance)?;
            }
            Progress::Unfinished { state, damaged }
        };
        Ok((directory, progress))
    }

    /// The last build that worked on the run before this process.
    pub(crate) fn found(&self) -> &Build {
        &self.found
    }

    /// Writes the specification.
    fn specify(
        &self,
        experiment: &impl Specification,
        provenance: &Provenance,
    ) -> Result<(), StoreError> {
        let mut tree = experiment.to_node();
        tree.put("provenance", provenance.to_node(self.loss_convention));
        let text = to_toml(&tree);
        let path = self.path.join(SPECIFICATION);
        write_whole(&path, |file| file.write_all(text.as_bytes()))
    }

    /// Puts `measurements` and then the state reached on the disk.
    pub(crate) fn save(
        &mut self,
        state: impl State,
        measurements: &Measurements,
    ) -> Result<(), StoreError> {
        if !measurements.is_empty() {
            table::write(&self.part(self.parts), measurements, self.loss_convention)?;
            self.parts += 1;
        }
        let checkpoint = Checkpoint {
            experiment: self.experiment,
            parts: self.parts,
            state,
        };
        checkpoint::write(&self.checkpoints(), &checkpoint)
    }

    /// Merges the parts, writes the outcomes, and with them makes the run finished.
    pub(crate) fn finish(&mut self, outcomes: &[RunOutcome]) -> Result<(), StoreError> {
        let parts: Vec<_> = (0..self.parts).map(|index| self.part(index)).collect();
        let convention = self.loss_convention;
        table::merge(&parts, &self.path.join(MEASUREMENTS), convention)?;
        outcomes::write(&self.path.join(OUTCOMES), outcomes, convention)?;
        self.drop_parts_from(0)
    }

    /// The newest usable state. Everything written after it is removed, to be written again.
    /// Gives the damaged checkpoints beside it, which are gone.
    fn resume<S: State>(&mut self) -> Result<(Option<S>, Vec<PathBuf>), StoreError> {
        let folder = self.checkpoints();
        let Latest {
            checkpoint,
            damaged,
        } = checkpoint::latest(&folder, self.experiment)?;
        if checkpoint.is_none() && !damaged.is_empty() {
            return Err(StoreError::Damaged { folder });
        }
        damaged.iter().try_for_each(|path| remove(path))?;
        self.parts = checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.parts);
        self.drop_parts_from(self.parts)?;
        Ok((checkpoint.map(|checkpoint| checkpoint.state), damaged))
    }

    fn drop_parts_from(&self, first: u64) -> Result<(), StoreError> {
        let first = self.part(first);
        let later = files(&self.parts())?
            .into_iter()
            .filter(|path| *path >= first);
        later.into_iter().try_for_each(|path| remove(&path))
    }

    fn checkpoints(&self) -> PathBuf {
        self.path.join("checkpoints")
    }

    fn parts(&self) -> PathBuf {
        self.path.join("parts")
    }

    fn part(&self, index: u64) -> PathBuf {
        self.parts().join(format!("part-{index:020}.parquet"))
    }
}

/// A run as it lies in a directory.
#[derive(Clone, Debug)]
pub struct StoredRun<E> {
    /// What was run.
    pub experiment: E,
    /// What was measured.
    pub measurements: Measurements,
    /// What became of each seed.
    pub outcomes: Vec<RunOutcome>,
}

/// Reads the finished run in `directory`.
///
/// # Errors
/// When there is none, it is unfinished, or a file cannot be read or is damaged.
pub fn load<E: Specification>(directory: &Path) -> Result<StoredRun<E>, StoreError> {
    let outcomes = directory.join(OUTCOMES);
    if !outcomes.exists() {
        let reason = "there is no finished run (its last file, outcomes.toml, is not there)";
        return Err(StoreError::read(
            directory,
            io::Error::new(io::ErrorKind::NotFound, reason),
        ));
    }
    same_kind::<E>(directory)?;
    Ok(StoredRun {
        experiment: read_resolved(&directory.join(SPECIFICATION))?.0,
        measurements: table::read(&directory.join(MEASUREMENTS))?,
        outcomes: outcomes::read(&outcomes)?,
    })
}

/// Refuses a directory that holds files but no run, before anything is written into it.
fn refuse_strangers(path: &Path) -> Result<(), StoreError> {
    if path.is_dir() && !path.join(SPECIFICATION).exists() {
        let own = |name: &str| {
            name == LOCK
                || name == "specification.toml.tmp"
                || name == "checkpoints"
                || name == "parts"
        };
        for file in files(path)? {
            let found = file
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if !own(&found) {
                let directory = path.to_owned();
                return Err(StoreError::NotARun { directory, found });
            }
        }
    }
    Ok(())
}

/// A lock that the system releases when this process ends, however it ends.
fn lock(path: &Path) -> Result<File, StoreError> {
    let lock = path.join(LOCK);
    let file = File::create(&lock).map_err(|source| StoreError::write(path, source))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked {
            directory: path.to_owned(),
        }),
        Err(TryLockError::Error(source)) => Err(StoreError::write(&lock, source)),
    }
}

/// Refuses a directory whose run is of another kind than E.
fn same_kind<E: Specification>(path: &Path) -> Result<(), StoreError> {
    if has_table(path, E::TABLE)? {
        return Ok(());
    }
    Err(StoreError::OtherKind {
        directory: path.to_owned(),
        needed: E::TABLE,
    })
}

/// Whether the specification in the run directory `path` has the table `table`.
fn has_table(path: &Path, table: &str) -> Result<bool, StoreError> {
    let found = read_with(&path.join(SPECIFICATION), |root| {
        Ok(root.optional(table).is_some())
    });
    Ok(found?)
}

/// Whether there is a run in `directory`, finished or not.
pub(crate) fn is_run(directory: &Path) -> bool {
    directory.join(SPECIFICATION).exists()
}

/// Whether the run in `directory` is that of a network, and not of a deep linear one as `simulate` makes it.
///
/// # Errors
/// When there is no readable specification.
pub fn is_network(directory: &Path) -> Result<bool, StoreError> {
    has_table(directory, NetworkExperiment::TABLE)
}

/// Who made the run in `path`, which must be one of `experiment`.
fn same_experiment<E: Specification>(
    path: &Path,
    specification: &Path,
    experiment: &E,
) -> Result<Provenance, StoreError> {
    same_kind::<E>(path)?;
    let (stored, provenance) = read_resolved::<E>(specification)?;
    let (stored, given) = (stored.to_node(), experiment.to_node());
    if stored == given {
        return Ok(provenance);
    }
    Err(StoreError::OtherExperiment {
        directory: path.to_owned(),
        differences: differences(&stored, &given),
    })
}

/// Refuses data whose content is not what the run in `path` was begun on.
fn same_data(
    path: &Path,
    provenance: &Provenance,
    data: Option<&Fingerprint>,
) -> Result<(), StoreError> {
    match (data, &provenance.data) {
        (Some(data), stored) if *stored != Some(data.text()) => Err(StoreError::OtherData {
            directory: path.to_owned(),
            change: Box::new(DataChange {
                source: data.source.clone(),
                stored: stored.clone(),
                given: data.text(),
            }),
        }),
        _ => Ok(()),
    }
}

fn same_version(path: &Path, found: &Build) -> Result<(), StoreError> {
    match &found.program {
        Some(found) if found != PROGRAM => Err(StoreError::OtherVersion {
            directory: path.to_owned(),
            found: found.clone(),
            current: PROGRAM.to_owned(),
        }),
        _ => Ok(()),
    }
}

fn differences(stored: &Node, given: &Node) -> Differences {
    let texts = |tree: &Node| -> BTreeMap<String, String> {
        let leaves = tree.leaves().into_iter();
        leaves
            .map(|(field, node)| (field, node.to_string()))
            .collect()
    };
    let (stored, given) = (texts(stored), texts(given));
    let fields: BTreeSet<&String> = stored.keys().chain(given.keys()).collect();
    let all = fields.into_iter().map(|field| Difference {
        field: field.clone(),
        stored: stored.get(field).cloned(),
        given: given.get(field).cloned(),
    });
    Differences(all.filter(|field| field.stored != field.given).collect())
}
