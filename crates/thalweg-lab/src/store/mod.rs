//! The run store: directories that hold what was run and what came out, whole at every moment.

mod checkpoint;
mod directory;
mod error;
mod fingerprint;
mod outcomes;
mod state;
mod table;
mod whole;

pub use directory::{StoredRun, is_network, load};
pub use error::{DataChange, Difference, Differences, StoreError};
pub use outcomes::RunOutcome;

pub(crate) use directory::{Progress, RunDirectory, is_run};
pub(crate) use fingerprint::Fingerprint;
pub(crate) use state::{State, put_list, put_outcome, take_list, take_outcome};
pub(crate) use whole::{create_folder, files, write_all_whole, write_whole};
