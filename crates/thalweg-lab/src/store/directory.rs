//! A run's directory: what lies in it, who may write it, and how far it has come.
//!
//! ```text
//! specification.toml     the experiment, resolved, and who began it: the first file written
//! checkpoints/           the newest two states, each with the digests of the parts before it
//! parts/                 measurements up to each checkpoint; gone once merged
//! measurements.parquet   all measurements, at the end
//! outcomes.toml          what became of each seed, and that file's digest: the last file written
//! ```
//!
//! No file is believed whose digest does not fit. The specification and the outcomes carry their own.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::checkpoint::{self, Checkpoint, Stored};
use super::digest::digest;
use super::error::{DataChange, Difference, Differences, StoreError};
use super::fingerprint::Fingerprint;
use super::lock::{LOCK, Lock};
use super::outcomes::{self, Finished, RunOutcome};
use super::plain::{exists, read_listed, read_sealed};
use super::sealed;
use super::state::State;
use super::table;
use super::whole::{
    create_folder, files, files_with, is_unfinished, remove, subfolder, write_whole,
};
use crate::memory;
use crate::provenance::{Build, PROGRAM, Provenance};
use crate::run::Measurements;
use crate::spec::{Fault, Field, NetworkExperiment, Node, Specification, read_toml, to_toml};

/// What to do where a file is not what it was.
pub(super) const WAY_OUT: &str =
    "restore it from a copy, or run anew in another directory, which gives the same numbers";

const SPECIFICATION: &str = "specification.toml";
const MEASUREMENTS: &str = "measurements.parquet";
const OUTCOMES: &str = "outcomes.toml";
pub(super) const CHECKPOINTS: &str = "checkpoints";
const PARTS: &str = "parts";
/// What a run's directory may hold and no other does.
const RUN_FILES: [&str; 5] = [SPECIFICATION, MEASUREMENTS, OUTCOMES, CHECKPOINTS, PARTS];
/// How the names of parts end.
const EXTENSION: &str = "parquet";

/// The field of a specification that may grow.
const STEPS: &str = "steps";

/// The directory of one run, which this process alone may write while the value lives.
#[derive(Debug)]
pub(crate) struct RunDirectory {
    path: PathBuf,
    /// Digests of the experiment, with and without its number of steps.
    experiment: u64,
    states: u64,
    /// The digests of the parts, in their order.
    parts: Vec<u64>,
    loss_convention: &'static str,
    /// The last build that worked on it before this process.
    found: Build,
    _lock: Lock,
}

/// How far the run in a directory has come.
#[derive(Debug)]
pub(crate) enum Progress<S> {
    /// It is finished.
    Finished(Vec<RunOutcome>),
    /// It goes on from a state, or from the start; newer ones, for these damaged files, are gone.
    Unfinished {
        state: Option<S>,
        damaged: Vec<PathBuf>,
    },
}

