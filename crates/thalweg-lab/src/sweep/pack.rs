//! Outcomes of cells on the disk: two files for as many cells as were finished together.
//!
//! ```text
//! cells/0123456789abcdef.parquet   what was measured of the cells, one after another
//! cells/0123456789abcdef.json      what became of each, and the digests of both files; with it the cells are done
//! ```

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::SweepError;
use crate::provenance::Build;
use crate::run::Measurements;
use crate::store::{
    RunOutcome, StoreError, decode_measurements, digest, digits, encode_measurements, files_with,
    json, read_listed, read_sealed, remove, write_whole,
};

/// What to do where a file is not what it was.
const WAY_OUT: &str =
    "remove it, and `thalweg sweep run` runs its cells again, to the same numbers";

/// The same where one of a pack's files goes while the pack is read: another process puts packs together, or a person removed it.
const GONE: &str = "it was there a moment ago; give the same command again";

/// How losses are counted in a file of several cells.
const CONVENTION: &str = "that of each cell's specification";

const INDEX: &str = "json";
const MEASUREMENTS: &str = "parquet";

/// What became of one cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CellRecord {
    /// See [`Cell::key`](super::Cell::key).
    #[serde(with = "hexadecimal")]
    pub key: u64,
    /// Whether it ran to its end.
    pub outcome: CellOutcome,
    /// Wall time, seconds.
    pub seconds: f64,
    /// Rows that were measured.
    pub rows: usize,
}

/// How a cell ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CellOutcome {
    /// All steps were made; what became of each seed.
    Finished(Vec<RunOutcome>),
    /// It could not be run, for this reason.
    Failed(String),
}

impl CellRecord {
    /// Whether it could not be run.
    pub fn has_failed(&self) -> bool {
        matches!(self.outcome, CellOutcome::Failed(_))
    }
}

/// What the index of a pack holds.
#[derive(Serialize, Deserialize)]
struct Index {
    cells: Vec<CellRecord>,
    #[serde(with = "hexadecimal")]
    measurements: u64,
    program: Option<String>,
    commit: Option<String>,
}

/// Writes what became of some cells into `folder`, and with it makes them done; the rows of `measurements` are those of the
/// `records`, one after another. Gives the index's path.
pub(super) fn write(
    folder: &Path,
    records: Vec<CellRecord>,
    measurements: &Measurements,
) -> Result<PathBuf, StoreError> {
    let failed = |source: std::io::Error| StoreError::Write {
        path: folder.to_owned(),
        source,
    };
    let bytes = encode_measurements(measurements, CONVENTION).map_err(failed)?;
    let Build { program, commit } = Build::here();
    let index = Index {
        cells: records,
        measurements: digest(&bytes),
        program,
        commit,
    };
    let text = json(&index).map_err(|error| failed(error.into()))?;
    // Of other content, and so another name: nothing is ever replaced.
    let path = folder.join(format!("{}.{INDEX}", digits(digest(&text))));
    write_whole(&path.with_extension(MEASUREMENTS), &bytes)?;
    write_whole(&path, &text)?;
    Ok(path)
}

/// What is known of the packs in a folder.
#[derive(Debug, Default)]
pub(super) struct Packs {
    /// Each by its index's path, in the order in which they were found.
    found: Vec<Pack>,
    places: HashMap<PathBuf, usize>,
    /// Pack and place in it of each cell that is done.
    cells: HashMap<u64, (usize, usize)>,
}

/// One pack's index.
#[derive(Debug)]
pub(super) struct Pack {
    pub(super) index: PathBuf,
    pub(super) records: Vec<CellRecord>,
    measurements: u64,
    /// The version that wrote it, where that is known.
    program: Option<String>,
    /// Whether its files were there at the last look.
    is_there: bool,
}

impl Pack {
    fn read(path: &Path) -> Result<Self, StoreError> {
        let bytes = read_sealed(path, WAY_OUT)?;
        let index: Index = serde_json::from_slice(&bytes).map_err(|error| StoreError::Read {
            path: path.to_owned(),
            source: error.into(),
        })?;
        Ok(Self {
            index: path.to_owned(),
            records: index.cells,
            measurements: index.measurements,
            program: index.program,
            is_there: true,
        })
    }

    /// Rows in all.
    pub(super) fn rows(&self) -> usize {
        self.records.iter().map(|record| record.rows).sum()
    }

