//! Matrices with a seed in each lane.

use faer::Mat;

use crate::lanes::Lanes;

use super::kernel::{Across, Along, Store, multiply, splat};
use crate::lanes::numbers::dot;

/// A matrix in each lane, column by column.
#[derive(Clone)]
pub(super) struct Matrix<V> {
    pub entries: Vec<V>,
    pub rows: usize,
}

impl<V: Lanes> Matrix<V> {
    /// `matrix` in every lane.
    #[inline(always)]
    pub fn splat(matrix: &Mat<f64>) -> Self {
        Self {
            entries: splat(matrix, 1.0),
            rows: matrix.nrows(),
        }
    }

    #[inline(always)]
    fn columns(&self) -> usize {
        self.entries.len() / self.rows
    }

    /// a b.
    #[inline(always)]
    pub fn times(&self, b: &Self) -> Self {
        let mut out = Self::zeros(self.rows, b.columns());
        let (left, right) = (
            Across::new(&self.entries, self.rows),
            Along::new(&b.entries, b.rows),
        );
        multiply(
            left,
            right,
            [self.rows, b.rows, b.columns()],
            Store::new(&mut out.entries, self.rows),
        );
        out
    }

    /// aᵀ b.
    #[inline(always)]
    pub fn transposed_times(&self, b: &Self) -> Self {
        let mut out = Self::zeros(self.columns(), b.columns());
        let (left, right) = (
            Along::new(&self.entries, self.rows),
            Along::new(&b.entries, b.rows),
        );
        multiply(
            left,
            right,
            [out.rows, b.rows, b.columns()],
            Store::new(&mut out.entries, out.rows),
        );
        out
    }

    /// a bᵀ.
    #[inline(always)]
    pub fn times_transposed(&self, b: &Self) -> Self {
        let mut out = Self::zeros(self.rows, b.rows);
        let (left, right) = (
            Across::new(&self.entries, self.rows),
            Across::new(&b.entries, b.rows),
        );
        multiply(
            left,
            right,
            [self.rows, self.columns(), b.rows],
            Store::new(&mut out.entries, self.rows),
        );
        out
    }

    /// a − b.
    #[inline(always)]
    pub fn minus(&self, b: &Self) -> Self {
        let entries = self.entries.iter().zip(&b.entries).map(|(a, b)| a.sub(*b));
        Self {
            entries: entries.collect(),
            rows: self.rows,
        }
    }

    /// ‖a‖²_F.
    #[inline(always)]
    pub fn square(&self) -> V {
        dot(&self.entries, &self.entries)
    }

    /// tr a.
    #[inline(always)]
    pub fn trace(&self) -> V {
        let mut sum = V::splat(0.0);
        for x in self.entries.iter().step_by(self.rows + 1) {
            sum = sum.add(*x);
        }
        sum
    }

    #[inline(always)]
    fn zeros(rows: usize, columns: usize) -> Self {
        Self {
            entries: vec![V::splat(0.0); rows * columns],
            rows,
        }
    }
}
