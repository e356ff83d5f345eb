//! Experiments on networks: made from their specification, trained seed by seed, measured on the way.
//!
//! ```
//! use thalweg_lab::network::Made;
//! use thalweg_lab::spec::{Draft, NetworkExperiment};
//!
//! let experiment = Draft::from_toml(thalweg_lab::examples::RELU)?.experiment::<NetworkExperiment>()?;
//! let made = Made::new(&experiment)?;
//! let samples = made.samples_of(64, 7)?;
//! let mut evaluation = made.evaluation(samples)?;
//! let start = experiment.init.weights(made.training.tape(), 1);
//! assert!(evaluation.loss(&start)?.is_finite());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod landscape;
mod made;
mod measure;
mod measurement;
mod observe;
mod runs;
mod scatter;
mod state;
mod tokens_record;
mod unchanged;
mod unmeasured;

pub use error::NetworkError;
pub use landscape::{LandscapeRecord, PathRecord, SliceRecord};
pub use made::Made;
pub use measure::{Effort, On, measure, measure_on};
pub use measurement::{
    AlignmentRecord, BoundsRecord, ConditionalRecord, DensityRecord, ErrorKind, EstimateRecord,
    LayerRecord, MeanRecord, NetworkMeasurement, QuantileRecord, QuantilesRecord, ResidualsRecord,
};
pub use observe::{AsTrained, NetworkObservation, observe, preconditioned_lambda_max};
pub use runs::NetworkRuns;
pub(crate) use runs::slow_time;
pub(crate) use scatter::Scatter;
pub use state::NetworkState;
pub use tokens_record::{TokenGroupRecord, TokensRecord};
pub use unchanged::changed_data;
pub(crate) use unchanged::since_saved;
pub use unmeasured::unmeasured;
