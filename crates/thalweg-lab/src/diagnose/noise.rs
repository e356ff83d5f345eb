//! V, Σx and Σε of gathered rows, and residuals that their own fit has not seen.

use faer::{Mat, Side, linalg::solvers::DenseSolveCore};

use super::draw::shuffle;
use super::gathered::{Gathered, Sampled};
use super::moments::Moments;
use super::used::Dependence;
use thalweg::random::Stream;
use thalweg::{Stop, Stopped};

/// How many parts the groups of rows are cut into; each is predicted from the others.
const FOLDS: usize = 10;

/// The least part of the rows that must be left as degrees of freedom: with fewer, resampled rows say nothing of the noise.
const LEAST_LEFT: f64 = 0.02;

/// What of a column's variance must be left, once the columns before it are known, for it not to count as a function of them.
pub(super) const DEPENDENT: f64 = 1e-10;

/// What rows say of y = V x + ε.
#[derive(Clone, Debug)]
pub struct Noise {
    /// Σx of the centred inputs, d_x × d_x.
    pub input_covariance: Mat<f64>,
    /// V by least squares on all rows, d_y × d_x.
    pub teacher: Mat<f64>,
    /// Σε, d_y × d_y: Σ r rᵀ over the degrees of freedom that the fit leaves the residuals r, n − d_x − 1. Where the noise has the same covariance
    /// everywhere this is unbiased, and a row of large leverage, which the fit follows, adds little to either.
    pub covariance: Mat<f64>,
    /// The means of all entries of (x, y).
    mean: Vec<f64>,
    /// n over the degrees of freedom.
    widened: f64,
}

/// Which entries of (x, y) are used.
pub(super) struct Entries<'e> {
    /// Of x: those that are no functions of each other.
    pub inputs: &'e [usize],
    /// Of y.
    pub targets: &'e [usize],
}

impl Noise {
    /// That of `gathered`, each group's rows taken w times, as often as `times` says. None where no degrees of freedom are left.
    ///
    /// Copies of a row have one noise between them: with H = X(XᵀWX)⁻¹XᵀW, tr((I − H)ᵀ W (I − H)) = Σ w − tr((XᵀWX)⁻¹ XᵀW²X) degrees are left.
    pub(super) fn of(gathered: &Gathered, entries: &Entries<'_>, times: &[f64]) -> Option<Self> {
        let (inputs, targets) = (entries.inputs, entries.targets);
        let (mut whole, mut twice) = (Moments::default(), Moments::default());
        for (group, &times) in gathered.groups.iter().zip(times) {
            if times != 0.0 {
                whole.change(times, group);
                twice.change(times * times, group);
            }
        }
        let fit = Fit::new(&whole, inputs, targets)?;
        let left = whole.rows() - fit.leverages(&twice, inputs);
        (left > LEAST_LEFT * whole.rows()).then(|| Self {
            covariance: faer::Scale(1.0 / left) * fit.squares(&whole, inputs, targets),
            input_covariance: fit.covariance,
            teacher: fit.teacher,
            mean: fit.mean,
            widened: whole.rows() / left,
        })
    }

    /// What this fit leaves of rows with the inputs and targets that `entries` names, as columns of numbers, as wide as the noise is.
    pub(super) fn left_of(
        &self,
        (inputs, targets): (&Mat<f64>, &Mat<f64>),
        entries: &Entries<'_>,
    ) -> Mat<f64> {
        let mean = |of: &[usize]| Mat::from_fn(of.len(), 1, |i, _| self.mean[of[i]]);
        let offset = mean(entries.targets) - &self.teacher * mean(entries.inputs);
        let mut left = targets - inputs * self.teacher.transpose();
        for (j, column) in left.col_iter_mut().enumerate() {
            for r in column.iter_mut() {
                *r = (*r - offset[(j, 0)]) * self.widened.sqrt();
            }
        }
        left
    }

    /// The same with Σx and V of all inputs, those that follow from others too: to be told, and no longer to be applied to rows.
    pub(super) fn of_all_inputs(mut self, dependence: &Dependence) -> Self {
        (self.input_covariance, self.teacher) =
            dependence.of_all(&self.input_covariance, &self.teacher);
        self
    }