    /// What was measured of each of its cells.
    pub(super) fn measurements(&self) -> Result<Vec<Measurements>, StoreError> {
        let path = self.index.with_extension(MEASUREMENTS);
        let bytes = match read_listed(&path, self.measurements, WAY_OUT) {
            // It was there when the packs were looked at.
            Err(StoreError::Missing { .. }) => return Err(StoreError::missing(&path, GONE)),
            read => read?,
        };
        let all = decode_measurements(&path, bytes)?;
        if all.len() != self.rows() {
            let message = format!(
                "it has {} rows, and its index says {}",
                all.len(),
                self.rows()
            );
            return Err(StoreError::Read {
                path,
                source: std::io::Error::other(message),
            });
        }
        let mut start = 0;
        let part = |record: &CellRecord| {
            let range = start..start + record.rows;
            start = range.end;
            all.part(range)
        };
        Ok(self.records.iter().map(part).collect())
    }

    fn remove(&self) -> Result<(), StoreError> {
        remove(&self.index)?;
        remove(&self.index.with_extension(MEASUREMENTS))
    }
}

impl Packs {
    /// Those in `folder`.
    pub(super) fn read(folder: &Path) -> Result<Self, StoreError> {
        let mut packs = Self::default();
        packs.refresh(folder)?;
        Ok(packs)
    }

    /// Reads those that were not there yet. A cell that was done stays so while its
    /// pack is put together with others. An index without its measurements is no pack: its cells are not done.
    pub(super) fn refresh(&mut self, folder: &Path) -> Result<(), StoreError> {
        let mut paths = files_with(folder, INDEX)?;
        // In this order: the measurements are written before their index, and removed after it.
        let measurements: HashSet<PathBuf> =
            files_with(folder, MEASUREMENTS)?.into_iter().collect();
        paths.retain(|path| measurements.contains(&path.with_extension(MEASUREMENTS)));
        let there: HashSet<&PathBuf> = paths.iter().collect();
        let mut lost = HashSet::new();
        for (number, pack) in self.found.iter_mut().enumerate() {
            let was_there = pack.is_there;
            pack.is_there = there.contains(&pack.index);
            if !pack.is_there && !was_there {
                lost.insert(number);
            }
        }
        for path in paths {
            if self.places.contains_key(&path) {
                continue;
            }
            let pack = match Pack::read(&path) {
                // Another process has just put it together with others.
                Err(StoreError::Missing { .. }) => continue,
                read => read?,
            };
            let number = self.found.len();
            for (place, record) in pack.records.iter().enumerate() {
                let replaces = match self.cells.get(&record.key) {
                    None => true,
                    Some(&(p, c)) => {
                        let before = &self.found[p];
                        // A failure that was tried again, or a pack that is gone; else the same twice.
                        before.records[c].has_failed() || !before.is_there
                    }
                };
                if replaces {
                    self.cells.insert(record.key, (number, place));
                }
            }
            self.places.insert(path, number);
            self.found.push(pack);
        }
        // One look may miss the pack into which another was put, which is there before that one goes; the next one sees it.
        self.cells.retain(|_, (pack, _)| !lost.contains(pack));
        // Where a file is put back, its pack is read again.
        self.places.retain(|_, pack| !lost.contains(pack));
        self.forget();
        Ok(())
    }

    /// Frees the records of packs that are gone, where all their cells are known from others.
    fn forget(&mut self) {
        let gone = |pack: &Pack| !pack.is_there && !pack.records.is_empty();
        if !self.found.iter().any(gone) {
            return;
        }
        let used: HashSet<usize> = self.cells.values().map(|&(pack, _)| pack).collect();
        for (number, pack) in self.found.iter_mut().enumerate() {
            if !pack.is_there && !used.contains(&number) {
                pack.records = Vec::new();
            }
        }
    }

    /// How many cells are done, whatever sweep they belong to.
    pub(super) fn count(&self) -> usize {
        self.cells.len()
    }

    /// The versions that wrote them, where they are known.
    pub(super) fn programs(&self) -> impl Iterator<Item = &str> {
        self.found.iter().filter_map(|pack| pack.program.as_deref())
    }

    /// What became of the cell `key`; nothing where it is not done.
    pub(super) fn get(&self, key: u64) -> Option<&CellRecord> {
        let &(pack, place) = self.cells.get(&key)?;
        Some(&self.found[pack].records[place])
    }

