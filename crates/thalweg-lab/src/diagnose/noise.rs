//! V, Σx and Σε of gathered rows, with residuals that their own fit has not seen.

use faer::{Mat, Side, linalg::solvers::DenseSolveCore};

use super::draw::shuffle;
use super::gathered::{Gathered, Sampled};
use super::moments::Moments;
use thalweg::random::Stream;
use thalweg::{Stop, Stopped};

/// How many parts the groups of rows are cut into; each is predicted from the others.
const FOLDS: usize = 10;

/// What of a column's variance must be left, once the columns before it are known, for it not to count as a function of them.
pub(super) const DEPENDENT: f64 = 1e-10;

/// What rows say of y = V x + ε.
#[derive(Clone, Debug)]
pub struct Noise {
    /// Σx of the centred inputs, d_x × d_x.
    pub input_covariance: Mat<f64>,
    /// V by least squares on all rows, d_y × d_x.
    pub teacher: Mat<f64>,
    /// Σε, d_y × d_y: Σ r rᵀ over Σ (1 + h) over all rows, r a row's residual by the fit to the other nine tenths and h its leverage
    /// there. Where the noise has the same covariance everywhere, E r rᵀ = (1 + h) Σε, so that this is unbiased.
    pub covariance: Mat<f64>,
    /// The fits to the other nine tenths, and the part in which each group is.
    fits: Vec<Fit>,
    fold: Vec<usize>,
    inputs: Vec<usize>,
    targets: Vec<usize>,
}

/// Which entries of (x, y) are used.
pub(super) struct Entries<'e> {
    /// Of x: those that are no functions of each other.
    pub inputs: &'e [usize],
    /// Of y.
    pub targets: &'e [usize],
}

impl Noise {
    /// That of `gathered`, each group's rows taken as often as `times` says; copies of a row are in one part with it, so that none is
    /// predicted from itself. None where no part can be predicted.
    pub(super) fn of(
        gathered: &Gathered,
        entries: &Entries<'_>,
        fold: &[usize],
        times: &[f64],
        stop: &Stop,
    ) -> Result<Option<Self>, Stopped> {
        let (inputs, targets) = (entries.inputs, entries.targets);
        let mut parts = vec![Moments::default(); FOLDS];
        for ((group, &fold), &times) in gathered.groups.iter().zip(fold).zip(times) {
            if times != 0.0 {
                parts[fold].change(times, group);
            }
        }
        let mut whole = Moments::default();
        for part in &parts {
            whole.change(1.0, part);
        }
        // A part may have no rows of these.
        for part in &mut parts {
            part.grow(whole.entries() + 1);
        }
        let (mut sum, mut weight) = (Mat::zeros(targets.len(), targets.len()), 0.0);
        let mut fits = Vec::with_capacity(FOLDS);
        for part in &parts {
            stop.asked()?;
            let mut others = whole.clone();
            others.change(-1.0, part);
            let Some(fit) = Fit::new(&others, inputs, targets) else {
                return Ok(None);
            };
            let (squares, leverages) = fit.judge(part, inputs, targets);
            sum += squares;
            weight += part.rows() + leverages;
            fits.push(fit);
        }
        Ok(Fit::new(&whole, inputs, targets).map(|whole| Self {
            input_covariance: whole.covariance,
            teacher: whole.teacher,
            covariance: faer::Scale(1.0 / weight) * sum,
            fits,
            fold: fold.to_vec(),
            inputs: inputs.to_vec(),
            targets: targets.to_vec(),
        }))
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

    /// In which part each of `groups` groups is, by a shuffle.
    pub(super) fn folds(groups: usize, stream: &mut Stream) -> Vec<usize> {
        let mut folds: Vec<usize> = (0..groups).map(|i| i % FOLDS).collect();
        shuffle(&mut folds, stream);
        folds
    }

    /// r/√(1 + h) of `row`, d_y numbers.
    pub(super) fn residual(&self, row: &Sampled) -> Vec<f64> {
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

    /// Σ r rᵀ and Σ h over the rows of `part`, which the fit has not seen.
    fn judge(&self, part: &Moments, inputs: &[usize], targets: &[usize]) -> (Mat<f64>, f64) {
        let xx = part.about(inputs, inputs, &self.mean);
        let xy = part.about(inputs, targets, &self.mean);
        let yy = part.about(targets, targets, &self.mean);
        let explained = &self.teacher * &xy;
        let squares = yy - &explained - explained.transpose()
            + &self.teacher * &xx * self.teacher.transpose();
        let spread: f64 = (0..xx.ncols())
            .map(|j| {
                (0..xx.nrows())
                    .map(|i| xx[(i, j)] * self.inverse[(i, j)])
                    .sum::<f64>()
            })
            .sum();
        (squares, (part.rows() + spread) / self.rows)
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
