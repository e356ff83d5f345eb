//! Estimates as Python's tuples.

use pyo3::prelude::*;
use thalweg::estimate::{Estimate, Status, Uncertainty};

/// Value, error, kind of error, products, whether it has converged.
#[derive(IntoPyObject)]
pub struct Numbers(f64, f64, &'static str, usize, bool);

impl From<&Estimate> for Numbers {
    fn from(estimate: &Estimate) -> Self {
        let (error, kind) = match estimate.uncertainty {
            Uncertainty::Rounding => (0.0, "rounding"),
            Uncertainty::StandardError { value, .. } => (value, "standard-error"),
            Uncertainty::Residual(residual) => (residual, "residual"),
        };
        let converged = estimate.status != Status::Unconverged;
        Self(estimate.value, error, kind, estimate.matvecs, converged)
    }
}

/// All of them.
pub fn numbers(estimates: &[Estimate]) -> Vec<Numbers> {
    estimates.iter().map(Numbers::from).collect()
}
