//! Matrices with a seed in each lane.

use faer::Mat;

use crate::lanes::Lanes;

use super::kernel::{Across, Along, Store, multiply};
use super::room::{Buffer, Room};
use crate::lanes::numbers::dot;

/// A matrix in each lane, column by column.
#[derive(Clone)]
pub(super) struct Matrix<'r, V: Lanes> {
    pub entries: Buffer<'r, V>,
    pub rows: usize,
}

impl<'r, V: Lanes> Matrix<'r, V> {
    /// `matrix` in every lane.
    #[inline(always)]
    pub fn splat(matrix: &Mat<f64>, room: &'r Room<V>) -> Self {
        let rows = matrix.nrows();
        let mut entries = room.buffer(rows * matrix.ncols());
        for (to, column) in entries.chunks_exact_mut(rows).zip(matrix.col_iter()) {
            for (to, x) in to.iter_mut().zip(column.iter()) {
                *to = V::splat(*x);
            }
        }
        Self { entries, rows }
    }

    #[inline(always)]
    fn columns(&self) -> usize {
        self.entries.len() / self.rows
    }

    /// a b.
    #[inline(always)]
    pub fn times(&self, b: &Self) -> Self {
        let mut out = self.beside(self.rows, b.columns());
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
        let mut out = self.beside(self.columns(), b.columns());
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
        let mut out = self.beside(self.rows, b.rows);
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
        let mut out = self.clone();
        for (a, b) in out.entries.iter_mut().zip(b.entries.iter()) {
            *a = a.sub(*b);
        }
        out
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

    /// Of these sizes, with any entries.
    #[inline(always)]
    fn beside(&self, rows: usize, columns: usize) -> Self {
        Self {
            entries: self.entries.room().buffer(rows * columns),
            rows,
        }
    }
}
