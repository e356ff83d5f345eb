//! When a run leaves SGD for gradient descent.

use serde::{Deserialize, Serialize};

/// From `at_step` on, full-batch gradient descent on one batch drawn at the switch, with the noise it has then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Switch {
    /// The first step that uses the fixed batch.
    pub at_step: u64,
    /// How many samples the fixed batch has, 1 or more.
    pub samples: usize,
}
