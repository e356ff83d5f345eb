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
use crate::provenance::{Build, PROGRAM, Provenance};
use crate::spec::{Draft, Field, SpecError};
use crate::store::{
    Lock, create_folder, differences, digits, exists, files, is_unfinished, read_sealed,
    sealed_toml, shared_subfolder, write_whole,
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
    /// It was made.
    Made,
    /// It had another sweep of the same base, of so many cells.
    From {
        /// How many it had.
        cells: usize,
    },
}

impl Store {
    /// Takes the directory `path` for `sweep`: a new or an empty one, or one with a sweep of the same base, which may have had
    /// other axes.
    ///
    /// # Errors
    /// When one of the cells is no experiment, the directory holds something else or a sweep of another base, or it cannot be
    /// written.
    pub fn create(path: &Path, sweep: Sweep) -> Result<Self, SweepError> {
        let cells = sweep.survey()?;
        refuse_strangers(path)?;
        create_folder(path)?;
        let _lock = Lock::take(path, Lock::FOR_A_PAGE)?;
        let mut extension = Extension::Made;
        if exists(&path.join(PLAN)) {
            let (stored, build) = stored(path)?;
            same_version(path, &build)?;
            let differences = differences(stored.base(), sweep.base());
            if !differences.0.is_empty() {
                return Err(SweepError::OtherBase {
                    store: path.to_owned(),
                    differences,
                });
            }
            extension = if stored.to_node() == sweep.to_node() {
                Extension::None
            } else {
                Extension::From {
                    cells: stored.cells(),
                }
            };
        }
        if extension != Extension::None {
            let mut tree = sweep.to_node();
            tree.put("provenance", Provenance::here().to_node(CONVENTION));
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

    /// Refuses to go on with what another version began.
    pub(super) fn check_version(&self) -> Result<(), SweepError> {
        same_version(&self.path, &stored(&self.path)?.1)
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

/// The sweep in `path`, and who began it.
fn stored(path: &Path) -> Result<(Sweep, Build), SweepError> {
    let file = path.join(PLAN);
    if !exists(&file) {
        return Err(SweepError::NoSweep {
            store: path.to_owned(),
        });
    }
    read_sealed(&file, WAY_OUT)?;
    let draft = Draft::read(&file)?;
    let provenance = Provenance::read(&Field::root(draft.tree()));
    let provenance = provenance.map_err(|fault| SpecError::new(&file, fault))?;
    Ok((Sweep::from_draft(draft)?, provenance.begun_by))
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

/// Refuses a directory that holds files but no sweep, before anything is written into it.
fn refuse_strangers(path: &Path) -> Result<(), SweepError> {
    if !path.is_dir() || Store::is_one(path) {
        return Ok(());
    }
    let name = |file: &PathBuf| {
        let name = file.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    };
    let strange = |name: &String| name != ".lock" && !is_unfinished(Path::new(name));
    let names: Vec<String> = files(path)?.iter().map(name).filter(strange).collect();
    match names.first() {
        // One that was begun meanwhile is no stranger.
        Some(found) if !names.iter().any(|name| name == PLAN) => Err(SweepError::Strangers {
            store: path.to_owned(),
            found: found.clone(),
        }),
        _ => Ok(()),
    }
}
