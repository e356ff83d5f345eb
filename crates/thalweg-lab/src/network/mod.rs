//! Experiments on networks: made from their specification, trained seed by seed, measured on the way.

mod error;
mod made;
mod measure;
mod measurement;
mod observe;
mod runs;
mod state;
mod unchanged;
mod unmeasured;

pub use error::NetworkError;
pub use made::Made;
pub use measure::{Effort, measure};
pub use measurement::{
    Alignment, Bounds, Conditional, Density, ErrorKind, Layer, Mean, NetworkMeasurement, Number,
    Quantile, Quantiles, Residuals,
};
pub use observe::{Observation, observe};
pub use unchanged::changed_data;
pub use unmeasured::unmeasured;
