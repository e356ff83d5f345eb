//! The state of one run, bit for bit, as something that can be written down.

use serde::{Deserialize, Serialize};

use crate::outcome::Outcome;

/// Everything that changes as a run goes on. With the same [`Training`](super::Training) it resumes
/// exactly.
///
/// Numbers are kept as the bits of an `f64` ([`f64::to_bits`]), which holds every `f32` too: exact in every
/// format, also where a diverged run holds an infinity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrainerSnapshot {
    /// The seed of the run's random numbers.
    pub seed: u64,
    /// t, the number of updates made; it stands still once a run has diverged.
    pub step: u64,
    /// How the run stands.
    pub outcome: Outcome,
    /// θ, laid out as the tape's parameter vector.
    pub parameters: Vec<u64>,
    /// What the method remembers: SGD its velocity, and nothing without momentum.
    pub memory: Vec<u64>,
}
