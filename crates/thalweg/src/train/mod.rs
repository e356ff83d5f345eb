//! Trains networks.
//!
//! ```
//! use std::sync::Arc;
//! use thalweg::data::{LabelNoise, TeacherStream};
//! use thalweg::faer::Mat;
//! use thalweg::loss::{Convention, Loss};
//! use thalweg::model::Mlp;
//! use thalweg::tensor::Activation;
//! use thalweg::train::{TrainSettings, Trainer, Training};
//!
//! // f(x) = w x learns y = 2 x without noise.
//! let line = Mlp { widths: vec![1, 1], activation: Activation::Identity, biases: false }.tape()?;
//! let stream = TeacherStream::new(line.clone(), vec![2.0], Mat::identity(1, 1), LabelNoise::none(1))?;
//! let loss = Loss::SquaredError(Convention::Half);
//! let training = Training::new(Arc::new(line), loss, stream.into(), TrainSettings::new(0.1, 10))?;
//! let mut run = Trainer::<f64>::start(&training, &[0.0], 1)?;
//! run.run_to(1000);
//! assert!((run.parameters()[0] - 2.0).abs() < 1e-10);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod interventions;
mod memory;
mod method;
mod snapshot;
mod step;
mod together;
mod trainer;
mod training;

pub use crate::switch::Switch;
pub use error::TrainError;
pub use interventions::{
    Ascent, Change, Flips, InputDropout, InputNoise, Interventions, Mixup, Shifts, Smoothing, clip,
};
pub use method::{Drawn, Method, Needs, Room};
pub use snapshot::TrainerSnapshot;
pub use together::run_together;
pub use trainer::Trainer;
pub use training::{TrainSettings, Training};

#[cfg(test)]
mod tests;
