//! Vectors in this process's memory, in double precision.

use std::ops::Range;

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatMut, MatRef, get_global_parallelism};

use super::{SymmetricOperator, VectorSpace};
use crate::random::{Purpose, Stream};

/// Rows that a block is transformed by at a time.
const ROWS: usize = 4096;
/// Numbers that are looked at together.
const LANES: usize = 8;

/// The space that a [`SymmetricOperator`] acts on.
pub(super) struct Host<'a, A: ?Sized> {
    operator: &'a mut A,
    stream: Stream,
}

impl<'a, A: SymmetricOperator + ?Sized> Host<'a, A> {
    /// Random vectors are functions of `seed`.
    pub(super) fn new(operator: &'a mut A, seed: u64) -> Self {
        Self {
            operator,
            stream: Stream::new(seed, Purpose::Probes),
        }
    }

    fn filled(&mut self, columns: usize, mut entry: impl FnMut(&mut Stream) -> f64) -> Columns {
        let rows = self.operator.dim();
        let entries = (0..rows * columns).map(|_| entry(&mut self.stream));
        Columns {
            rows,
            entries: entries.collect(),
        }
    }

    fn zeros(&self, columns: usize) -> Columns {
        // The system gives zeros without touching them: room that is never used costs nothing.
        let rows = self.operator.dim();
        Columns {
            rows,
            entries: vec![0.0; rows * columns],
        }
    }
}

/// Columns of `rows` entries, one after the other.
pub(super) struct Columns {
    rows: usize,
    entries: Vec<f64>,
}

impl Columns {
    pub(super) fn copied(matrix: MatRef<'_, f64>) -> Self {
        let mut columns = Self {
            rows: matrix.nrows(),
            entries: vec![0.0; matrix.nrows() * matrix.ncols()],
        };
        columns.all_mut().copy_from(matrix);
        columns
    }

    fn count(&self) -> usize {
        self.entries.len() / self.rows
    }

    pub(super) fn all(&self) -> MatRef<'_, f64> {
        self.some(0..self.count())
    }

    fn some(&self, columns: Range<usize>) -> MatRef<'_, f64> {
        let (rows, count) = (self.rows, columns.len());
        let entries = &self.entries[columns.start * rows..columns.end * rows];
        MatRef::from_column_major_slice(entries, rows, count)
    }

    fn all_mut(&mut self) -> MatMut<'_, f64> {
        self.some_mut(0..self.count())
    }

    fn some_mut(&mut self, columns: Range<usize>) -> MatMut<'_, f64> {
        let (rows, count) = (self.rows, columns.len());
        let entries = &mut self.entries[columns.start * rows..columns.end * rows];
        MatMut::from_column_major_slice_mut(entries, rows, count)
    }
}

/// `output` = or += X C.
fn product(accum: Accum, output: MatMut<'_, f64>, x: MatRef<'_, f64>, c: MatRef<'_, f64>) {
    matmul(output, accum, x, c, 1.0, get_global_parallelism());
}

impl<A: SymmetricOperator + ?Sized> VectorSpace for Host<'_, A> {
    type Block = Columns;
    type Error = A::Error;

    fn dim(&self) -> usize {
        self.operator.dim()
    }

    fn epsilon(&self) -> f64 {
        f64::EPSILON
    }

    fn room(&mut self, columns: usize) -> Result<Columns, A::Error> {
        Ok(self.zeros(columns))
    }

    fn apply(&mut self, x: &Columns, columns: Range<usize>) -> Result<Columns, A::Error> {
        let mut images = self.zeros(columns.len());
        if columns.len() == 1 {
            let output = images.all_mut().col_mut(0);
            self.operator.apply(x.some(columns).col(0), output)?;
        } else {
            self.operator
                .apply_block(x.some(columns), images.all_mut())?;
        }
        Ok(images)
    }

    fn is_finite(&mut self, x: &Columns) -> Result<bool, A::Error> {
        // 0 · ∞ and 0 · NaN are NaN, and stay so in a sum.
        let mut sums = [0.0; LANES];
        let (lanes, rest) = x.entries.as_chunks::<LANES>();
        for entries in lanes {
            for (sum, entry) in sums.iter_mut().zip(entries) {
                *sum += 0.0 * entry;
            }
        }
        Ok(sums.iter().all(|&sum| sum == 0.0) && rest.iter().all(|x| x.is_finite()))
    }

    fn normal(&mut self, columns: usize) -> Result<Columns, A::Error> {
        Ok(self.filled(columns, Stream::normal))
    }

    fn signs(&mut self, columns: usize) -> Result<Columns, A::Error> {
        Ok(self.filled(
            columns,
            |stream| {
                if stream.bits() & 1 == 0 { 1.0 } else { -1.0 }
            },
        ))
    }

    fn units(&mut self, range: Range<usize>) -> Result<Columns, A::Error> {
        let mut units = self.zeros(range.len());
        for (j, i) in range.enumerate() {
            units.all_mut()[(i, j)] = 1.0;
        }
        Ok(units)
    }

    fn inner(
        &mut self,
        x: &Columns,
        columns: Range<usize>,
        y: &Columns,
    ) -> Result<Mat<f64>, A::Error> {
        Ok(x.some(columns).transpose() * y.all())
    }

    fn dots(&mut self, x: &Columns, y: &Columns) -> Result<Vec<f64>, A::Error> {
        let pairs = x.all().col_iter().zip(y.all().col_iter());
        Ok(pairs.map(|(x, y)| x.transpose() * y).collect())
    }

    fn add(
        &mut self,
        y: &mut Columns,
        x: &Columns,
        columns: Range<usize>,
        c: MatRef<'_, f64>,
    ) -> Result<(), A::Error> {
        product(Accum::Add, y.all_mut(), x.some(columns), c);
        Ok(())
    }

    fn combine(
        &mut self,
        x: &Columns,
        columns: Range<usize>,
        c: MatRef<'_, f64>,
    ) -> Result<Columns, A::Error> {
        let mut combined = self.zeros(c.ncols());
        product(Accum::Replace, combined.all_mut(), x.some(columns), c);
        Ok(combined)
    }

    fn transform(
        &mut self,
        x: &mut Columns,
        columns: Range<usize>,
        c: MatRef<'_, f64>,
    ) -> Result<(), A::Error> {
        let rows = x.rows;
        let mut changed = x.some_mut(columns);
        let mut part = Mat::zeros(ROWS.min(rows), c.ncols());
        for start in (0..rows).step_by(ROWS) {
            let mut old = changed.as_mut().subrows_mut(start, ROWS.min(rows - start));
            let mut new = part.subrows_mut(0, old.nrows());
            product(Accum::Replace, new.as_mut(), old.as_ref(), c);
            old.as_mut().subcols_mut(0, c.ncols()).copy_from(&new);
        }
        Ok(())
    }

    fn place(
        &mut self,
        x: &mut Columns,
        at: usize,
        y: &Columns,
        c: MatRef<'_, f64>,
    ) -> Result<(), A::Error> {
        let output = x.some_mut(at..at + c.ncols());
        product(Accum::Replace, output, y.all(), c);
        Ok(())
    }

    fn put(&mut self, x: &mut Columns, at: usize, y: &Columns) -> Result<(), A::Error> {
        x.some_mut(at..at + y.count()).copy_from(y.all());
        Ok(())
    }
}
