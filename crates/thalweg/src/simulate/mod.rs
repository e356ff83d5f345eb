//! SGD on the deep linear network: settings, samplers, kernels, observables.

mod advance;
mod compress;
mod ensemble;
mod error;
mod finite;
mod initial;
mod kernel;
mod lambda_max;
mod law;
#[cfg(test)]
mod law_tests;
mod memory;
mod observe;
#[cfg(test)]
mod observe_tests;
#[cfg(test)]
mod reference;
mod run;
mod sampler;
pub mod schedule;
mod settings;
mod snapshot;
#[cfg(test)]
mod tests;
mod validate;
mod wide_sampler;

pub use crate::outcome::Outcome;
pub use crate::random::NoiseLaw;
pub use crate::switch::Switch;
pub use ensemble::Ensemble;
pub use error::SimulateError;
pub use memory::memory;
pub use observe::Observation;
pub use settings::{Data, InitialWeights, Precision, SampleSource, Settings};
pub use snapshot::{EnsembleSnapshot, RunState};
