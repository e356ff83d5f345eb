//! SGD on the deep linear network: settings, samplers, kernels, observables.
//!
//! ```
//! use thalweg::faer::mat;
//! use thalweg::problem::Problem;
//! use thalweg::simulate::{Ensemble, SimulateSettings};
//!
//! let one = mat![[1.0]];
//! let problem = Problem::new(one.clone(), one.clone(), one, 2)?;
//! let settings = SimulateSettings::new(0.01, 10);
//! let mut whole = Ensemble::start(&problem, &settings, &[1, 2])?;
//! whole.run_to(2000);
//! // T = w_1² + w_2² is at least 2 where w_2 w_1 = 1; SGD has nearly come there.
//! assert!(whole.observe().iter().flatten().all(|seen| seen.sharpness > 1.8));
//!
//! // A run that was interrupted ends at the same bits.
//! let mut half = Ensemble::start(&problem, &settings, &[1, 2])?;
//! half.run_to(777);
//! let mut resumed = Ensemble::resume(&problem, &settings, half.snapshot())?;
//! resumed.run_to(2000);
//! assert_eq!(resumed.snapshot(), whole.snapshot());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod advance;
mod ascent;
mod bidiagonal;
mod compress;
mod data_set;
mod ensemble;
mod error;
mod factor;
mod finite;
mod initial;
mod kernel;
mod lambda_max;
mod lanczos;
mod law;
#[cfg(test)]
mod law_tests;
mod low_rank;
mod matrices;
mod memory;
mod meter;
mod minibatches;
mod observe;
#[cfg(test)]
mod observe_tests;
mod perturbations;
mod products;
#[cfg(test)]
mod reference;
mod ritz;
mod room;
mod run;
mod sampler;
pub mod schedule;
mod settings;
mod snapshot;
#[cfg(test)]
mod tests;
mod together;
mod validate;
mod wide_sampler;

pub use crate::outcome::Outcome;
pub use crate::random::NoiseLaw;
pub use crate::switch::Switch;
pub use data_set::DataSet;
pub use ensemble::Ensemble;
pub use error::SimulateError;
pub use memory::memory;
pub use observe::Observation;
pub use settings::{Data, InitialWeights, Precision, SampleSource, SimulateSettings};
pub use snapshot::{EnsembleSnapshot, RunState};
