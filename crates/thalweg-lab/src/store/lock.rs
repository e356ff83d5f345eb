//! The lock of a directory: who holds it writes there, and nobody else of those who ask for it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::error::StoreError;
use super::whole::remove_unfinished;

/// The file that is locked. It is empty, and stays.
pub(super) const LOCK: &str = ".lock";

/// How often a taken lock is asked for again.
const AGAIN: Duration = Duration::from_millis(10);

/// A directory that this process alone writes to while the value lives. The system releases it when the
/// process ends, however it ends.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

impl Lock {
    /// How long a run waits: until a page that is being written is finished.
    pub const FOR_A_RUN: Duration = Duration::from_secs(2);
    /// How long pages and results wait for those before them.
    pub const FOR_A_PAGE: Duration = Duration::from_secs(60);

    /// Takes `directory`, waiting `patience` at most, and removes what a killed process left unfinished in it.
    ///
    /// # Errors
    /// When another process holds it all that time, when the lock is a link, or when it cannot be written.
    pub fn take(directory: &Path, patience: Duration) -> Result<Self, StoreError> {
        let path = directory.join(LOCK);
        let file = open(&path)?;
        let begun = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if begun.elapsed() < patience => sleep(AGAIN),
                Err(TryLockError::WouldBlock) => {
                    return Err(StoreError::Locked {
                        directory: directory.to_owned(),
                    });
                }
                Err(TryLockError::Error(source)) => return Err(StoreError::write(&path, source)),
            }
        }
        let lock = Self { file };
        remove_unfinished(directory)?;
        Ok(lock)
    }
}

impl Drop for Lock {
    /// Closing the file would not do: a child process that is just being started holds a copy of it.
    fn drop(&mut self) {
        let _ = self.file.unlock();
    }
}

/// The file `path`, made if need be, and never through a link; what it holds stays.
fn open(path: &Path) -> Result<File, StoreError> {
    let mut options = OpenOptions::new();
    options.write(true);
    match options.clone().create_new(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => return made.map_err(|source| StoreError::write(path, source)),
    }
    let metadata = fs::symlink_metadata(path).map_err(|source| StoreError::read(path, source))?;
    if !metadata.is_file() {
        return Err(StoreError::link(path));
    }
    options
        .open(path)
        .map_err(|source| StoreError::write(path, source))
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT_ONCE: Duration = Duration::ZERO;

    #[test]
    fn a_taken_directory_is_refused_and_a_released_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let lock = Lock::take(folder.path(), AT_ONCE).unwrap();
        let refused = Lock::take(folder.path(), AT_ONCE).unwrap_err();
        assert!(matches!(refused, StoreError::Locked { .. }), "{refused}");
        drop(lock);
        Lock::take(folder.path(), AT_ONCE).unwrap();
    }

    /// Between fork and exec a child has all of its parent's files, the lock's too.
    #[test]
    fn a_copy_of_the_file_does_not_hold_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let lock = Lock::take(folder.path(), AT_ONCE).unwrap();
        let copy = lock.file.try_clone().unwrap();
        drop(lock);
        Lock::take(folder.path(), AT_ONCE).unwrap();
        drop(copy);
    }

    #[test]
    fn a_second_one_waits_for_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let lock = Lock::take(folder.path(), AT_ONCE).unwrap();
        let path = folder.path().to_owned();
        let second = std::thread::spawn(move || Lock::take(&path, Lock::FOR_A_PAGE).map(drop));
        sleep(5 * AGAIN);
        assert!(!second.is_finished());
        drop(lock);
        second.join().unwrap().unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_refused_and_what_it_points_to_stays() {
        let folder = tempfile::tempdir().unwrap();
        let other = folder.path().join("precious");
        let path = folder.path().join(LOCK);
        for exists in [false, true] {
            if exists {
                fs::write(&other, "text").unwrap();
            }
            std::os::unix::fs::symlink(&other, &path).unwrap();
            let refused = Lock::take(folder.path(), AT_ONCE).unwrap_err();
            assert!(matches!(refused, StoreError::Link { .. }), "{refused}");
            assert_eq!(other.exists(), exists);
            fs::remove_file(&path).unwrap();
        }
        assert_eq!(fs::read(&other).unwrap(), b"text");
    }
}