    /// Those of `keys` that are done, with what was measured of them, pack by pack; `work` gets the place in `keys`.
    pub(super) fn visit<T: Send>(
        &self,
        keys: &[u64],
        work: impl Fn(usize, &CellRecord, Measurements) -> Result<T, SweepError> + Sync,
    ) -> Result<Vec<Option<T>>, SweepError> {
        use rayon::prelude::*;
        let mut wanted: HashMap<usize, Vec<(usize, usize)>> = HashMap::new();
        for (number, key) in keys.iter().enumerate() {
            if let Some(&(pack, place)) = self.cells.get(key) {
                wanted.entry(pack).or_default().push((place, number));
            }
        }
        let visited = wanted.into_par_iter().map(|(pack, cells)| {
            let pack = &self.found[pack];
            let measurements = pack.measurements()?;
            let each = |(place, number): (usize, usize)| {
                let made = work(number, &pack.records[place], measurements[place].clone())?;
                Ok((number, made))
            };
            cells.into_iter().map(each).collect()
        });
        let visited: Vec<Vec<(usize, T)>> = visited.collect::<Result<_, SweepError>>()?;
        let mut all: Vec<Option<T>> = keys.iter().map(|_| None).collect();
        for (number, made) in visited.into_iter().flatten() {
            all[number] = Some(made);
        }
        Ok(all)
    }

    /// Puts small packs of `folder` together, each cell once, those of `keys` in their order; to be called by the only process
    /// that writes there. A kill in between leaves cells twice, which is as good.
    pub(super) fn collect(&mut self, folder: &Path, keys: &[u64]) -> Result<(), StoreError> {
        self.refresh(folder)?;
        let small = |pack: &&Pack| pack.rows() < FULL / 2 && pack.records.len() < FULL / 2;
        let small: Vec<&Pack> = self.found.iter().filter(small).collect();
        if small.len() < 2 {
            return drop_halves(folder);
        }
        let order: HashMap<u64, usize> = keys.iter().enumerate().map(|(n, k)| (*k, n)).collect();
        let mut records: Vec<(&CellRecord, &Pack, usize)> = Vec::new();
        for pack in &small {
            for (place, record) in pack.records.iter().enumerate() {
                // Elsewhere it may be kept already, or have been tried again with success.
                let kept = self
                    .cells
                    .get(&record.key)
                    .map(|&(p, c)| &self.found[p].records[c]);
                if kept.is_some_and(|kept| std::ptr::eq(kept, record)) {
                    records.push((record, pack, place));
                }
            }
        }
        records.sort_by_key(|(record, _, _)| (order.get(&record.key), record.key));
        let mut written = HashSet::new();
        let mut rest = &records[..];
        while !rest.is_empty() {
            let mut rows = 0;
            let fits = |(record, _, _): &&(&CellRecord, &Pack, usize)| {
                rows += record.rows;
                rows <= FULL
            };
            let count = rest.iter().take(FULL).take_while(fits).count().max(1);
            let (group, later) = rest.split_at(count);
            rest = later;
            let mut parts: HashMap<&Path, Vec<Measurements>> = HashMap::new();
            let mut measurements = Measurements::default();
            for (_, pack, place) in group {
                if !parts.contains_key(&*pack.index) {
                    parts.insert(&pack.index, pack.measurements()?);
                }
                measurements.append(&parts[&*pack.index][*place]);
            }
            let records = group
                .iter()
                .map(|(record, _, _)| (*record).clone())
                .collect();
            written.insert(write(folder, records, &measurements)?);
        }
        for pack in small.iter().filter(|pack| !written.contains(&pack.index)) {
            pack.remove()?;
        }
        *self = Self::read(folder)?;
        drop_halves(folder)
    }
}

/// Rows, or cells, that a pack holds at most when it is put together from others: about 15 MB.
const FULL: usize = 1 << 20;

/// Removes measurements whose index was never written, and an index whose measurements are gone.
fn drop_halves(folder: &Path) -> Result<(), StoreError> {
    for (one, other) in [(MEASUREMENTS, INDEX), (INDEX, MEASUREMENTS)] {
        for path in files_with(folder, one)? {
            if !path.with_extension(other).exists() {
                remove(&path)?;
            }
        }
    }
    Ok(())
}

/// Digests as sixteen digits: JSON's numbers have fewer bits.
mod hexadecimal {
    use serde::de::{Deserialize, Deserializer, Error as _};
    use serde::ser::Serializer;

    use crate::store::digits;

    pub(super) fn serialize<S: Serializer>(digest: &u64, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&digits(*digest))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
        let text = String::deserialize(from)?;
        u64::from_str_radix(&text, 16).map_err(D::Error::custom)
    }
}
