//! The state of an ensemble, bit for bit, as something that can be written down.

use serde::{Deserialize, Serialize};

use super::Outcome;

/// Everything that changes as an ensemble runs. With the problem and the settings it resumes exactly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnsembleSnapshot {
    /// t, the number of updates made.
    pub step: u64,
    /// One state for each seed, in the order in which the seeds were given.
    pub runs: Vec<RunState>,
}

/// The state of one seed's run.
///
/// Numbers are kept as the bits of an `f64` ([`f64::to_bits`]): exact in every format, also where a
/// diverged run holds an infinity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunState {
    /// The seed of the run's random numbers.
    pub seed: u64,
    /// How the run stands.
    pub outcome: Outcome,
    /// W_1 … W_D, each column by column.
    pub weights: Vec<u64>,
    /// The momentum's velocity, laid out as the weights; empty without momentum.
    pub velocity: Vec<u64>,
}
