//! Numbers laid out feature × batch: a line holds one feature of every sample, samples innermost.

use super::Number;

/// How long lines are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Columns {
    /// Samples in the batch.
    pub batch: usize,
    /// Numbers in a line, `batch` rounded up.
    pub stride: usize,
}

impl Columns {
    /// For lines of `T`.
    pub fn new<T: Number>(batch: usize) -> Self {
        Self {
            batch,
            stride: batch.max(1).next_multiple_of(T::PADDING),
        }
    }
}

/// Lines that are borrowed to be read.
#[derive(Clone, Copy, Debug)]
pub struct Lines<'a, T> {
    pub(crate) data: &'a [T],
    pub(crate) columns: Columns,
}

impl<'a, T> Lines<'a, T> {
    /// How many lines.
    pub fn count(&self) -> usize {
        self.data.len() / self.columns.stride
    }

    /// Samples in the batch.
    pub fn batch(&self) -> usize {
        self.columns.batch
    }

    /// One number for each sample.
    pub fn line(&self, index: usize) -> &'a [T] {
        let Columns { batch, stride } = self.columns;
        &self.data[index * stride..][..batch]
    }
}

/// Lines that are borrowed to be written.
#[derive(Debug)]
pub struct LinesMut<'a, T> {
    pub(crate) data: &'a mut [T],
    pub(crate) columns: Columns,
}

impl<T: Number> LinesMut<'_, T> {
    /// How many lines.
    pub fn count(&self) -> usize {
        self.data.len() / self.columns.stride
    }

    /// Samples in the batch.
    pub fn batch(&self) -> usize {
        self.columns.batch
    }

    /// One number for each sample.
    pub fn line(&mut self, index: usize) -> &mut [T] {
        let Columns { batch, stride } = self.columns;
        &mut self.data[index * stride..][..batch]
    }

    /// The same lines for a shorter time.
    pub(crate) fn reborrow(&mut self) -> LinesMut<'_, T> {
        LinesMut {
            data: self.data,
            columns: self.columns,
        }
    }

    /// Zeros in the padding, without which sums over the batch would count samples that do not exist.
    #[inline(always)]
    pub(crate) fn clear_padding(&mut self) {
        let Columns { batch, stride } = self.columns;
        for line in self.data.chunks_exact_mut(stride) {
            line[batch..].fill(T::ZERO);
        }
    }
}

/// Lines that own their numbers: targets, say.
#[derive(Clone, Debug)]
pub struct Block<T> {
    data: Vec<T>,
    columns: Columns,
}

impl<T: Number> Block<T> {
    /// `count` lines of zeros for a batch of `batch` samples.
    pub fn zeros(count: usize, batch: usize) -> Self {
        let columns = Columns::new::<T>(batch);
        Self {
            data: vec![T::ZERO; count * columns.stride],
            columns,
        }
    }

    /// Entry (line, sample) is `entry(line, sample)`.
    pub fn from_fn(count: usize, batch: usize, mut entry: impl FnMut(usize, usize) -> T) -> Self {
        let mut block = Self::zeros(count, batch);
        for index in 0..count {
            for (sample, x) in block.lines_mut().line(index).iter_mut().enumerate() {
                *x = entry(index, sample);
            }
        }
        block
    }

    /// Makes room for `batch` samples. All numbers are 0 after it, unless the batch had that size already.
    pub fn resize(&mut self, batch: usize) {
        if batch != self.columns.batch {
            let count = self.data.len() / self.columns.stride;
            self.columns = Columns::new::<T>(batch);
            self.data.clear();
            self.data.resize(count * self.columns.stride, T::ZERO);
        }
    }

    /// To be read.
    pub fn lines(&self) -> Lines<'_, T> {
        Lines {
            data: &self.data,
            columns: self.columns,
        }
    }

    /// To be written.
    pub fn lines_mut(&mut self) -> LinesMut<'_, T> {
        LinesMut {
            data: &mut self.data,
            columns: self.columns,
        }
    }
}
