//! What can be wrong with the results of a reproduction.

use std::path::PathBuf;

use thalweg_lab::store::StoreError;

/// Results that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ResultsError {
    /// The results do not read as such.
    #[error("{} does not hold the results of this version's `thalweg reproduce`: {source}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The results name a figure as no figure is named: its files might lie anywhere.
    #[error("{}: `{found}` is not the name of a figure, which is made of lower-case letters, digits and hyphens; delete the file and make the figures again", path.display())]
    Name {
        /// The file of the results.
        path: PathBuf,
        /// The name in it.
        found: String,
    },
    /// A picture holds what none of ours does, and what a page must not hold.
    #[error("{} is not a picture as `thalweg reproduce` draws it ({found}): {way_out}", path.display())]
    Picture {
        /// The picture.
        path: PathBuf,
        /// What is foreign in it.
        found: String,
        /// What can be done.
        way_out: String,
    },
    /// A file could not be read, or is damaged.
    #[error(transparent)]
    Store(#[from] StoreError),
}
