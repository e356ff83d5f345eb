//! Matrix products for one seed, blocked for registers: the same bits at any vector width.
//!
//! Every entry of a product is summed in one fused chain in the order of the inner index, whatever the
//! instruction set, so blocking changes no bit. Matrices are column by column.

use crate::lanes::{Call, Real, Vector};

/// Rows of a register block: two of the widest vectors.
pub(super) const ROWS: usize = 16;
const COLUMNS: usize = 4;

/// A matrix by the distances between its rows and between its columns.
#[derive(Clone, Copy)]
pub(super) struct View<'a, S> {
    pub entries: &'a [S],
    pub row: usize,
    pub column: usize,
}

impl<'a, S> View<'a, S> {
    /// A matrix stored column by column.
    pub fn new(entries: &'a [S], rows: usize) -> Self {
        Self {
            entries,
            row: 1,
            column: rows,
        }
    }

    /// Its transpose.
    pub fn transposed(entries: &'a [S], rows: usize) -> Self {
        Self {
            entries,
            row: rows,
            column: 1,
        }
    }
}

/// out = a b, `out` of shape rows × columns stored column by column.
pub(super) struct Product<'a, R: Real> {
    pub out: &'a mut [R::Scalar],
    pub a: View<'a, R::Scalar>,
    pub b: View<'a, R::Scalar>,
    /// Rows, inner size, columns.
    pub shape: [usize; 3],
    /// Room for sixteen packed rows of `a`.
    pub panel: &'a mut Vec<R::Scalar>,
}

impl<R: Real> Call for Product<'_, R> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self {
            out,
            a,
            b,
            shape,
            panel,
        } = self;
        let [rows, inner, columns] = shape;
        panel.resize(ROWS * inner, R::Scalar::default());
        for r in (0..rows).step_by(ROWS) {
            let used = ROWS.min(rows - r);
            // Packed, so that they stay in the first cache; rows past the end are 0.
            for (k, packed) in panel.chunks_exact_mut(ROWS).enumerate() {
                let from = &a.entries[r * a.row + k * a.column..];
                if a.row == 1 {
                    packed[..used].copy_from_slice(&from[..used]);
                } else {
                    for (to, from) in packed[..used].iter_mut().zip(from.iter().step_by(a.row)) {
                        *to = *from;
                    }
                }
                packed[used..].fill(R::Scalar::default());
            }
            for c in (0..columns).step_by(COLUMNS) {
                let wide = COLUMNS.min(columns - c);
                // Columns past the end repeat the last; they are not stored.
                let mut starts = [0; COLUMNS];
                for (j, start) in starts.iter_mut().enumerate() {
                    *start = (c + j.min(wide - 1)) * b.column;
                }
                for half in (0..ROWS).step_by(2 * R::Wide::LANES) {
                    let sums = block::<R>(panel, half, b, starts);
                    let mut stored = [R::Scalar::default(); ROWS];
                    for (j, sum) in sums.iter().enumerate().take(wide) {
                        let at = (c + j) * rows + r + half;
                        if half + 2 * R::Wide::LANES <= used {
                            sum[0].store(&mut out[at..]);
                            sum[1].store(&mut out[at + R::Wide::LANES..]);
                        } else if half < used {
                            sum[0].store(&mut stored);
                            sum[1].store(&mut stored[R::Wide::LANES..]);
                            out[at..at + used - half].copy_from_slice(&stored[..used - half]);
                        }
                    }
                }
            }
        }
    }
}

/// Two vectors of rows, from row `half` of the panel on, by four columns of `b`.
#[inline(always)]
fn block<R: Real>(
    panel: &[R::Scalar],
    half: usize,
    b: View<'_, R::Scalar>,
    starts: [usize; COLUMNS],
) -> [[R; 2]; COLUMNS] {
    let mut sums = [[R::constant(0.0); 2]; COLUMNS];
    for (k, rows) in panel.chunks_exact(ROWS).enumerate() {
        let low = R::load(&rows[half..]);
        let high = R::load(&rows[half + R::Wide::LANES..]);
        for (sum, start) in sums.iter_mut().zip(starts) {
            let factor = R::splat(b.entries[start + k * b.row]);
            sum[0] = low.mul_add(factor, sum[0]);
            sum[1] = high.mul_add(factor, sum[1]);
        }
    }
    sums
}
