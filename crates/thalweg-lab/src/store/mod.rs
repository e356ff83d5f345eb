//! The run store: directories that hold what was run and what came out, whole at every moment.
//!
//! ```
//! use thalweg_lab::store::{Fingerprint, digest, digits};
//!
//! assert_ne!(digits(digest(b"thalweg")), digits(digest(b"thalwef")));
//! let one = Fingerprint::new("folder".into(), [&b"images"[..], b"labels"]);
//! let other = Fingerprint::new("folder".into(), [&b"images"[..], b"label5"]);
//! assert_ne!(one.text(), other.text());
//! ```

mod checkpoint;
mod digest;
mod directory;
mod error;
mod fingerprint;
mod growing;
mod guarded;
mod lock;
mod outcomes;
mod plain;
mod sealed;
mod state;
mod table;
mod whole;

pub use directory::{StoredRun, is_network, load};
pub use error::{DataChange, Difference, Differences, StoreError};
pub use outcomes::{RunOutcome, divergence, last_divergence};

pub use digest::{digest, digits};
pub use directory::is_run;
pub use fingerprint::Fingerprint;
pub use growing::{SoFar, so_far};
pub use lock::Lock;
pub use plain::{exists, read_listed, read_sealed};
pub use sealed::json;
pub use state::State;
pub use table::encode as encode_measurements;
pub use whole::{create_folder, subfolder, write_all_whole, write_whole};

pub(crate) use directory::{
    Progress, RunDirectory, begun_on, differences, experiment_of, outcomes_of,
};
pub(crate) use guarded::guarded;
pub(crate) use plain::{check_seal, read_plain};
pub(crate) use sealed::{Seal, entry, seal, toml as sealed_toml};
pub(crate) use state::{put_list, put_outcome, take_list, take_outcome};
pub(crate) use table::{decode as decode_measurements, to_io};
pub(crate) use whole::{
    files, files_with, is_unfinished, remove, remove_unfinished, shared_subfolder,
};
