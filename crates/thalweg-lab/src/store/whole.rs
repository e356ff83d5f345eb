//! Writes files that appear whole or not at all.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::error::StoreError;

/// How the names of unfinished files end; none of them is ever read.
const UNFINISHED: &str = "tmp";

/// Puts what `write` writes at `path`, replacing what stood there.
///
/// The bytes go to a neighbouring file that is renamed once they are on the disk, so that after a
/// kill, a power cut or an error the path holds either the old content or the new.
pub(crate) fn write_whole(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> Result<(), StoreError> {
    let unfinished = unfinished(path);
    let attempt = || {
        write_unfinished(&unfinished, write)?;
        finish(&unfinished, path)
    };
    attempt().map_err(|source| {
        // A disk that is full needs the space; failing to remove it too leaves it to the next start.
        let _ = fs::remove_file(&unfinished);
        StoreError::write(path, source)
    })
}

/// Puts several files in place that belong together: none of them before there was space for all.
pub(crate) fn write_all_whole(files: &[(PathBuf, &[u8])]) -> Result<(), StoreError> {
    let attempt = || {
        for (path, bytes) in files {
            write_unfinished(&unfinished(path), |file| file.write_all(bytes))
                .map_err(|source| StoreError::write(path, source))?;
        }
        for (path, _) in files {
            finish(&unfinished(path), path).map_err(|source| StoreError::write(path, source))?;
        }
        Ok(())
    };
    attempt().inspect_err(|_| {
        for (path, _) in files {
            let _ = fs::remove_file(unfinished(path));
        }
    })
}

/// Writes `unfinished` to the disk.
fn write_unfinished(
    unfinished: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<()> {
    let mut writer = BufWriter::new(File::create(unfinished)?);
    write(&mut writer)?;
    writer.flush()?;
    writer.get_ref().sync_all()
}

/// Gives an unfinished file its name, on the disk.
fn finish(unfinished: &Path, path: &Path) -> io::Result<()> {
    fs::rename(unfinished, path)?;
    sync_folder(path.parent().unwrap_or(Path::new(".")))
}

/// Makes `folder` and those above it, on the disk.
pub(crate) fn create_folder(folder: &Path) -> Result<(), StoreError> {
    if folder.is_dir() {
        return Ok(());
    }
    let attempt = || {
        fs::create_dir_all(folder)?;
        sync_folder(folder.parent().unwrap_or(Path::new(".")))
    };
    attempt().map_err(|source| StoreError::write(folder, source))
}

/// Removes what a killed process left unfinished in `folder`.
pub(crate) fn remove_unfinished(folder: &Path) -> Result<(), StoreError> {
    for path in files(folder)? {
        if path
            .extension()
            .is_some_and(|extension| extension == UNFINISHED)
        {
            remove(&path)?;
        }
    }
    Ok(())
}

/// The paths in `folder`, sorted; none if there is no such folder.
pub(crate) fn files(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let attempt = || -> io::Result<Vec<PathBuf>> {
        let mut paths = match fs::read_dir(folder) {
            Ok(entries) => entries
                .map(|entry| Ok(entry?.path()))
                .collect::<io::Result<Vec<_>>>()?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        paths.sort();
        Ok(paths)
    };
    attempt().map_err(|source| StoreError::read(folder, source))
}

/// Removes the file `path`.
pub(crate) fn remove(path: &Path) -> Result<(), StoreError> {
    fs::remove_file(path).map_err(|source| StoreError::write(path, source))
}

fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(UNFINISHED);
    path.with_file_name(name)
}

/// A rename is only on the disk once its folder is.
fn sync_folder(folder: &Path) -> io::Result<()> {
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    // Only Unix lets a folder be opened as a file.
    if cfg!(unix) {
        File::open(folder)?.sync_all()
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
        files(folder).unwrap().iter().map(name).collect()
    }

    #[test]
    fn a_file_is_replaced_only_by_a_whole_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write_whole(&path, |w| w.write_all(b"old")).unwrap();
        let full = write_whole(&path, |w| {
            w.write_all(&vec![b'x'; 100_000])?;
            Err(io::Error::from(io::ErrorKind::StorageFull))
        });
        let message = full.unwrap_err().to_string();
        assert!(
            message.contains("no storage space") && message.contains("file"),
            "{message}"
        );
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["file"]);
        write_whole(&path, |w| w.write_all(b"new")).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }

    /// Linux's /dev/full fails as a full disk does, when the buffer is flushed.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_told_as_such() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::os::unix::fs::symlink("/dev/full", unfinished(&path)).unwrap();
        let message = write_whole(&path, |w| w.write_all(b"text"))
            .unwrap_err()
            .to_string();
        assert!(message.contains("No space left on device"), "{message}");
        assert!(names(folder.path()).is_empty());
    }

    /// The second file does not fit: the first is not put in place either.
    #[cfg(target_os = "linux")]
    #[test]
    fn files_that_belong_together_come_together() {
        let folder = tempfile::tempdir().unwrap();
        let paths = ["first", "second"].map(|name| folder.path().join(name));
        fs::write(&paths[0], b"old").unwrap();
        std::os::unix::fs::symlink("/dev/full", unfinished(&paths[1])).unwrap();
        let files = paths.clone().map(|path| (path, b"new".as_slice()));
        let message = write_all_whole(&files).unwrap_err().to_string();
        assert!(message.contains("second"), "{message}");
        assert_eq!(fs::read(&paths[0]).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["first"]);
    }

    #[test]
    fn what_a_killed_process_left_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("part.parquet.tmp"), b"half").unwrap();
        fs::write(folder.path().join("part.parquet"), b"whole").unwrap();
        remove_unfinished(folder.path()).unwrap();
        assert_eq!(names(folder.path()), ["part.parquet"]);
    }
}
