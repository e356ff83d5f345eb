//! A store looked at again and again: what is known of it is kept, and only what is new is read.

use std::collections::HashMap;
use std::path::Path;

use super::claims;
use super::error::SweepError;
use super::pack::{CellRecord, Packs};
use super::status::{Status, status_of};
use super::store::Store;
use super::table::{CellEnds, ends_of_cells};
use crate::store::{StoreError, digest, read_plain};

/// The sweep in a directory, as far as it was seen.
///
/// Its first look makes each cell once, as [`Store::open`] does. Later ones read new packs alone, until the sweep itself changes.
#[derive(Debug)]
pub struct Follower {
    store: Store,
    packs: Packs,
    /// The digest of the sweep's file.
    plan: Option<u64>,
    /// The cells whose ends were given, and whether they had failed.
    given: HashMap<usize, bool>,
}

/// What a look found.
#[derive(Clone, Debug, PartialEq)]
pub struct Look {
    /// How far the sweep has come.
    pub status: Status,
    /// Whether it is another sweep than at the last look: what was given before is void.
    pub begins_anew: bool,
    /// The ends of the cells that are done since then, among those below the number that was asked for.
    pub ends: Vec<CellEnds>,
}

impl Follower {
    /// Begins with the sweep in `path`.
    ///
    /// # Errors
    /// When there is none, or its sweep cannot be read.
    pub fn open(path: &Path) -> Result<Self, SweepError> {
        // In this order: what is written in between is seen as a change.
        let plan = digest_of(&Store::plan_in(path));
        Ok(Self {
            store: Store::open(path)?,
            packs: Packs::default(),
            plan,
            given: HashMap::new(),
        })
    }

    /// The store as it was at the last look.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// How many of `cells` were finished at the last look, and how many could not be run. Numbers of no cell count as neither.
    pub fn done_among(&self, cells: &[usize]) -> (usize, usize) {
        let known = cells
            .iter()
            .filter_map(|&cell| self.store.cells().get(cell));
        let records = known.filter_map(|cell| self.packs.get(cell.key));
        let (failed, finished): (Vec<_>, Vec<_>) = records.partition(|record| record.has_failed());
        (finished.len(), failed.len())
    }

    /// Looks again; the ends are those of the cells below `most`.
    ///
    /// # Errors
    /// When a file there cannot be read.
    pub fn look(&mut self, most: usize) -> Result<Look, SweepError> {
        let done = self.packs.count();
        let mut status = self.status()?;
        let is_other = digest_of(&Store::plan_in(self.store.path())) != self.plan;
        // Fewer: files of finished cells were taken away.
        let begins_anew = is_other || self.packs.count() < done;
        if begins_anew {
            *self = Self::open(self.store.path())?;
            status = self.status()?;
        }
        let record = |number: usize| self.packs.get(self.store.cells()[number].key);
        let is_new = |number: &usize| match (record(*number), self.given.get(number)) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(record), Some(had_failed)) => *had_failed && !record.has_failed(),
        };
        let shown = self.store.cells().len().min(most);
        let new: Vec<usize> = (0..shown).filter(is_new).collect();
        let ends = match ends_of_cells(&self.store, &self.packs, &new) {
            // Another process has just put it together with others.
            Err(SweepError::Store(StoreError::Missing { .. })) => {
                self.packs.refresh(&self.store.packs())?;
                ends_of_cells(&self.store, &self.packs, &new)?
            }
            found => found?,
        };
        let failed = |cell: &CellEnds| (cell.number, CellRecord::has_failed(&cell.record));
        self.given.extend(ends.iter().map(failed));
        Ok(Look {
            status,
            begins_anew,
            ends,
        })
    }

    /// How far it has come, of the sweep as it was at the last look.
    fn status(&mut self) -> Result<Status, SweepError> {
        // In this order: one who leaves has put its outcomes on the disk before.
        let others = claims::others(&self.store.workers(), None)?;
        self.packs.refresh(&self.store.packs())?;
        Ok(status_of(&self.store, &others, &self.packs))
    }
}

fn digest_of(file: &Path) -> Option<u64> {
    Some(digest(&read_plain(file).ok()?))
}

#[cfg(test)]
#[path = "follow_tests.rs"]
mod tests;
