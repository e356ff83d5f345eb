//! The directory of a sweep.
//!
//! ```text
//! plan.toml     the sweep, its base inside: the first file written
//! cells/        what became of the cells: packs
//! running/      cells that take long, each a run directory that it can go on from; gone once the cell is done
//! workers/      who is at work
//! ```

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::error::SweepError;
use super::file::{Surveyed, Sweep};
use super::pack::Packs;
use crate::provenance::{Build, PROGRAM, Provenance};
use crate::spec::{Draft, Field, SpecError};
use crate::store::{
    Lock, StoreError, create_folder, differences, digits, exists, files, is_unfinished,
    read_sealed, sealed_toml, shared_subfolder, write_whole,
};

const PLAN: &str = "plan.toml";
const CELLS: &str = "cells";
const RUNNING: &str = "running";
const WORKERS: &str = "workers";

const WAY_OUT: &str = "write it anew with `thalweg sweep plan FILE --out` and this directory, or restore it from a copy";

/// A sweep and the directory that holds what came out.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    sweep: Sweep,
    cells: Vec<Surveyed>,
    /// The first cell of each key.
    numbers: HashMap<u64, usize>,
    extension: Extension,
}

/// What became of a store when it was given a sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extension {
    /// There was none, or it was asked for no change.
    None,
    /// It was made, or its file was damaged or missing and is written anew.
    Made,
    /// It had another sweep of the same base, of so many cells.
    From {
        /// How many it had.
        cells: usize,
    },
}

impl Store {
    /// Takes the directory `path` for `sweep`: a new or an empty one, or one with a sweep of the same base, which may have had
    /// other axes. Where its file of the sweep is damaged or missing and cells of `sweep` lie there, the file is written anew.
    ///
    /// # Errors
    /// When one of the cells is no experiment, the directory holds something else, a sweep of another base or cells of another
    /// sweep alone, or it cannot be written.
    pub fn create(path: &Path, sweep: Sweep) -> Result<Self, SweepError> {
        let cells = sweep.survey()?;
        refuse_strangers(path)?;
        create_folder(path)?;
        let _lock = Lock::take(path, Lock::FOR_A_PAGE)?;
        let mut extension = Extension::Made;
        let data = sweep.fingerprint()?;
        if let Some((stored, begun)) = readable(path)? {
            same_version(path, &begun.begun_by)?;
            let differences = differences(stored.base(), sweep.base());
            if !differences.0.is_empty() {
                return Err(SweepError::OtherBase {
                    store: path.to_owned(),
                    differences,
                });
            }
            same_data(path, begun.data, data.as_ref())?;
            extension = if stored.to_node() == sweep.to_node() {
                Extension::None
            } else {
                Extension::From {
                    cells: stored.cells(),
                }
            };
        } else {
            refuse_other_cells(path, &cells)?;
        }
        if extension != Extension::None {
            let mut tree = sweep.to_node();
            let begun = Provenance {
                data,
                ..Provenance::here()
            };
            tree.put("provenance", begun.to_node(CONVENTION));
            write_whole(&path.join(PLAN), &sealed_toml(&tree))?;
        }
        for name in [CELLS, RUNNING, WORKERS] {
            shared_subfolder(path, name)?;
        }
        Ok(Self::new(path, sweep, cells, extension))
    }

    /// The store that is there.
    ///
    /// # Errors
    /// When there is none, or its sweep cannot be read.
    pub fn open(path: &Path) -> Result<Self, SweepError> {
        let (sweep, _) = stored(path)?;
        let cells = sweep.survey()?;
        Ok(Self::new(path, sweep, cells, Extension::None))
    }

    fn new(path: &Path, sweep: Sweep, cells: Vec<Surveyed>, extension: Extension) -> Self {
        let mut numbers = HashMap::with_capacity(cells.len());
        for (number, cell) in cells.iter().enumerate() {
            numbers.entry(cell.key).or_insert(number);
        }
        Self {
            path: path.to_owned(),
            sweep,
            cells,
            numbers,
            extension,
        }
    }

