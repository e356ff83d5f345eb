//! Eigenvalues, trace and spectral density of a symmetric operator known only by its products with vectors.
//!
//! Nothing here knows a network: an operator is a dimension and a product ([`SymmetricOperator`]), and
//! every answer is an [`Estimate`](crate::estimate::Estimate) with its error, cost and status.

mod block;
mod dense;
mod density;
mod eigen;
mod error;
mod operator;
mod subspace;
mod symmetry;
mod trace;

pub use block::DiagonalBlock;
pub use dense::Dense;
pub use density::{Density, DensitySettings, density};
pub use eigen::{EigenSettings, Eigenpairs, End, eigenpairs};
pub use error::CurvatureError;
pub use operator::SymmetricOperator;
pub use symmetry::check_symmetry;
pub use trace::{TraceMethod, TraceSettings, trace};
