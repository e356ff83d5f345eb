//! How much work was asked for.

use serde::{Deserialize, Serialize};

/// How much work a figure may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Budget {
    /// Runs of a few hundred steps, which decide nothing: to try what is around them.
    Tiny,
    /// Everything together in some five minutes on two cores; long runs are cut short and say so.
    Quick,
    /// Each figure in under ten minutes on two cores.
    Full,
}
