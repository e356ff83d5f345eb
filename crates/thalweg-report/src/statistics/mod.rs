//! What trials say together: means, ratios, rank correlations and their errors. It knows neither claims nor drawings.
//!
//! ```
//! use thalweg_report::statistics::PerTrial;
//!
//! let sharp = PerTrial(vec![Ok(20.0), Ok(4.4), Ok(60.0)]);
//! let flat = PerTrial(vec![Ok(10.0), Ok(2.0), Ok(30.0)]);
//! // Pair by pair: 2, 2.2 and 2.
//! let ratio = sharp.over(&flat).geometric_mean().unwrap();
//! assert!((ratio.value - 8.8_f64.cbrt()).abs() < 1e-12);
//! ```

mod kendall;
mod measured;
mod per_trial;
mod point;
mod resampled;
mod trials;

pub use kendall::kendall;
pub use measured::Measured;
pub use per_trial::{Missing, PerTrial};
pub use point::Point;
pub use resampled::{Resampled, resampled};
pub use trials::Trials;

#[cfg(test)]
pub use trials::tests::by_hand as trials_by_hand;
