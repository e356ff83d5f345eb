//! Writes files that appear whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

use super::error::StoreError;

/// How the names of unfinished files end; none of them is ever read.
const UNFINISHED: &str = "tmp";

/// Puts `bytes` at `path`, replacing what stood there.
///
/// They go to a neighbouring file that is renamed once they are on the disk, so that after a kill, a power
/// cut or an error the path holds either the old content or the new, and a reader never sees a part.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    write_all_whole(&[(path.to_owned(), bytes)])
}

/// Puts several files in place that belong together: none of them before there was space for all.
pub fn write_all_whole(files: &[(PathBuf, &[u8])]) -> Result<(), StoreError> {
    let mut written = Vec::new();
    for (path, bytes) in files {
        let unfinished = Unfinished::write(path, bytes);
        written.push(unfinished.map_err(|source| StoreError::write(path, source))?);
    }
    for unfinished in written {
        let path = unfinished.path.clone();
        unfinished
            .finish()
            .map_err(|source| StoreError::write(&path, source))?;
    }
    Ok(())
}

/// A written file without its name; dropped, it is gone. (A disk that is full needs the space. Where it cannot
/// be removed either, the next who takes the directory does.)
struct Unfinished {
    temporary: PathBuf,
    path: PathBuf,
}

impl Unfinished {
    /// Writes `bytes` to a new file beside `path`, on the disk.
    fn write(path: &Path, bytes: &[u8]) -> io::Result<Self> {
        let (mut file, temporary) = create_beside(path)?;
        let unfinished = Self {
            temporary,
            path: path.to_owned(),
        };
        file.write_all(bytes)?;
        file.sync_all()?;
        Ok(unfinished)
    }

    /// Gives the file its name, on the disk.
    fn finish(self) -> io::Result<()> {
        fs::rename(&self.temporary, &self.path)?;
        sync_folder(self.path.parent().unwrap_or(Path::new(".")))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // After the rename there is none.
        let _ = fs::remove_file(&self.temporary);
    }
}

/// A file that was not there before, called after `path` and this process. A link of its name is not followed.
fn create_beside(path: &Path) -> io::Result<(File, PathBuf)> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    loop {
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(format!(".{}-{count}.{UNFINISHED}", process::id()));
        let temporary = path.with_file_name(name);
        let mut options = OpenOptions::new();
        match options.write(true).create_new(true).open(&temporary) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => return Ok((made?, temporary)),
        }
    }
}

/// Whether `path` has a name as [`create_beside`] gives it: other files may end in the same way.
pub fn is_unfinished(path: &Path) -> bool {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let parts: Vec<&str> = name.rsplitn(3, '.').collect();
    let [UNFINISHED, by, _] = parts[..] else {
        return false;
    };
    by.split_once('-')
        .is_some_and(|(process, count)| number(process) && number(count))
}

/// Makes `folder` and those above it, on the disk.
pub fn create_folder(folder: &Path) -> Result<(), StoreError> {
    if folder.is_dir() {
        return Ok(());
    }
    if folder.is_file() {
        return Err(StoreError::NotADirectory {
            path: folder.to_owned(),
        });
    }
    let attempt = || {
        fs::create_dir_all(folder)?;
        sync_folder(folder.parent().unwrap_or(Path::new(".")))
    };
    attempt().map_err(|source| StoreError::write(folder, source))
}

/// Makes the folder `name` in `directory`, which this process has taken, or cleans it of what a killed process
/// left unfinished. A link of that name is refused: files would be written and removed where it leads.
pub fn subfolder(directory: &Path, name: &str) -> Result<PathBuf, StoreError> {
    let folder = shared_subfolder(directory, name)?;
    remove_unfinished(&folder)?;
    Ok(folder)
}

/// The same for a folder in which other processes may be writing: what is unfinished there stays.
pub fn shared_subfolder(directory: &Path, name: &str) -> Result<PathBuf, StoreError> {
    let folder = directory.join(name);
    if folder.is_symlink() {
        return Err(StoreError::link(&folder));
    }
    create_folder(&folder)?;
    Ok(folder)
}

/// Removes what a killed process left unfinished in `folder`.
pub fn remove_unfinished(folder: &Path) -> Result<(), StoreError> {
    let unfinished = files(folder)?
        .into_iter()
        .filter(|path| is_unfinished(path));
    unfinished.into_iter().try_for_each(|path| remove(&path))
}

/// The paths in `folder`, sorted; none if there is no such folder.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
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

/// The files in `folder`, which is one of a directory's own, whose names end in `.{extension}`, sorted.
pub fn files_with(folder: &Path, extension: &str) -> Result<Vec<PathBuf>, StoreError> {
    if folder.is_symlink() {
        return Err(StoreError::link(folder));
    }
    let mut paths = files(folder)?;
    paths.retain(|path| path.extension().is_some_and(|found| found == extension));
    Ok(paths)
}

/// Removes the file `path`.
pub fn remove(path: &Path) -> Result<(), StoreError> {
    fs::remove_file(path).map_err(|source| StoreError::write(path, source))
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

    /// The second file cannot be written: the first is not put in place either, and nothing is left lying.
    #[test]
    fn files_that_belong_together_come_together() {
        let folder = tempfile::tempdir().unwrap();
        let first = folder.path().join("first");
        write_whole(&first, b"old").unwrap();
        let files: [(PathBuf, &[u8]); 2] = [
            (first.clone(), b"new"),
            (folder.path().join("nowhere/second"), b"new"),
        ];
        let message = write_all_whole(&files).unwrap_err().to_string();
        assert!(message.contains("second"), "{message}");
        assert_eq!(fs::read(&first).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["first"]);
        write_whole(&first, b"new").unwrap();
        assert_eq!(fs::read(&first).unwrap(), b"new");
    }

    /// A name that can be foretold is one that a link can wait under.
    #[cfg(unix)]
    #[test]
    fn links_are_neither_followed_nor_overwritten_through() {
        let folder = tempfile::tempdir().unwrap();
        let other = tempfile::tempdir().unwrap();
        let precious = other.path().join("precious");
        fs::write(&precious, b"text").unwrap();
        let path = folder.path().join("file");
        std::os::unix::fs::symlink(&precious, &path).unwrap();
        for count in 0..10_000 {
            let name = format!("file.{}-{count}.tmp", process::id());
            std::os::unix::fs::symlink(&precious, folder.path().join(name)).unwrap();
        }
        write_whole(&path, b"new").unwrap();
        assert_eq!(fs::read(&precious).unwrap(), b"text");
        assert!(fs::symlink_metadata(&path).unwrap().is_file());
        std::os::unix::fs::symlink(other.path(), folder.path().join("parts")).unwrap();
        let refused = subfolder(folder.path(), "parts").unwrap_err();
        assert!(matches!(refused, StoreError::Link { .. }), "{refused}");
    }

    #[test]
    fn what_a_killed_process_left_is_removed_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let kept = ["a.tmp", "b.1-.tmp", "b.x-1.tmp", "part.parquet"];
        for name in kept.iter().chain(&["part.parquet.123-4.tmp"]) {
            fs::write(folder.path().join(name), b"text").unwrap();
        }
        remove_unfinished(folder.path()).unwrap();
        assert_eq!(names(folder.path()), kept);
    }
}
