//! Closed forms: where SGD ends up, how sharp it is there, and what bounds it.
//!
//! [`predict`] answers the common question; [`Minimum`] has the rest (weights, whole spectrum, layer
//! conditioning), for SGD's minimum and for the flattest one. Nothing here forms a matrix larger than
//! max(d_x, d_y) squared except [`Curvature::matrix`], which says so.
//!
//! ```
//! use thalweg::faer::Mat;
//! use thalweg::problem::{Problem, covariance};
//! use thalweg::theory::predict;
//!
//! // Equal noise on both outputs: SGD ends at a flattest minimum, T = D (tr V)^{2−2/D} (d_y tr Σx)^{1/D} = 12.
//! let one = Mat::<f64>::identity(2, 2);
//! let problem = Problem::new(one.clone(), one.clone(), covariance::from_deviations(&[0.3, 0.3]), 3)?;
//! let end = predict(&problem)?;
//! assert!((end.sharpness - 12.0).abs() < 1e-12 && end.excess < 1e-12);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod alignment;
mod bounds;
mod curvature;
mod data_set;
mod deep;
mod dense;
mod error;
mod flatness;
mod functionals;
mod identity;
mod initial;
mod jacobi;
mod lanczos;
mod layers;
mod memory;
mod minimum;
mod power_law;
mod prediction;
mod ridge;
mod spectrum;
mod stability;
mod valley;

pub(crate) use alignment::learnt_noise_condition_number;
pub use alignment::noise_misalignment;
pub use bounds::{
    ConditionBounds, FluctuationBounds, condition_bounds, fluctuation_bounds,
    noise_condition_number,
};
pub use curvature::Curvature;
pub use data_set::least_fluctuation;
pub use deep::{DeepLimit, deep_limit};
pub use error::TheoryError;
pub use flatness::noise_mismatch;
pub use functionals::{Functionals, LayerShare, functionals};
pub use identity::{
    identity_deep_ratio, identity_min_sharpness, identity_sharpness, printed_identity_deep_ratio,
    printed_identity_min_sharpness,
};
pub use initial::{initial_sharpness, kaiming_variances, xavier_variances};
pub use layers::LayerConditioning;
pub use memory::memory;
pub use minimum::Minimum;
pub use power_law::PowerLaw;
pub use prediction::{Prediction, min_sharpness, predict};
pub use ridge::ridge_fluctuation;
pub use spectrum::{LogHistogram, Spectrum};
pub use stability::Stability;
pub use valley::Valley;
