//! Flips bits in the files of a directory, one at a time, and counts what becomes of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A directory, and what the commands that come later make of it: all that they read, or why they refuse.
pub struct Read {
    pub directory: TempDir,
    pub read: fn(&Path) -> Result<Vec<u8>, String>,
}

/// What became of the flips.
#[derive(Debug, Default)]
pub struct Tally {
    /// Refused, or told, in words that name the file.
    pub noticed: usize,
    /// Without any effect.
    pub harmless: usize,
    /// Those in each file that were not noticed.
    pub unnoticed: BTreeMap<String, usize>,
}

/// Flips `each` bits of every file below `made`, or all there are, and looks each time at what is read.
///
/// Panics where a flip changes what is read, or where the words do not name the file.
pub fn flip_every_file(made: &Read, each: usize) -> Tally {
    let root = made.directory.path();
    let expected = read_copy(made, |_| {}).unwrap();
    let mut tally = Tally::default();
    for file in files(root) {
        let name = file.file_name().unwrap().to_str().unwrap().to_owned();
        let bits = 8 * fs::metadata(&file).unwrap().len() as usize;
        let relative = file.strip_prefix(root).unwrap();
        let unnoticed = tally.unnoticed.entry(name.clone()).or_default();
        for count in 0..each.min(bits) {
            // Spread over the file, and over the bits of its bytes.
            let bit = (count * bits / each.min(bits) + count * 5 % 8).min(bits - 1);
            let read = read_copy(made, |copy| flip(&copy.join(relative), bit));
            match read {
                Err(words) => {
                    assert!(words.contains(&name), "bit {bit} of {name}: {words}");
                    tally.noticed += 1;
                }
                Ok(found) => {
                    assert!(
                        found == expected,
                        "bit {bit} of {name} changed what is read"
                    );
                    *unnoticed += 1;
                    tally.harmless += 1;
                }
            }
        }
    }
    tally
}

/// What is read of a copy after `change`: reading may write.
pub fn read_copy(made: &Read, change: impl FnOnce(&Path)) -> Result<Vec<u8>, String> {
    let folder = scratch();
    let copy = folder.path().join("copy");
    let root = made.directory.path();
    fs::create_dir(&copy).unwrap();
    for file in files(root) {
        let to = copy.join(file.strip_prefix(root).unwrap());
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(file, to).unwrap();
    }
    change(&copy);
    (made.read)(&copy)
}

fn flip(file: &Path, bit: usize) {
    let mut bytes = fs::read(file).unwrap();
    bytes[bit / 8] ^= 1 << (bit % 8);
    fs::write(file, bytes).unwrap();
}

fn files(root: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

/// A folder in memory where there is one.
pub fn scratch() -> TempDir {
    TempDir::new_in("/dev/shm")
        .or_else(|_| TempDir::new())
        .unwrap()
}
