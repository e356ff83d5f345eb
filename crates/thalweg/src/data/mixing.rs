//! From white variates to those with a covariance.

use faer::Mat;

use crate::lanes::vectorise;
use crate::problem::cholesky;
use crate::tensor::{LinesMut, Real};

/// The lower triangular L with L Lᵀ = Σ, for each row its entries that are not 0.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mixing {
    rows: Vec<Vec<(usize, f64)>>,
}

impl Mixing {
    /// The factor of a covariance.
    pub fn new(covariance: &Mat<f64>) -> Self {
        let lower = cholesky(covariance.as_ref());
        let row = |r: usize| {
            let entries = (0..=r).map(|c| (c, lower[(r, c)]));
            entries.filter(|&(_, entry)| entry != 0.0).collect()
        };
        Self {
            rows: (0..covariance.nrows()).map(row).collect(),
        }
    }

    /// Rows of Σ.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// Whether Σ = 0.
    pub fn is_zero(&self) -> bool {
        self.rows.iter().all(Vec::is_empty)
    }

    /// to += L z at each position and for each sample; z has a line of `batch` numbers for each row and
    /// position.
    pub fn add<T: Real>(&self, white: &[f64], to: &mut LinesMut<'_, T>) {
        let (batch, positions) = (to.batch(), to.count() / self.rows());
        for (row, entries) in self.rows.iter().enumerate() {
            for position in 0..positions {
                let line = to.line(row * positions + position);
                for &(column, factor) in entries {
                    let z = &white[(column * positions + position) * batch..][..batch];
                    vectorise(
                        #[inline(always)]
                        || {
                            for (x, &z) in line.iter_mut().zip(z) {
                                *x += T::from_f64(factor * z);
                            }
                        },
                    );
                }
            }
        }
    }
}