    /// Of classes, whose targets sum to 1: what the sums' rounding puts along (1, …, 1) is taken out of V and Σε.
    pub(super) fn of_classes(mut self) -> Self {
        let classes = self.covariance.nrows();
        let mean = 1.0 / classes as f64;
        let across = Mat::from_fn(classes, classes, |i, j| f64::from(u8::from(i == j)) - mean);
        self.teacher = &across * &self.teacher;
        self.covariance = &across * &self.covariance * &across;
        self
    }
}

/// Fits to nine tenths of the rows each, for residuals of the others.
#[derive(Clone, Debug)]
pub(super) struct HeldOut {
    fits: Vec<Fit>,
    /// The part in which each group is.
    pub fold: Vec<usize>,
    inputs: Vec<usize>,
    targets: Vec<usize>,
}

impl HeldOut {
    /// Those of `gathered`, whose groups are cut into parts by a shuffle. None where a part cannot be predicted from the others.
    pub fn new(
        gathered: &Gathered,
        entries: &Entries<'_>,
        stream: &mut Stream,
        stop: &Stop,
    ) -> Result<Option<Self>, Stopped> {
        let mut fold: Vec<usize> = (0..gathered.groups.len()).map(|i| i % FOLDS).collect();
        shuffle(&mut fold, stream);
        let whole = gathered.total();
        let mut parts = vec![Moments::default(); FOLDS];
        for (group, &fold) in gathered.groups.iter().zip(&fold) {
            parts[fold].change(1.0, group);
        }
        let mut fits = Vec::with_capacity(FOLDS);
        for part in &parts {
            stop.asked()?;
            let mut others = whole.clone();
            others.change(-1.0, part);
            let Some(fit) = Fit::new(&others, entries.inputs, entries.targets) else {
                return Ok(None);
            };
            fits.push(fit);
        }
        Ok(Some(Self {
            fits,
            fold,
            inputs: entries.inputs.to_vec(),
            targets: entries.targets.to_vec(),
        }))
    }

    /// r/√(1 + h) of `row`, d_y numbers, r its residual by a fit that has not seen it and h its leverage there: its covariance is Σε.
    pub fn residual(&self, row: &Sampled) -> Vec<f64> {
        let fit = &self.fits[self.fold[row.group]];
        let x = Mat::from_fn(self.inputs.len(), 1, |i, _| {
            row.entries[self.inputs[i]] - fit.mean[self.inputs[i]]
        });
        let scale = (1.0 + fit.leverage(&x)).sqrt();
        let predicted = &fit.teacher * &x;
        let targets = self.targets.iter().enumerate();
        let residual = targets.map(|(j, &at)| row.entries[at] - fit.mean[at] - predicted[(j, 0)]);
        residual.map(|residual| residual / scale).collect()
    }
}

/// The mean of r rᵀ over the rows r of `residuals`.
pub(super) fn second_moment(residuals: &Mat<f64>) -> Mat<f64> {
    faer::Scale(1.0 / residuals.nrows() as f64) * (residuals.transpose() * residuals)
}

/// Least squares with an intercept.
#[derive(Clone, Debug)]
struct Fit {
    /// Of all entries of (x, y).
    mean: Vec<f64>,
    covariance: Mat<f64>,
    inverse: Mat<f64>,
    teacher: Mat<f64>,
    rows: f64,
}

impl Fit {
    /// None where there are no rows, or their sums are not finite.
    fn new(sums: &Moments, inputs: &[usize], targets: &[usize]) -> Option<Self> {
        let rows = sums.rows();
        if rows < 2.0 {
            return None;
        }
        let mean: Vec<f64> = (0..sums.entries()).map(|i| sums.mean(i)).collect();
        let share = faer::Scale(1.0 / rows);
        let covariance = share * sums.about(inputs, inputs, &mean);
        let cross = share * sums.about(inputs, targets, &mean);
        let inverse = inverse(&covariance)?;
        let teacher = (&inverse * &cross).transpose().to_owned();
        Some(Self {
            mean,
            covariance,
            inverse,
            teacher,
            rows,
        })
    }

