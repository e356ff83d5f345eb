//! Updates of parameters by gradients.
//!
//! ```
//! use thalweg::optimizer::{Decay, RateSchedule, Sgd};
//!
//! let decay = Decay::Steps { every: 10, factor: 0.5 };
//! let schedule = RateSchedule { base: 0.25, warmup: 2, decay };
//! assert_eq!([0, 1, 10, 11].map(|step| schedule.at(step)), [0.125, 0.25, 0.25, 0.125]);
//! let method = Sgd { learning_rate: schedule, momentum: 0.9, weight_decay: 0.0 };
//! assert!(method.validate().is_ok());
//! assert!(Sgd::new(-1.0).validate().is_err());
//! ```

mod adamw;
mod choice;
mod error;
mod schedule;
mod sgd;

pub use adamw::AdamW;
pub use choice::Optimizer;
pub use error::OptimizerError;
pub(crate) use error::require;
pub use schedule::{Decay, RateSchedule};
pub use sgd::Sgd;
