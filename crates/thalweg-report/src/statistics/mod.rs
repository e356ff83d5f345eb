//! What trials say together: means, ratios and their errors. It knows neither claims nor drawings.

mod measured;
mod per_trial;
mod trials;

pub use measured::Measured;
pub use per_trial::{Missing, PerTrial};
pub use trials::Trials;

#[cfg(test)]
pub use trials::tests::by_hand as trials_by_hand;