impl RunDirectory {
    /// Takes the directory `path` for `experiment`: a new or an empty one, or one with a run of it on the
    /// same `data`, which may have been of fewer steps.
    pub(crate) fn open<E: Specification, S: State>(
        path: &Path,
        experiment: &E,
        data: Option<&Fingerprint>,
    ) -> Result<(Self, Progress<S>), StoreError> {
        refuse_strangers(path)?;
        create_folder(path)?;
        let mut directory = Self {
            path: path.to_owned(),
            experiment: digest_of(&experiment.to_node()),
            states: digest_but_for_steps(experiment),
            parts: Vec::new(),
            loss_convention: experiment.loss_convention(),
            found: Build::here(),
            _lock: Lock::take(path, Lock::FOR_A_RUN)?,
        };
        if !exists(&path.join(SPECIFICATION)) {
            let provenance = Provenance {
                data: data.map(Fingerprint::text),
                mended: experiment.mended(),
                ..Provenance::here()
            };
            directory.specify(experiment, &provenance)?;
        }
        let (mut provenance, shorter) = same_experiment(path, experiment)?;
        same_data(path, &provenance, data)?;
        directory.found = provenance.latest().clone();
        for folder in [CHECKPOINTS, PARTS] {
            subfolder(path, folder)?;
        }
        let mut unusable = Vec::new();
        if let Some(shorter) = shorter {
            same_version(path, &directory.found)?;
            if exists(&path.join(OUTCOMES)) {
                unusable = directory.reopen::<S>(&shorter)?;
            }
            provenance.earlier_steps.push(shorter.steps);
            directory.specify(experiment, &provenance)?;
        }
        let progress = if exists(&path.join(OUTCOMES)) {
            let finished = finished(path, directory.experiment)?;
            directory.drop_parts_from(0)?;
            Progress::Finished(finished.runs)
        } else {
            same_version(path, &directory.found)?;
            let (state, mut damaged) = directory.resume::<S>()?;
            damaged.extend(unusable);
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
        write_whole(&self.path.join(SPECIFICATION), &sealed::toml(&tree))
    }

    /// Puts `measurements` and then the state reached on the disk.
    pub(crate) fn save(
        &mut self,
        state: impl State,
        measurements: &Measurements,
    ) -> Result<(), StoreError> {
        if !measurements.is_empty() {
            let path = self.part(self.parts.len());
            let bytes = table::encode(measurements, self.loss_convention);
            let bytes = bytes.map_err(|source| StoreError::write(&path, source))?;
            write_whole(&path, &bytes)?;
            self.parts.push(digest(&bytes));
        }
        let checkpoint = Checkpoint {
            experiment: self.states,
            parts: self.parts.clone(),
            state,
        };
        checkpoint::write(&self.checkpoints(), &checkpoint)
    }

    /// Merges the parts, writes the outcomes, and with them makes the run finished.
    pub(crate) fn finish(&mut self, outcomes: &[RunOutcome]) -> Result<(), StoreError> {
        let path = self.path.join(MEASUREMENTS);
        let parts = (0..self.parts.len()).map(|index| {
            let bytes = self.read_part(index, self.parts[index])?;
            table::decode(&self.part(index), bytes)
        });
        let bytes = table::merge(parts, &path, self.loss_convention)?;
        write_whole(&path, &bytes)?;
        let finished = Finished {
            experiment: self.experiment,
            measurements: digest(&bytes),
            runs: outcomes.to_vec(),
        };
        outcomes::write(&self.path.join(OUTCOMES), &finished, self.loss_convention)?;
        self.drop_parts_from(0)
    }

    /// Makes the finished run of fewer steps an unfinished one, which can go on from its last state: its measurements become
    /// the first part. Until the outcomes are gone it is finished; from then on it is unfinished, at its end. Gives the
    /// checkpoints that were damaged, which are gone.
    fn reopen<S: State>(&self, shorter: &Shorter) -> Result<Vec<PathBuf>, StoreError> {
        let finished = finished(&self.path, shorter.experiment)?;
        let path = self.path.join(MEASUREMENTS);
        let bytes = read_listed(&path, finished.measurements, WAY_OUT)?;
        let measured = table::decode(&path, bytes)?;
        let folder = self.checkpoints();
        let mut damaged = Vec::new();
        let mut last = None;
        let stored = checkpoint::stored::<S>(&folder, self.states)?;
        for Stored { path, checkpoint } in stored {
            match checkpoint {
                None if last.is_none() => damaged.push(path),
                // An older one counts parts that are no more.
                _ if last.is_some() => remove(&path)?,
                Some(checkpoint) => last = Some(checkpoint.state),
                None => {}
            }
        }
        let Some(state) = last else {
            let directory = self.path.clone();
            return Err(StoreError::NoEnd { directory });
        };
        let part = self.part(0);
        let bytes = table::encode(&measured.until(state.step()), self.loss_convention);
        let bytes = bytes.map_err(|source| StoreError::write(&part, source))?;
        write_whole(&part, &bytes)?;
        let checkpoint = Checkpoint {
            experiment: self.states,
            parts: vec![digest(&bytes)],
            state,
        };
        checkpoint::write(&folder, &checkpoint)?;
        damaged.iter().try_for_each(|path| remove(path))?;
        remove(&self.path.join(OUTCOMES))?;
        remove(&path)?;
        Ok(damaged)
    }

    /// The newest state that is whole, and so are the parts before it. Everything written after it is removed,
    /// to be written again. Gives the damaged files for which newer states were passed over.
    fn resume<S: State>(&mut self) -> Result<(Option<S>, Vec<PathBuf>), StoreError> {
        let folder = self.checkpoints();
        let mut newer = Vec::new();
        let mut damaged = Vec::new();
        let mut lost = None;
        for Stored { path, checkpoint } in checkpoint::stored(&folder, self.states)? {
            let Some(checkpoint) = checkpoint else {
                damaged.push(path.clone());
                newer.push(path);
                continue;
            };
            if let Some((part, error)) = self.damaged_part(&checkpoint.parts)? {
                damaged.push(part);
                lost = Some(error);
                newer.push(path);
                continue;
            }
            newer.iter().try_for_each(|path| remove(path))?;
            self.parts = checkpoint.parts;
            self.drop_parts_from(self.parts.len())?;
            damaged.dedup();
            return Ok((Some(checkpoint.state), damaged));
        }
        if newer.is_empty() {
            self.drop_parts_from(0)?;
            return Ok((None, damaged));
        }
        Err(lost.unwrap_or(StoreError::Damaged { folder }))
    }

    /// The first of `parts` that is not what it was when its digest was taken.
    fn damaged_part(&self, parts: &[u64]) -> Result<Option<(PathBuf, StoreError)>, StoreError> {
        for (index, &digest) in parts.iter().enumerate() {
            match self.read_part(index, digest) {
                Ok(_) => {}
                Err(error @ (StoreError::Altered { .. } | StoreError::Missing { .. })) => {
                    return Ok(Some((self.part(index), error)));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    fn read_part(&self, index: usize, digest: u64) -> Result<Vec<u8>, StoreError> {
        read_listed(&self.part(index), digest, WAY_OUT)
    }

    fn drop_parts_from(&self, first: usize) -> Result<(), StoreError> {
        let first = self.part(first);
        let later = files_with(&self.parts(), EXTENSION)?
            .into_iter()
            .filter(|path| *path >= first);
        later.into_iter().try_for_each(|path| remove(&path))
    }

    fn checkpoints(&self) -> PathBuf {
        self.path.join(CHECKPOINTS)
    }

    fn parts(&self) -> PathBuf {
        self.path.join(PARTS)
    }

    fn part(&self, index: usize) -> PathBuf {
        part(&self.path, index)
    }
}

/// Where the part of this number lies in a run's `directory`.
pub(super) fn part(directory: &Path, index: usize) -> PathBuf {
    let name = format!("part-{index:020}.{EXTENSION}");
    directory.join(PARTS).join(name)
}

/// Whether the last file of a run is in `directory`.
pub(super) fn is_finished(directory: &Path) -> bool {
    exists(&directory.join(OUTCOMES))
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
    if !exists(&directory.join(OUTCOMES)) {
        let reason = if is_run(directory) {
            "the run there is not finished (its last file, outcomes.toml, is missing): the command that began it goes on \
             with it"
        } else if directory.is_dir() {
            "it holds no run, as `thalweg simulate` and `thalweg train` write them"
        } else if exists(directory) {
            "it is no directory: give that of a run"
        } else {
            "there is no such directory: give that of a run"
        };
        return Err(StoreError::read(
            directory,
            io::Error::new(io::ErrorKind::NotFound, reason),
        ));
    }
    same_kind::<E>(directory)?;
    let experiment = experiment_of::<E>(directory)?;
    let finished = finished(directory, digest_of(&experiment.to_node()))?;
    let path = directory.join(MEASUREMENTS);
    let bytes = Bytes::from(read_listed(&path, finished.measurements, WAY_OUT)?);
    memory::fits(
        Measurements::memory(table::rows(&path, &bytes)?),
        0,
        "measurements at fewer steps or of fewer seeds need less",
    )?;
    Ok(StoredRun {
        experiment,
        measurements: table::decode(&path, bytes)?,
        outcomes: finished.runs,
    })
}

/// What became of the seeds of the run in `directory`; nothing where it is not finished, or is none.
///
/// # Errors
/// When a file of it is damaged or missing.
pub(crate) fn outcomes_of(directory: &Path) -> Result<Vec<RunOutcome>, StoreError> {
    if exists(&directory.join(OUTCOMES)) {
        return Ok(stored_outcomes(directory)?.runs);
    }
    Ok(Vec::new())
}

/// By which outcomes know the experiment that they belong to.
fn digest_of(experiment: &Node) -> u64 {
    digest(to_toml(experiment).as_bytes())
}

/// By which checkpoints do: how many steps are to be made changes no number of a state.
pub(super) fn digest_but_for_steps(experiment: &impl Specification) -> u64 {
    let mut tree = experiment.to_node();
    tree.remove(STEPS);
    digest_of(&tree)
}

/// The experiment of the run in `directory`.
pub(crate) fn experiment_of<E: Specification>(directory: &Path) -> Result<E, StoreError> {
    read_specification(directory, |root| E::read(root))
}

/// What `read` makes of the specification in the run directory `directory`.
fn read_specification<T>(
    directory: &Path,
    read: impl FnOnce(&Field<'_>) -> Result<T, Fault>,
) -> Result<T, StoreError> {
    let path = directory.join(SPECIFICATION);
    let bytes = read_sealed(&path, WAY_OUT)?;
    Ok(read_toml(&path, &bytes, read)?)
}

/// What the last file of the run in `directory` says.
fn stored_outcomes(directory: &Path) -> Result<Finished, StoreError> {
    let path = directory.join(OUTCOMES);
    let bytes = read_sealed(&path, WAY_OUT)?;
    outcomes::read(&path, &bytes)
}

/// The same of a run that must be of `experiment`.
fn finished(directory: &Path, experiment: u64) -> Result<Finished, StoreError> {
    let finished = stored_outcomes(directory)?;
    if finished.experiment == experiment {
        return Ok(finished);
    }
    Err(StoreError::OtherOutcomes {
        path: directory.join(OUTCOMES),
        way_out: WAY_OUT.to_owned(),
    })
}

/// Refuses a directory that holds files but no run, before anything is written into it.
fn refuse_strangers(path: &Path) -> Result<(), StoreError> {
    if !path.is_dir() {
        return Ok(());
    }
    let name = |file: &PathBuf| {
        file.file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned()
    };
    let strange = |name: &String| *name != LOCK && !is_unfinished(Path::new(name));
    let names: Vec<String> = files(path)?.iter().map(name).filter(strange).collect();
    let among = |wanted: &[&str]| names.iter().any(|name| wanted.contains(&name.as_str()));
    if names.is_empty() || among(&[SPECIFICATION]) {
        return Ok(());
    }
    if among(&RUN_FILES) {
        return Err(StoreError::missing(&path.join(SPECIFICATION), WAY_OUT));
    }
    Err(StoreError::NotARun {
        directory: path.to_owned(),
        found: names[0].clone(),
    })
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
    read_specification(path, |root| Ok(root.optional(table).is_some()))
}

/// Whether there is a run in `directory`, finished or not, or what is left of one.
pub fn is_run(directory: &Path) -> bool {
    RUN_FILES.iter().any(|name| exists(&directory.join(name)))
}

/// Whether the run in `directory` is that of a network, and not of a deep linear one as `simulate` makes it.
///
/// # Errors
/// When there is no readable specification.
pub fn is_network(directory: &Path) -> Result<bool, StoreError> {
    has_table(directory, NetworkExperiment::TABLE)
}

/// The experiment of the run in `directory`, finished or not, and the fingerprint of the data that it was begun on.
pub(crate) fn begun_on<E: Specification>(
    directory: &Path,
) -> Result<(E, Option<String>), StoreError> {
    read_specification(directory, |root| {
        Ok((E::read(root)?, Provenance::read(root)?.data))
    })
}

/// A run in a directory of the same experiment with fewer steps.
struct Shorter {
    steps: u64,
    /// Its own [`digest_of`].
    experiment: u64,
}

/// Who made the run in `path`, which must be one of `experiment`, and what it is where `experiment` has more steps.
fn same_experiment<E: Specification>(
    path: &Path,
    experiment: &E,
) -> Result<(Provenance, Option<Shorter>), StoreError> {
    same_kind::<E>(path)?;
    let (stored, provenance) =
        read_specification(path, |root| Ok((E::read(root)?, Provenance::read(root)?)))?;
    let (stored, given) = (stored.to_node(), experiment.to_node());
    if stored == given {
        return Ok((provenance, None));
    }
    let differences = differences(&stored, &given);
    let steps = [&stored, &given].map(|tree| match tree.get(STEPS) {
        Some(Node::Integer(steps)) => u64::try_from(*steps).ok(),
        _ => None,
    });
    match (&differences.0[..], steps) {
        ([only], [Some(steps), Some(more)]) if only.field == STEPS && steps < more => {
            let experiment = digest_of(&stored);
            Ok((provenance, Some(Shorter { steps, experiment })))
        }
        ([only], [Some(found), Some(asked)]) if only.field == STEPS => {
            Err(StoreError::FewerSteps {
                directory: path.to_owned(),
                found,
                asked,
            })
        }
        _ => Err(StoreError::OtherExperiment {
            directory: path.to_owned(),
            differences,
        }),
    }
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

/// Where `stored` and `given` differ, field by field.
pub(crate) fn differences(stored: &Node, given: &Node) -> Differences {
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
