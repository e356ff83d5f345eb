//! The laws that label noise may have.

use serde::{Deserialize, Serialize};

/// The law of each whitened noise coordinate, scaled to unit variance.
///
/// ε = L z with independent z and L Lᵀ = Σε lower triangular (Cholesky). Only a Gaussian ε is fixed by Σε:
/// for any other law and Σε not diagonal, the higher moments of ε depend on this choice of root.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum NoiseLaw {
    /// The standard normal law.
    Gaussian,
    /// The law of Laplace, of density e^{−√2|z|}/√2.
    Laplace,
    /// Student's t, divided by its standard deviation √(ν/(ν − 2)).
    StudentT {
        /// Degrees of freedom ν > 2.
        degrees: f64,
    },
    /// Uniform on (−√3, √3).
    Uniform,
}