    /// Σ r rᵀ over the rows of `sums`.
    fn squares(&self, sums: &Moments, inputs: &[usize], targets: &[usize]) -> Mat<f64> {
        let xx = sums.about(inputs, inputs, &self.mean);
        let xy = sums.about(inputs, targets, &self.mean);
        let yy = sums.about(targets, targets, &self.mean);
        let explained = &self.teacher * &xy;
        yy - &explained - explained.transpose() + &self.teacher * &xx * self.teacher.transpose()
    }

    /// Σ h over the rows of `sums`.
    fn leverages(&self, sums: &Moments, inputs: &[usize]) -> f64 {
        let xx = sums.about(inputs, inputs, &self.mean);
        let spread: f64 = (0..xx.ncols())
            .map(|j| {
                (0..xx.nrows())
                    .map(|i| xx[(i, j)] * self.inverse[(i, j)])
                    .sum::<f64>()
            })
            .sum();
        (sums.rows() + spread) / self.rows
    }

    /// h = (1 + (x − x̄)ᵀ Σx⁻¹ (x − x̄))/n, for x − x̄.
    fn leverage(&self, centred: &Mat<f64>) -> f64 {
        let square = centred.transpose() * &self.inverse * centred;
        (1.0 + square[(0, 0)]) / self.rows
    }
}

/// Σ⁻¹, by correlations, since columns' units may differ by many orders; 0 along columns that are functions of those before them, as a
/// seldom column may be in the rows of one fit.
fn inverse(covariance: &Mat<f64>) -> Option<Mat<f64>> {
    let size = covariance.nrows();
    if !covariance.norm_max().is_finite() {
        return None;
    }
    let kept = independent(covariance);
    let unit = |i: usize| covariance[(i, i)].sqrt();
    let correlation = Mat::from_fn(kept.len(), kept.len(), |i, j| {
        covariance[(kept[i], kept[j])] / (unit(kept[i]) * unit(kept[j]))
    });
    let cholesky = correlation.llt(Side::Lower).ok()?;
    let solved = cholesky.inverse();
    let mut inverse = Mat::zeros(size, size);
    for (j, &column) in kept.iter().enumerate() {
        for (i, &row) in kept.iter().enumerate() {
            inverse[(row, column)] = solved[(i, j)] / (unit(row) * unit(column));
        }
    }
    Some(inverse)
}

/// The columns that are neither constant nor functions of those before them, by Cholesky's factorisation of their correlations.
pub(super) fn independent(covariance: &Mat<f64>) -> Vec<usize> {
    let size = covariance.nrows();
    let unit = |i: usize| covariance[(i, i)].sqrt();
    let correlation = Mat::from_fn(size, size, |i, j| covariance[(i, j)] / (unit(i) * unit(j)));
    if let Ok(cholesky) = correlation.llt(Side::Lower) {
        let pivots = cholesky.L().diagonal().column_vector();
        if pivots.iter().all(|pivot| pivot * pivot > DEPENDENT) {
            return (0..size).collect();
        }
    }
    let mut kept: Vec<usize> = Vec::new();
    // Row i of the factor, for the columns that are kept.
    let mut factor: Vec<Vec<f64>> = Vec::new();
    for i in 0..size {
        let variance = covariance[(i, i)];
        if variance.is_nan() || variance <= 0.0 {
            continue;
        }
        let mut row = Vec::with_capacity(kept.len() + 1);
        let mut left = 1.0;
        for (at, &j) in kept.iter().enumerate() {
            let before: f64 = row
                .iter()
                .zip(&factor[at])
                .map(|(a, b): (&f64, &f64)| a * b)
                .sum();
            let entry = (correlation[(i, j)] - before) / factor[at][at];
            row.push(entry);
            left -= entry * entry;
        }
        if left > DEPENDENT {
            row.push(left.sqrt());
            factor.push(row);
            kept.push(i);
        }
    }
    kept
}
