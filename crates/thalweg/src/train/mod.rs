//! Trains networks.

mod error;
mod snapshot;
mod trainer;
mod training;

pub use error::TrainError;
pub use snapshot::Snapshot;
pub use trainer::Trainer;
pub use training::{Settings, Switch, Training};

#[cfg(test)]
mod tests;
