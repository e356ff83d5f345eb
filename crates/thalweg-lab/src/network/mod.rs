//! Experiments on networks: made from their specification, trained seed by seed, measured on the way.

mod error;
mod made;
mod observe;
mod runs;

pub use error::NetworkError;
pub use made::Made;
pub use observe::{Observation, observe};
