//! Cholesky's factor with pivots, in double-double arithmetic: for covariances whose weak directions
//! plain rounding would drown.
//!
//! The pivot of a direction that the preceding ones almost determine is a small difference of large
//! numbers. Doubles get it wrong by ε Σ_ii, which is all of it at κ(Σ) = 10¹⁶ and its fourth digit at
//! 10¹²; here every entry of L is right to some ε, and so are the singular values of L down to ε √κ.

use faer::{Mat, MatRef};

use super::double_double::DoubleDouble;

/// L L ᵀ = Σ up to pivots that count as 0.
pub(super) struct Pivoted {
    /// L, d × p: lower trapezoidal once its rows are taken in `order`.
    pub(super) factor: Mat<f64>,
    /// Rows of Σ in the order of their pivots, the p that have one first.
    pub(super) order: Vec<usize>,
}

/// Factors a positive semi-definite matrix; a pivot of at most `tolerance` Σ_ii counts as 0.
///
/// The largest pivot relative to Σ_ii comes first, so that the units of single variables do not matter.
pub(super) fn pivoted(covariance: MatRef<'_, f64>, tolerance: f64) -> Pivoted {
    let d = covariance.nrows();
    // Powers of two bring each variance to 1/4 … 4 without rounding.
    let scales: Vec<f64> = (0..d).map(|i| scale(covariance[(i, i)])).collect();
    let entry = |i: usize, j: usize| covariance[(i, j)] * scales[i] * scales[j];
    let variances: Vec<f64> = (0..d).map(|i| entry(i, i)).collect();
    let mut pivots: Vec<DoubleDouble> = variances.iter().map(|&v| v.into()).collect();
    let mut order: Vec<usize> = (0..d).collect();
    let mut columns: Vec<Column> = Vec::new();
    for j in 0..d {
        let share = |i: usize| pivots[i].high / variances[i];
        // The first of equals: a NaN (of a variance 0) is never larger.
        let best = (j..d).fold(j, |best, place| {
            let better = share(order[place]) > share(order[best]) || share(order[best]).is_nan();
            if better { place } else { best }
        });
        let pivot = order[best];
        // NaN, of a variance 0, has no pivot left either.
        let enough = pivots[pivot].high > tolerance * variances[pivot];
        if !enough {
            break;
        }
        order.swap(j, best);
        let mut column = Column::new((0..d).map(|i| entry(i, pivot)));
        for known in &columns {
            column.subtract(known, known.at(pivot));
        }
        let root = pivots[pivot].sqrt();
        column.divide(root);
        column.set(pivot, root);
        for &i in &order[..j] {
            column.set(i, DoubleDouble::ZERO);
        }
        for &i in &order[j + 1..] {
            pivots[i] = pivots[i].minus_product(column.at(i), column.at(i));
        }
        columns.push(column);
    }
    Pivoted {
        factor: Mat::from_fn(d, columns.len(), |i, j| columns[j].at(i).high / scales[i]),
        order,
    }
}

/// The power of two nearest to 1/√variance; 1 for no variance.
fn scale(variance: f64) -> f64 {
    if variance > 0.0 {
        (-0.5 * variance.log2()).round().exp2()
    } else {
        1.0
    }
}

/// One column of L, its high and low parts apart so that loops over rows fill the registers.
struct Column {
    high: Vec<f64>,
    low: Vec<f64>,
}

impl Column {
    fn new(entries: impl Iterator<Item = f64>) -> Self {
        let high: Vec<f64> = entries.collect();
        let low = vec![0.0; high.len()];
        Self { high, low }
    }

    fn at(&self, row: usize) -> DoubleDouble {
        DoubleDouble {
            high: self.high[row],
            low: self.low[row],
        }
    }

    fn set(&mut self, row: usize, value: DoubleDouble) {
        (self.high[row], self.low[row]) = (value.high, value.low);
    }

    /// self −= factor · other.
    fn subtract(&mut self, other: &Self, factor: DoubleDouble) {
        let own = self.high.iter_mut().zip(&mut self.low);
        for ((high, low), (&h, &l)) in own.zip(other.high.iter().zip(&other.low)) {
            let here = DoubleDouble {
                high: *high,
                low: *low,
            };
            let rest = here.minus_product(DoubleDouble { high: h, low: l }, factor);
            (*high, *low) = (rest.high, rest.low);
        }
    }

    fn divide(&mut self, divisor: DoubleDouble) {
        for row in 0..self.high.len() {
            self.set(row, self.at(row).over(divisor));
        }
    }
}
