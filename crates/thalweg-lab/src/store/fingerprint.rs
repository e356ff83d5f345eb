//! What a run reads beside its specification, known again by its content.

use std::path::PathBuf;

use super::digest::{digest, digits};

/// The content of files that a specification only names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// Where they are.
    pub source: PathBuf,
    /// A digest of all that was read from them.
    digest: u64,
}

impl Fingerprint {
    /// Of what was read from `source`, in parts.
    pub fn new<'a>(source: PathBuf, parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let digests = parts
            .into_iter()
            .flat_map(|part| digest(part).to_le_bytes());
        Self {
            source,
            digest: digest(&digests.collect::<Vec<_>>()),
        }
    }

    /// How it is written down.
    pub fn text(&self) -> String {
        digits(self.digest)
    }
}
