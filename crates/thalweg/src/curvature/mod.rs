//! Eigenvalues, trace and spectral density of a symmetric operator known only by its products with vectors.
//!
//! Nothing here knows a network: an operator is a dimension and a product ([`SymmetricOperator`]), and
//! every answer is an [`Estimate`](crate::estimate::Estimate) with its error, cost and status. Vectors that live
//! elsewhere, or in another precision, are a [`VectorSpace`] of their own, with the same algorithms.
//!
//! ```
//! use thalweg::curvature::{CurvatureError, Dense, EigenSettings, End, TraceSettings, eigenpairs, trace};
//! use thalweg::faer::mat;
//!
//! // Eigenvalues 1 and 3.
//! let mut operator = Dense::new(mat![[2.0, 1.0], [1.0, 2.0]])?;
//! let top = eigenpairs(&mut operator, &EigenSettings::new(1, End::Top), None)?;
//! assert!(top.converged() && (top.values[0].value - 3.0).abs() < 1e-12);
//! assert_eq!(trace(&mut operator, &TraceSettings::new(10))?.value, 4.0);
//! # Ok::<(), CurvatureError>(())
//! ```

mod block;
mod dense;
mod density;
mod eigen;
mod error;
mod host;
mod krylov;
mod operator;
mod orthonormal;
mod scaled;
mod space;
mod symmetry;
mod trace;

pub use block::DiagonalBlock;
pub use dense::Dense;
pub use density::{Density, DensitySettings, density, density_in};
pub use eigen::{EigenSettings, Eigenpairs, End, eigenpairs, eigenpairs_in};
pub use error::CurvatureError;
pub use operator::SymmetricOperator;
pub use scaled::Scaled;
pub use space::VectorSpace;
pub use symmetry::{check_symmetry, check_symmetry_in};
pub use trace::{TraceMethod, TraceSettings, trace, trace_in};
