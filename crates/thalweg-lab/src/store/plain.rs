//! Reads what lies in a directory, which may come from strangers: plain files, and no links out of it.

use std::fs;
use std::io;
use std::path::Path;

use super::digest::{digest, digits};
use super::error::StoreError;
use super::sealed::Seal;

/// The bytes of the file `path`, which must be one and no link to one.
pub fn read_plain(path: &Path) -> Result<Vec<u8>, StoreError> {
    let attempt = || -> io::Result<Option<Vec<u8>>> {
        let plain = fs::symlink_metadata(path)?.is_file();
        plain.then(|| fs::read(path)).transpose()
    };
    match attempt() {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err(StoreError::link(path)),
        Err(source) => Err(StoreError::read(path, source)),
    }
}

/// The bytes of the file `path`, which others rely on; `way_out` is what to do where it is missing.
fn read_needed(path: &Path, way_out: &str) -> Result<Vec<u8>, StoreError> {
    match read_plain(path) {
        Err(StoreError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            Err(StoreError::missing(path, way_out))
        }
        read => read,
    }
}

/// The bytes of the file `path`, which carries its own digest; `way_out` is what to do where it does not fit.
pub fn read_sealed(path: &Path, way_out: &str) -> Result<Vec<u8>, StoreError> {
    let bytes = read_needed(path, way_out)?;
    check_seal(path, &bytes, way_out)?;
    Ok(bytes)
}

/// Refuses `bytes` of the file `path` that are not those their digest was taken of.
pub fn check_seal(path: &Path, bytes: &[u8], way_out: &str) -> Result<(), StoreError> {
    match Seal::of(bytes) {
        Seal::Whole => Ok(()),
        Seal::Broken { written, found } => Err(StoreError::Altered {
            path: path.to_owned(),
            written,
            found,
            way_out: way_out.to_owned(),
        }),
        Seal::Absent => Err(StoreError::NoDigest {
            path: path.to_owned(),
            way_out: way_out.to_owned(),
        }),
    }
}

/// The bytes of the file `path`, whose digest another file holds.
pub fn read_listed(path: &Path, listed: u64, way_out: &str) -> Result<Vec<u8>, StoreError> {
    let bytes = read_needed(path, way_out)?;
    let found = digest(&bytes);
    if found == listed {
        return Ok(bytes);
    }
    Err(StoreError::Altered {
        path: path.to_owned(),
        written: digits(listed),
        found: digits(found),
        way_out: way_out.to_owned(),
    })
}

/// Whether there is something called `path`, be it a link that leads nowhere.
pub fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}