    /// Whether `path` is the directory of a sweep.
    pub fn is_one(path: &Path) -> bool {
        exists(&Self::plan_in(path))
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is run.
    pub fn sweep(&self) -> &Sweep {
        &self.sweep
    }

    /// What became of it when it was taken.
    pub fn extension(&self) -> Extension {
        self.extension
    }

    /// The cells in their order.
    pub(super) fn cells(&self) -> &[Surveyed] {
        &self.cells
    }

    /// Their keys.
    pub(super) fn keys(&self) -> Vec<u64> {
        self.cells.iter().map(|cell| cell.key).collect()
    }

    /// Those of the cells `numbers`.
    pub(super) fn keys_of(&self, numbers: &[usize]) -> Vec<u64> {
        let keys = numbers.iter().map(|&number| self.cells[number].key);
        keys.collect()
    }

    /// The first cell that has this key.
    pub(super) fn with_key(&self, key: u64) -> Option<usize> {
        self.numbers.get(&key).copied()
    }

    /// The file of the sweep whose store is `path`.
    pub(super) fn plan_in(path: &Path) -> PathBuf {
        path.join(PLAN)
    }

    /// The first cell that has the key of the cell `number`: cells that are the same are run once.
    pub(super) fn first(&self, number: usize) -> usize {
        self.numbers[&self.cells[number].key]
    }

    /// Refuses to go on with what another version began, or what was begun on other data.
    pub(super) fn check_continuation(&self) -> Result<(), SweepError> {
        let (_, begun) = stored(&self.path)?;
        same_version(&self.path, &begun.begun_by)?;
        same_data(&self.path, begun.data, self.sweep.fingerprint()?.as_ref())
    }

    /// The folder of the packs.
    pub(super) fn packs(&self) -> PathBuf {
        self.path.join(CELLS)
    }

    /// The run directory of the cell `key` while it is on its way.
    pub(super) fn running(&self, key: u64) -> PathBuf {
        self.path.join(RUNNING).join(digits(key))
    }

    /// The folder of those at work.
    pub(super) fn workers(&self) -> PathBuf {
        self.path.join(WORKERS)
    }
}

/// How losses are counted, where cells may differ.
const CONVENTION: &str = "that of each cell";

/// The same as [`stored`]; nothing where the file is not there, or is damaged in a directory that has a store's folder of cells.
fn readable(path: &Path) -> Result<Option<(Sweep, Provenance)>, SweepError> {
    if !Store::is_one(path) {
        return Ok(None);
    }
    match stored(path) {
        Err(SweepError::Store(StoreError::Altered { .. } | StoreError::NoDigest { .. }))
            if path.join(CELLS).is_dir() =>
        {
            Ok(None)
        }
        read => read.map(Some),
    }
}

/// Refuses to write the file of a sweep with these `cells` where the outcomes that lie there are all of others, or another
/// version's.
fn refuse_other_cells(path: &Path, cells: &[Surveyed]) -> Result<(), SweepError> {
    let packs = Packs::read(&path.join(CELLS))?;
    for program in packs.programs() {
        let build = Build {
            program: Some(program.to_owned()),
            commit: None,
        };
        same_version(path, &build)?;
    }
    if packs.count() > 0 && !cells.iter().any(|cell| packs.get(cell.key).is_some()) {
        return Err(SweepError::OtherCells {
            store: path.to_owned(),
        });
    }
    Ok(())
}

/// The sweep in `path`, and who began it on what.
fn stored(path: &Path) -> Result<(Sweep, Provenance), SweepError> {
    let file = path.join(PLAN);
    if !exists(&file) {
        return Err(no_sweep(path)?);
    }
    read_sealed(&file, WAY_OUT)?;
    let draft = Draft::read(&file)?;
    let provenance = Provenance::read(&Field::root(draft.tree()));
    let provenance = provenance.map_err(|fault| SpecError::new(&file, fault))?;
    Ok((Sweep::from_draft(draft)?, provenance))
}

fn same_version(path: &Path, found: &Build) -> Result<(), SweepError> {
    match &found.program {
        Some(found) if found != PROGRAM => Err(SweepError::OtherVersion {
            store: path.to_owned(),
            found: found.clone(),
            current: PROGRAM.to_owned(),
        }),
        _ => Ok(()),
    }
}

/// Refuses data that are known to be others than those of the fingerprint `stored`.
fn same_data(
    path: &Path,
    stored: Option<String>,
    given: Option<&String>,
) -> Result<(), SweepError> {
    match (stored, given) {
        (Some(stored), Some(given)) if stored != *given => Err(SweepError::OtherData {
            store: path.to_owned(),
            stored,
            given: given.clone(),
        }),
        _ => Ok(()),
    }
}

/// Why there is none to open in `path`.
fn no_sweep(path: &Path) -> Result<SweepError, SweepError> {
    let store = path.to_owned();
    if exists(path) && !path.is_dir() {
        return Ok(SweepError::NoDirectory { path: store });
    }
    Ok(match stranger(path)? {
        Some(found) => SweepError::OtherFiles { store, found },
        None => SweepError::NoSweep { store },
    })
}

/// Refuses a directory that holds files but no sweep, before anything is written into it.
fn refuse_strangers(path: &Path) -> Result<(), SweepError> {
    if !path.is_dir() || Store::is_one(path) {
        return Ok(());
    }
    stranger(path)?.map_or(Ok(()), |found| {
        Err(SweepError::Strangers {
            store: path.to_owned(),
            found,
        })
    })
}

/// What a store has in its directory beside the file of its sweep.
const OWN: [&str; 8] = [
    ".lock",
    CELLS,
    RUNNING,
    WORKERS,
    "slurm",
    "ends.parquet",
    "curves.parquet",
    "report.html",
];

/// The first of the files in `path` that no store has, unless the file of a sweep is among them.
fn stranger(path: &Path) -> Result<Option<String>, StoreError> {
    let name = |file: &PathBuf| {
        let name = file.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    };
    let names: Vec<String> = files(path)?.iter().map(name).collect();
    // One that was begun meanwhile is no stranger.
    if names.iter().any(|name| name == PLAN) {
        return Ok(None);
    }
    let strange = |name: &String| !OWN.contains(&&**name) && !is_unfinished(Path::new(name));
    Ok(names.into_iter().find(strange))
}
