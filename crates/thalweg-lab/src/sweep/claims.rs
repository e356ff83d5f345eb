//! Which cells a process is working on, so that no other begins them.
//!
//! ```text
//! workers/1234-0   held locked by one process while it lives; the keys of the cells that it works on, eight bytes each
//! ```
//!
//! The system lets go of the lock when the process ends, however it ends: what a dead one claimed is free again. Workers
//! join, and claim, while they hold the store's own lock.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};
use std::process;

use crate::store::{StoreError, files, remove};

/// This process as one that works on a store.
#[derive(Debug)]
pub(super) struct Worker {
    path: PathBuf,
    file: File,
}

impl Worker {
    /// Joins those in `folder`.
    pub(super) fn join(folder: &Path) -> Result<Self, StoreError> {
        let failed = |path: &Path, source| StoreError::Write {
            path: path.to_owned(),
            source,
        };
        let mut count = 0;
        loop {
            // On another machine a process may have the same number.
            let path = folder.join(format!("{}-{count}", process::id()));
            let mut options = OpenOptions::new();
            match options.write(true).create_new(true).open(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => count += 1,
                Err(source) => return Err(failed(&path, source)),
                Ok(file) => {
                    file.lock().map_err(|source| failed(&path, source))?;
                    return Ok(Self { path, file });
                }
            }
        }
    }

    /// Says that it works on the cells `keys`, and on no others.
    pub(super) fn claim(&mut self, keys: &[u64]) -> Result<(), StoreError> {
        let bytes: Vec<u8> = keys.iter().flat_map(|key| key.to_le_bytes()).collect();
        let mut write = || {
            self.file.set_len(0)?;
            self.file.rewind()?;
            self.file.write_all(&bytes)
        };
        write().map_err(|source| StoreError::Write {
            path: self.path.clone(),
            source,
        })
    }

    /// What the others in its folder work on.
    pub(super) fn others(&self) -> Result<Others, StoreError> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let others = others(folder, Some(&self.path))?;
        for path in &others.dead {
            remove(path)?;
        }
        Ok(others)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Where it cannot be removed it is a dead one's.
        let _ = fs::remove_file(&self.path);
        let _ = self.file.unlock();
    }
}

/// The workers in a folder.
#[derive(Debug, Default)]
pub(super) struct Others {
    /// How many live.
    pub(super) alive: usize,
    /// What they work on.
    pub(super) claimed: HashSet<u64>,
    /// The files of those that do not.
    dead: Vec<PathBuf>,
}

/// The workers in `folder`, but for the one whose file is `own`.
pub(super) fn others(folder: &Path, own: Option<&Path>) -> Result<Others, StoreError> {
    let mut others = Others::default();
    for path in files(folder)? {
        if Some(&*path) == own {
            continue;
        }
        let failed = |source| StoreError::Read {
            path: path.clone(),
            source,
        };
        let plain = fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_file());
        let file = match File::open(&path) {
            Ok(file) if plain => file,
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => continue,
        };
        // Shared, so that two that only look do not take each other for workers.
        match file.try_lock_shared() {
            Ok(()) => others.dead.push(path),
            Err(TryLockError::Error(source)) => return Err(failed(source)),
            Err(TryLockError::WouldBlock) => {
                others.alive += 1;
                let bytes = fs::read(&path).map_err(failed)?;
                let keys = bytes.as_chunks::<8>().0.iter();
                others
                    .claimed
                    .extend(keys.map(|key| u64::from_le_bytes(*key)));
            }
        }
    }
    Ok(others)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_seen_while_their_owner_lives_and_not_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let mut one = Worker::join(folder.path()).unwrap();
        let two = Worker::join(folder.path()).unwrap();
        one.claim(&[1, 2, 3]).unwrap();
        one.claim(&[7, u64::MAX]).unwrap();
        let seen = two.others().unwrap();
        assert_eq!(
            (seen.alive, seen.claimed),
            (1, HashSet::from([7, u64::MAX]))
        );
        assert_eq!(others(folder.path(), None).unwrap().alive, 2);
        // As a kill leaves it: the file stays, and nobody holds it.
        let path = one.path.clone();
        drop(one);
        fs::write(&path, 7_u64.to_le_bytes()).unwrap();
        let seen = two.others().unwrap();
        assert_eq!((seen.alive, seen.claimed.len()), (0, 0));
        assert!(!path.exists());
    }
}
