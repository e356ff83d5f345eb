//! Under which names the four files of an image set are found.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::ImageError;
use super::idx::Kind;

/// The two parts of a set, as names have them: MNIST's first, then others'.
const TRAIN: &[&str] = &["train"];
const TEST: &[&str] = &["t10k", "test"];

/// Which part of a set.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    Train,
    Test,
}

/// Where the files of one set are, and what their names begin with: nothing for MNIST's own, `emnist-letters-` for
/// example for one of EMNIST's.
#[derive(Debug)]
pub(super) struct Names {
    /// What the user gave.
    path: PathBuf,
    folder: PathBuf,
    prefix: String,
}

impl Names {
    /// The set that `path` names: the only one in that folder, or the one in the folder before its last part whose files'
    /// names begin with that.
    pub(super) fn find(path: &Path) -> Result<Self, ImageError> {
        let names = |folder: &Path, prefix: String| Self {
            path: path.to_owned(),
            folder: folder.to_owned(),
            prefix,
        };
        if !path.is_dir() {
            let folder = path.parent().unwrap_or(Path::new(""));
            let folder = if folder.as_os_str().is_empty() {
                Path::new(".")
            } else {
                folder
            };
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let prefix = format!("{}-", name.trim_end_matches('-'));
            if !prefixes(folder).is_ok_and(|found| found.contains(&prefix)) {
                return Err(ImageError::Missing {
                    path: path.to_owned(),
                    name: self::name("", TRAIN[0], Kind::Images, '-'),
                });
            }
            return Ok(names(folder, prefix));
        }
        let mut prefixes = prefixes(path).map_err(|source| ImageError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        match prefixes.len() {
            // Where there is none the first missing file says so.
            0 => Ok(names(path, String::new())),
            1 => Ok(names(path, prefixes.remove(0))),
            // MNIST's own names are the folder's, whatever lies beside them.
            _ if prefixes[0].is_empty() => Ok(names(path, String::new())),
            _ => Err(ImageError::Several {
                folder: path.to_owned(),
                sets: prefixes
                    .iter()
                    .map(|prefix| prefix.trim_end_matches('-').to_owned())
                    .collect(),
            }),
        }
    }

    /// Opens one of the files: unpacked if there is one that is.
    pub(super) fn open(&self, part: Part, kind: Kind) -> Result<(PathBuf, File), ImageError> {
        let candidates = candidates(&self.prefix, part, kind);
        for name in &candidates {
            let path = self.folder.join(name);
            match File::open(&path) {
                Ok(file) => return Ok((path, file)),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(source) => return Err(ImageError::Unreadable { path, source }),
            }
        }
        // What one would look for under the folder, or beside it.
        let full = part.words(&self.prefix)[0];
        Err(ImageError::Missing {
            path: self.path.clone(),
            name: name(&self.prefix, full, kind, '-'),
        })
    }
}

impl Part {
    /// What names call it, the likeliest first.
    fn words(self, prefix: &str) -> Vec<&'static str> {
        let mut words = match self {
            Self::Train => TRAIN,
            Self::Test => TEST,
        }
        .to_vec();
        // EMNIST's test sets are called so.
        if !prefix.is_empty() {
            words.reverse();
        }
        words
    }
}

/// `emnist-letters-train-images-idx3-ubyte`, for example.
fn name(prefix: &str, part: &str, kind: Kind, separator: char) -> String {
    let (what, indices) = (kind.words(), kind.indices());
    format!("{prefix}{part}-{what}{separator}idx{indices}-ubyte")
}

/// All names under which a file may be found; with a dot instead of the second dash some unpackers write it.
fn candidates(prefix: &str, part: Part, kind: Kind) -> Vec<String> {
    let mut all = Vec::new();
    for packed in ["", ".gz"] {
        for part in part.words(prefix) {
            for separator in ['-', '.'] {
                all.push(name(prefix, part, kind, separator) + packed);
            }
        }
    }
    all
}

/// What the names of each set of training images in `folder` begin with, sorted.
fn prefixes(folder: &Path) -> io::Result<Vec<String>> {
    let endings = candidates("", Part::Train, Kind::Images);
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let name = name.to_string_lossy();
        let prefix = endings
            .iter()
            .find_map(|ending| name.strip_suffix(ending.as_str()));
        found.extend(
            prefix
                .filter(|prefix| prefix.is_empty() || prefix.ends_with('-'))
                .map(str::to_owned),
        );
    }
    found.sort();
    found.dedup();
    Ok(found)
}
