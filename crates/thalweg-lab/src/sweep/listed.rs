//! A list of cells in a file, for work that begins later: it means the same cells whatever becomes of the sweep meanwhile.
//!
//! ```text
//! slurm/cells-0123456789abcdef.txt   the keys of the cells, sixteen digits a line; in its name the digest of its content
//! ```

use std::path::{Path, PathBuf};

use super::error::SweepError;
use super::store::Store;
use crate::store::{StoreError, digest, digits, read_listed, write_whole};

const BEGINS: &str = "cells-";
const ENDS: &str = ".txt";

const WAY_OUT: &str = "`thalweg sweep submit` with the store writes a new one";

/// The cells of a list in a file: they stay the same whatever becomes of the sweep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    keys: Vec<u64>,
}

impl Listed {
    /// The cells `numbers` of `store`, in this order.
    pub fn new(store: &Store, numbers: &[usize]) -> Self {
        Self {
            keys: store.keys_of(numbers),
        }
    }

    /// The list in the file `path`.
    ///
    /// # Errors
    /// When it cannot be read, or is not what was written.
    pub fn read(path: &Path) -> Result<Self, SweepError> {
        let no_list = || SweepError::NoList {
            path: path.to_owned(),
        };
        let name = path.file_name().and_then(|name| name.to_str());
        let of_name = name.and_then(|name| name.strip_prefix(BEGINS)?.strip_suffix(ENDS));
        let written = of_name.and_then(key).ok_or_else(no_list)?;
        let text = String::from_utf8(read_listed(path, written, WAY_OUT)?);
        let text = text.map_err(|_| no_list())?;
        let keys: Option<Vec<u64>> = text.lines().map(key).collect();
        keys.map(|keys| Self { keys }).ok_or_else(no_list)
    }

    /// The file that it has in `folder`.
    pub fn path(&self, folder: &Path) -> PathBuf {
        let digest = digits(digest(self.text().as_bytes()));
        folder.join(format!("{BEGINS}{digest}{ENDS}"))
    }

    /// Writes that file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), StoreError> {
        write_whole(&self.path(folder), self.text().as_bytes())
    }

    /// The numbers that the cells in the `places` of the list, from 0, have in `store` now; those that are no longer in its sweep
    /// are left out.
    ///
    /// # Errors
    /// When the list has no such place.
    pub fn numbers(&self, store: &Store, places: &[usize]) -> Result<Vec<usize>, SweepError> {
        let cells = self.keys.len();
        if let Some(&number) = places.iter().find(|&&place| place >= cells) {
            return Err(SweepError::NotListed { number, cells });
        }
        let found = places.iter();
        Ok(found
            .filter_map(|&place| store.with_key(self.keys[place]))
            .collect())
    }

    fn text(&self) -> String {
        self.keys.iter().map(|&key| digits(key) + "\n").collect()
    }
}

/// A key as [`digits`] writes it.
fn key(text: &str) -> Option<u64> {
    (text.len() == 16)
        .then(|| u64::from_str_radix(text, 16).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{SWEEP, store};
    use super::*;

    /// The sweep gains cells before the listed ones and loses one of them: the others are found where they are now.
    #[test]
    fn a_list_means_the_same_cells_whatever_becomes_of_the_sweep() {
        let folder = tempfile::tempdir().unwrap();
        let before = store(folder.path(), SWEEP).unwrap();
        // Depth 2 with batch 10, and depth 3 with both.
        let list = Listed::new(&before, &[1, 2, 3]);
        list.write(folder.path()).unwrap();
        let path = list.path(folder.path());
        let list = Listed::read(&path).unwrap();
        assert_eq!(list.numbers(&before, &[0, 1, 2]).unwrap(), [1, 2, 3]);
        let after = store(folder.path(), &SWEEP.replace("[1, 10]", "[7, 10]")).unwrap();
        assert_eq!(list.numbers(&after, &[0, 1, 2]).unwrap(), [1, 3]);
        assert_eq!(list.numbers(&after, &[2]).unwrap(), [3]);
        let beyond = list.numbers(&after, &[3]).unwrap_err().to_string();
        assert!(beyond.contains("no cell 3 in the list"), "{beyond}");
        // Another content, or another name, is no such list.
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replacen('\n', "", 1)).unwrap();
        let damaged = Listed::read(&path).unwrap_err().to_string();
        assert!(damaged.contains("damaged"), "{damaged}");
        let other = folder.path().join("cells.txt");
        std::fs::write(&other, text).unwrap();
        let renamed = Listed::read(&other).unwrap_err().to_string();
        assert!(renamed.contains("no list of cells"), "{renamed}");
    }
}
