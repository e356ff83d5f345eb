//! Sums over rows from which every fit follows, so that rows need not be kept.

use faer::Mat;

/// Σ z zᵀ over rows, with z = (1, x, y).
#[derive(Clone, Debug, Default)]
pub(super) struct Moments {
    /// The lower triangle, row by row, so that z may grow at its end.
    packed: Vec<f64>,
    size: usize,
}

/// Numbers in a lower triangle of so many rows.
fn packed(size: usize) -> usize {
    size * (size + 1) / 2
}

impl Moments {
    /// Bytes that sums over rows of `size` numbers take.
    pub fn bytes(size: usize) -> usize {
        packed(size + 1) * size_of::<f64>()
    }

    /// Adds the row `z`, (1, x, y), at least as long as those before.
    pub fn add(&mut self, z: &[f64]) {
        self.grow(z.len());
        let mut rest = &mut self.packed[..];
        for (i, &zi) in z.iter().enumerate() {
            let (row, after) = rest.split_at_mut(i + 1);
            // Most entries of classes are 0.
            if zi != 0.0 {
                for (sum, &zj) in row.iter_mut().zip(z) {
                    *sum += zi * zj;
                }
            }
            rest = after;
        }
    }

    /// Adds `times` times the sums of `other`, which is no longer.
    pub fn change(&mut self, times: f64, other: &Self) {
        self.grow(other.size);
        for (sum, more) in self.packed.iter_mut().zip(&other.packed) {
            *sum += times * more;
        }
    }

    /// To rows of `size` numbers, of which the new ones were 0.
    pub fn grow(&mut self, size: usize) {
        if size > self.size {
            self.size = size;
            self.packed.resize(packed(size), 0.0);
        }
    }

    fn at(&self, i: usize, j: usize) -> f64 {
        let (high, low) = (i.max(j), i.min(j));
        self.packed[packed(high) + low]
    }

    /// n.
    pub fn rows(&self) -> f64 {
        self.packed.first().copied().unwrap_or(0.0)
    }

    /// d_x + d_y.
    pub fn entries(&self) -> usize {
        self.size.saturating_sub(1)
    }

    /// The mean of entry `i` of (x, y).
    pub fn mean(&self, i: usize) -> f64 {
        self.at(i + 1, 0) / self.rows()
    }

    /// Σ (z_i − a_i)(z_j − b_j) over the rows, for i in `rows` and j in `columns`, entries of (x, y); a and b are `centre`.
    pub fn about(&self, rows: &[usize], columns: &[usize], centre: &[f64]) -> Mat<f64> {
        let n = self.rows();
        Mat::from_fn(rows.len(), columns.len(), |r, c| {
            let (i, j) = (rows[r], columns[c]);
            self.at(i + 1, j + 1) - self.at(i + 1, 0) * centre[j] - centre[i] * self.at(j + 1, 0)
                + n * centre[i] * centre[j]
        })
    }
}
