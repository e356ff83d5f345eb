//! Trains networks.

mod error;
mod memory;
mod method;
mod snapshot;
mod step;
mod together;
mod trainer;
mod training;

pub use crate::switch::Switch;
pub use error::TrainError;
pub use method::Method;
pub use snapshot::TrainerSnapshot;
pub use together::run_together;
pub use trainer::Trainer;
pub use training::{Settings, Training};

#[cfg(test)]
mod tests;
