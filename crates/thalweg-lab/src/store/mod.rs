//! The run store: directories that hold what was run and what came out, whole at every moment.

mod checkpoint;
mod digest;
mod directory;
mod error;
mod fingerprint;
mod lock;
mod outcomes;
mod plain;
mod sealed;
mod state;
mod table;
mod whole;

pub use directory::{StoredRun, is_network, load};
pub use error::{DataChange, Difference, Differences, StoreError};
pub use outcomes::RunOutcome;

pub(crate) use digest::{digest, digits};
pub(crate) use directory::{Progress, RunDirectory, begun_on, experiment_of, is_run, outcomes_of};
pub(crate) use fingerprint::Fingerprint;
pub(crate) use lock::Lock;
pub(crate) use plain::{check_seal, exists, read_listed, read_sealed};
pub(crate) use sealed::{Seal, entry, json, seal};
pub(crate) use state::{State, put_list, put_outcome, take_list, take_outcome};
pub(crate) use table::encode as encode_measurements;
pub(crate) use whole::{
    create_folder, files_with, remove, subfolder, write_all_whole, write_whole,
};
