//! What can go wrong with a sweep, said so that a person can mend it.

use std::path::PathBuf;

use crate::spec::SpecError;
use crate::store::{Differences, StoreError};

/// A sweep that cannot be read, run or shown.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// The sweep file is wrong.
    #[error(transparent)]
    Spec(#[from] SpecError),
    /// One of its cells is no experiment.
    #[error("cell {number} ({point}) cannot be run: {source}")]
    Cell {
        /// Its number.
        number: usize,
        /// The axes there.
        point: String,
        /// Why not.
        source: Box<SpecError>,
    },
    /// The store holds a sweep of another base.
    #[error(
        "{} holds a sweep of another base ({differences}): a sweep may gain axes and values, but what its finished cells were run from stays; choose another directory",
        store.display()
    )]
    OtherBase {
        /// The store.
        store: PathBuf,
        /// Where the two bases differ.
        differences: Differences,
    },
    /// The store was begun by another version of the program, whose numbers may differ.
    #[error("{} was begun by {found} and this is {current}: go on with that version, or choose another directory", store.display())]
    OtherVersion {
        /// The store.
        store: PathBuf,
        /// The version that began it.
        found: String,
        /// This version.
        current: String,
    },
    /// The store was begun on other data.
    #[error(
        "{} was begun on other data: what its cells read has changed since (its fingerprint was {stored} and is {given}); bring the old files back, or choose another directory",
        store.display()
    )]
    OtherData {
        /// The store.
        store: PathBuf,
        /// The fingerprint of the data that it was begun on.
        stored: String,
        /// Theirs today.
        given: String,
    },
    /// The directory holds something else.
    #[error("{} holds other files (`{found}`) and no sweep: choose a new or an empty directory", store.display())]
    Strangers {
        /// The directory.
        store: PathBuf,
        /// One of the files.
        found: String,
    },
    /// The directory's file of its sweep cannot be read, and its cells are not those of the sweep that was given.
    #[error("{} holds cells, and none of them is of this sweep: give the file of the sweep that was run there, or choose another directory", store.display())]
    OtherCells {
        /// The directory.
        store: PathBuf,
    },
    /// A file was given for a store.
    #[error("{} is a file, and a store is a directory: give the one that stood after --out of `thalweg sweep run FILE --out DIR`", path.display())]
    NoDirectory {
        /// The file.
        path: PathBuf,
    },
    /// A directory of other files was given for a store.
    #[error("{} holds no sweep, and other files (`{found}`): give the directory that stood after --out of `thalweg sweep run FILE --out DIR`", store.display())]
    OtherFiles {
        /// The directory.
        store: PathBuf,
        /// One of the files.
        found: String,
    },
    /// There is no sweep in the directory.
    #[error("{} holds no sweep: `thalweg sweep run FILE --out {}` begins one there", store.display(), store.display())]
    NoSweep {
        /// The directory.
        store: PathBuf,
    },
    /// A cell is asked for that is not there.
    #[error("there is no cell {number}: the sweep has {cells}, numbered from 0")]
    NoCell {
        /// The number asked for.
        number: usize,
        /// How many there are.
        cells: usize,
    },
    /// A file is no list of cells.
    #[error("{} is no list of cells as `thalweg sweep submit` writes it: give STORE/slurm/cells-….txt, under its own name", path.display())]
    NoList {
        /// The file.
        path: PathBuf,
    },
    /// A place of a list is asked for that is not there.
    #[error("there is no cell {number} in the list: it has {cells}, numbered from 0")]
    NotListed {
        /// The place asked for.
        number: usize,
        /// How many there are.
        cells: usize,
    },
    /// There is nothing to put in a table.
    #[error("no cell of {} is finished: `thalweg sweep run {}` runs them", store.display(), store.display())]
    NothingFinished {
        /// The store.
        store: PathBuf,
    },
    /// The disk failed under the work, or a file there is damaged.
    #[error(transparent)]
    Store(#[from] StoreError),
}
