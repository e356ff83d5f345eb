//! A seed that all runs share, or each run's own.

use crate::spec::error::Fault;
use crate::spec::field::Field;
use crate::spec::node::Node;

/// With which seed something beside the run itself is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeedRule {
    /// The same for all runs.
    Shared(u64),
    /// Each run's own seed: what is drawn differs from run to run, and so do its accidents.
    PerRun,
}

/// What a file writes for [`SeedRule::PerRun`].
const PER_RUN: &str = "per-run";

impl SeedRule {
    /// The seed for the run with seed `run`.
    pub fn of(self, run: u64) -> u64 {
        match self {
            Self::Shared(seed) => seed,
            Self::PerRun => run,
        }
    }

    /// The seed in `field`; 0 for all runs where there is none.
    pub(crate) fn read(field: Option<Field<'_>>) -> Result<Self, Fault> {
        match field {
            None => Ok(Self::Shared(0)),
            Some(field) => match field.text() {
                Ok(PER_RUN) => Ok(Self::PerRun),
                Ok(_) => Err(field.not(format!("a whole number, or \"{PER_RUN}\""))),
                Err(_) => field.count().map(Self::Shared),
            },
        }
    }

    /// What [`SeedRule::read`] reads.
    pub(crate) fn to_node(self) -> Node {
        match self {
            Self::Shared(seed) => seed.into(),
            Self::PerRun => PER_RUN.into(),
        }
    }
}

impl std::fmt::Display for SeedRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Shared(seed) => write!(f, "seed {seed}"),
            Self::PerRun => f.write_str("one for each run, by its seed"),
        }
    }
}
