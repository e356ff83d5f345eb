//! Many runs as one: a base experiment, axes through it, and a store of its cells that any number of processes fill.
//!
//! A sweep file names a base experiment and axes. Each point of the axes is a [`Cell`]: one experiment, all its seeds
//! together, since seeds share the lanes of a core. A cell is known by the digest of its resolved specification, so that
//! the same cell is the same however the file around it is written, and a finished one is never run again.
//!
//! ```
//! use std::sync::atomic::AtomicBool;
//! use thalweg_lab::spec::Draft;
//! use thalweg_lab::sweep::{Follower, Listed, Store, Sweep, Task, Which, curves, run};
//!
//! let text = "seeds = 2
//! [base]
//! learning_rate = 0.01
//! batch = 10
//! steps = 100
//! [base.problem]
//! depth = 2
//! input_covariance = [[1, 0], [0, 1]]
//! teacher = [[1, 0], [0, 1]]
//! noise_standard_deviations = [1, 0.5]
//! [[axes]]
//! path = 'problem.depth'
//! values = [2, 3]
//! [[axes]]
//! path = 'batch'
//! from = 1
//! to = 100
//! count = 3
//! spacing = 'log'";
//! let sweep = Sweep::from_draft(Draft::from_toml(text)?)?;
//! assert_eq!(sweep.cells(), 6);
//! assert_eq!(sweep.point(1)[1].words(), "10");
//! let folder = std::env::temp_dir().join(format!("thalweg-sweep-{}", std::process::id()));
//! let store = Store::create(&folder, sweep)?;
//! let task = Task::default();
//! let done = run(&store, &Which::All, task, &(), &AtomicBool::new(false))?;
//! assert_eq!((done.finished, done.failed), (6, 0));
//! // Everything is there: nothing is run again.
//! assert_eq!(run(&store, &Which::All, task, &(), &AtomicBool::new(false))?.finished, 0);
//! // Looked at again and again: what is new is read, and given once.
//! let mut follower = Follower::open(&folder)?;
//! assert_eq!(follower.look(usize::MAX)?.ends.len(), 6);
//! assert_eq!(follower.look(usize::MAX)?.ends, []);
//! let (number, _, measured) = curves(&store, &[4])?.remove(0);
//! assert_eq!((number, measured.series("sharpness", 0)[0].step), (4, 0));
//! // For work that begins later: the same cells, whatever becomes of the sweep.
//! let list = Listed::new(&store, &[4, 5]);
//! assert_eq!(list.numbers(&store, &[1])?, [5]);
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod axis;
mod cell;
mod claims;
mod columns;
#[cfg(test)]
mod damage_tests;
mod error;
mod estimate;
mod file;
mod follow;
mod limits;
mod listed;
mod pack;
mod run;
mod spent;
mod status;
mod store;
mod table;
#[cfg(test)]
mod tests;

pub use axis::{Axis, Column, Value};
pub use cell::{Cell, CellExperiment};
pub use error::SweepError;
pub use estimate::{Estimate, KindEstimate, estimate};
pub use file::Sweep;
pub use follow::{Follower, Look};
pub use listed::Listed;
pub use pack::{CellOutcome, CellRecord};
pub use run::{Done, Progress, Task, Which, run};
pub use status::{FailedCell, Status, missing, status};
pub use store::{Extension, Store};
pub use table::{CellEnds, Contents, End, curves, ends, write_table};
