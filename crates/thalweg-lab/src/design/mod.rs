//! The inverse question: what must be changed for SGD to end at a chosen sharpness?
//!
//! A [`Lever`] changes a problem, or what is added to SGD on it, by an amount; [`design`] finds the amount at which SGD is predicted to
//! end where it should. Each lever is one file of this module and an entry of [`LEVERS`].
//!
//! ```
//! use thalweg::problem::{Problem, covariance};
//! use thalweg::simulate::SimulateSettings;
//! use thalweg_lab::design::{Target, design, lever};
//!
//! let one = || faer::Mat::<f64>::identity(2, 2);
//! let problem = Problem::new(one(), one(), covariance::from_deviations(&[1.0, 0.2]), 2)?;
//! let lever = lever("weight_decay").unwrap();
//! let settings = SimulateSettings::new(0.005, 10);
//! let found = design(&problem, &settings, Target::Sharpness(9.0), lever)?;
//! assert!((found.after.sharpness - 9.0).abs() < 1e-6);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod added_noise;
mod label_weights;
mod lever;
mod search;
mod solve;
mod weight_decay;
mod whitening;

pub use lever::{Changed, Lever, LeverError, Make, Travel};
pub(crate) use solve::Question;
pub use solve::{DesignError, DesignPrediction, Designed, Target, design};

use added_noise::AddedNoise;
use label_weights::WeightedLabels;
use weight_decay::WeightDecay;
use whitening::Whitening;

/// The lever of this key.
pub fn lever(key: &str) -> Option<&'static dyn Lever> {
    LEVERS.iter().copied().find(|lever| lever.key() == key)
}

/// The keys of all levers, in a row.
pub fn keys() -> String {
    let keys: Vec<_> = LEVERS.iter().map(|lever| lever.key()).collect();
    keys.join(", ")
}

/// Every lever, in the order in which they are shown.
pub const LEVERS: &[&dyn Lever] = &[&AddedNoise, &WeightDecay, &WeightedLabels, &Whitening];
