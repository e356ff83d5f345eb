//! How a run stands: still running, or diverged and since when.
//!
//! ```
//! use thalweg::faer::mat;
//! use thalweg::outcome::Outcome;
//! use thalweg::problem::Problem;
//! use thalweg::simulate::{Ensemble, SimulateSettings};
//!
//! // A step size far beyond the edge of stability.
//! let one = mat![[1.0]];
//! let problem = Problem::new(one.clone(), one.clone(), one, 2)?;
//! let mut ensemble = Ensemble::start(&problem, &SimulateSettings::new(100.0, 10), &[1])?;
//! assert_eq!(ensemble.outcomes(), [Outcome::Running]);
//! ensemble.run_to(1000);
//! assert!(matches!(ensemble.outcomes()[..], [Outcome::Diverged { step }] if step < 100));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use serde::{Deserialize, Serialize};

/// The squared norm of all parameters, from which a run counts as diverged: a norm of 10¹⁰.
///
/// A run that passes it is growing faster than exponentially (in a linear network from D = 2 on), so the
/// recorded step hardly depends on the exact value, which is still far inside single precision.
pub(crate) const DIVERGED: f64 = 1e20;

/// What became of one seed's run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Every parameter is finite and of reasonable size.
    Running,
    /// The parameters grew without bound; they are kept as they were after `step` updates.
    Diverged {
        /// The number of updates after which their squared norm was first not below 10²⁰ (or not a number).
        step: u64,
    },
}
