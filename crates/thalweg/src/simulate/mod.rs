//! SGD on the deep linear network: settings, samplers, kernels, observables.

mod ensemble;
mod error;
mod initial;
mod lambda_max;
mod law;
mod observe;
mod outcome;
mod reference;
pub mod schedule;
mod settings;
mod snapshot;
mod validate;

pub use ensemble::Ensemble;
pub use error::SimulateError;
pub use observe::Observation;
pub use outcome::Outcome;
pub use settings::{Data, Init, NoiseLaw, Precision, Settings, Source, Switch};
pub use snapshot::{RunState, Snapshot};
