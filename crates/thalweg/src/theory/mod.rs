//! Closed forms: where SGD ends up, how sharp it is there, and what bounds it.
//!
//! [`predict`] answers the common question; [`Minimum`] has the rest (weights, whole spectrum, layer
//! conditioning), for SGD's minimum and for the flattest one. Nothing here forms a matrix larger than
//! max(d_x, d_y) squared except [`Curvature::matrix`], which says so.

mod curvature;
mod dense;
mod error;
mod functionals;
mod lanczos;
mod minimum;
mod prediction;
mod spectrum;

pub use curvature::Curvature;
pub use error::TheoryError;
pub use functionals::{Functionals, LayerShare, functionals};
pub use minimum::Minimum;
pub use prediction::{Prediction, min_sharpness, predict};
pub use spectrum::{LogHistogram, Spectrum};
