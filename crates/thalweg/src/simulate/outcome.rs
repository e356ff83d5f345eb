//! How a run stands: still running, or diverged and since when.

use serde::{Deserialize, Serialize};

/// ‖W‖², summed over every weight, from which a run counts as diverged: a norm of 10¹⁰.
///
/// A run that passes it is growing faster than exponentially (D ≥ 2), so the recorded step hardly
/// depends on the exact value; its square is still far inside single precision.
pub(super) const DIVERGED: f64 = 1e20;

/// What became of one seed's run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Every weight is finite and of reasonable size.
    Running,
    /// The weights grew without bound; they are kept as they were after `step` updates.
    Diverged {
        /// The number of updates after which Σ_k ‖W_k‖² was first not below 10²⁰ (or not a number).
        step: u64,
    },
}
