//! V, Σx and Σε of a table, with residuals that their own fit has not seen.

use faer::{Mat, Side, linalg::solvers::Solve};

use thalweg::random::Stream;

use super::DiagnoseError;
use super::draw::shuffle;

/// How many parts the rows are cut into; each is predicted from the others.
const FOLDS: usize = 10;

/// The least eigenvalue of Σx, relative to its largest, with which V is determined.
const DEPENDENT: f64 = 1e-13;

/// What a table says of y = V x + ε.
#[derive(Clone, Debug)]
pub struct Noise {
    /// Σx of the centred inputs, d_x × d_x.
    pub input_covariance: Mat<f64>,
    /// V by least squares on all rows, d_y × d_x.
    pub teacher: Mat<f64>,
    /// Σε, d_y × d_y: the mean of r rᵀ/(1 + h) over rows, r a row's residual by the fit to the other nine tenths and h its leverage there.
    /// Where the noise has the same covariance everywhere, E r rᵀ = (1 + h) Σε, so that this is unbiased.
    pub covariance: Mat<f64>,
    /// r/√(1 + h), n × d_y, in the order of the rows.
    pub residuals: Mat<f64>,
}

impl Noise {
    /// Fits the rows `rows` of `inputs` and `targets`, which may name a row more than once. `fold` says in which part each row of the table is:
    /// copies of a row are in one part, so that none is predicted from itself.
    ///
    /// # Errors
    /// When the inputs are linearly dependent.
    pub fn of(
        (inputs, targets): (&Mat<f64>, &Mat<f64>),
        rows: &[usize],
        fold: &[usize],
    ) -> Result<Self, DiagnoseError> {
        let size = (inputs.ncols(), targets.ncols());
        let mut parts: Vec<Moments> = (0..FOLDS).map(|_| Moments::new(size)).collect();
        for &row in rows {
            parts[fold[row]].add(inputs, targets, row);
        }
        let mut whole = Moments::new(size);
        for part in &parts {
            whole.change(1.0, part);
        }
        let fits = parts.iter().map(|part| {
            let mut others = whole.clone();
            others.change(-1.0, part);
            Fit::new(&others)
        });
        let fits = fits.collect::<Result<Vec<_>, _>>()?;
        let whole = Fit::new(&whole)?;
        let mut residuals = Mat::zeros(rows.len(), size.1);
        for (at, &row) in rows.iter().enumerate() {
            let fit = &fits[fold[row]];
            let x = Mat::from_fn(size.0, 1, |j, _| inputs[(row, j)]);
            let leverage = fit.leverage(&x);
            let predicted = fit.predict(&x);
            for j in 0..size.1 {
                let residual = targets[(row, j)] - predicted[(j, 0)];
                residuals[(at, j)] = residual / (1.0 + leverage).sqrt();
            }
        }
        Ok(Self {
            input_covariance: whole.covariance,
            teacher: whole.teacher,
            covariance: second_moment(&residuals),
            residuals,
        })
    }

    /// In which part each of `rows` rows is, by a shuffle.
    pub fn folds(rows: usize, stream: &mut Stream) -> Vec<usize> {
        let mut folds: Vec<usize> = (0..rows).map(|i| i % FOLDS).collect();
        shuffle(&mut folds, stream);
        folds
    }
}

/// The mean of r rᵀ over the rows r of `residuals`.
pub(super) fn second_moment(residuals: &Mat<f64>) -> Mat<f64> {
    faer::Scale(1.0 / residuals.nrows() as f64) * (residuals.transpose() * residuals)
}

/// Least squares with an intercept.
struct Fit {
    mean_input: Mat<f64>,
    mean_target: Mat<f64>,
    covariance: Mat<f64>,
    inverse: Mat<f64>,
    teacher: Mat<f64>,
    rows: f64,
}

/// Sums over rows, from which a fit follows; of inputs and targets whose means are near 0.
#[derive(Clone)]
struct Moments {
    rows: f64,
    input: Mat<f64>,
    target: Mat<f64>,
    square: Mat<f64>,
    cross: Mat<f64>,
}

impl Moments {
    fn new((inputs, targets): (usize, usize)) -> Self {
        Self {
            rows: 0.0,
            input: Mat::zeros(inputs, 1),
            target: Mat::zeros(targets, 1),
            square: Mat::zeros(inputs, inputs),
            cross: Mat::zeros(inputs, targets),
        }
    }

    fn add(&mut self, inputs: &Mat<f64>, targets: &Mat<f64>, row: usize) {
        self.rows += 1.0;
        for i in 0..inputs.ncols() {
            let x = inputs[(row, i)];
            self.input[(i, 0)] += x;
            for j in 0..inputs.ncols() {
                self.square[(j, i)] += x * inputs[(row, j)];
            }
            for j in 0..targets.ncols() {
                self.cross[(i, j)] += x * targets[(row, j)];
            }
        }
        for j in 0..targets.ncols() {
            self.target[(j, 0)] += targets[(row, j)];
        }
    }

    /// Adds `factor` times the sums of `other`.
    fn change(&mut self, factor: f64, other: &Self) {
        let factor_of = faer::Scale(factor);
        self.rows += factor * other.rows;
        self.input += factor_of * &other.input;
        self.target += factor_of * &other.target;
        self.square += factor_of * &other.square;
        self.cross += factor_of * &other.cross;
    }
}

impl Fit {
    fn new(sums: &Moments) -> Result<Self, DiagnoseError> {
        let share = faer::Scale(1.0 / sums.rows);
        let mean_input = share * &sums.input;
        let mean_target = share * &sums.target;
        let covariance = share * &sums.square - &mean_input * mean_input.transpose();
        let cross = share * &sums.cross - &mean_input * mean_target.transpose();
        let values = covariance
            .self_adjoint_eigenvalues(Side::Lower)
            .unwrap_or_default();
        let least = match (values.first(), values.last()) {
            (Some(first), Some(last)) if *last > 0.0 => first / last,
            _ => 0.0,
        };
        let cholesky = (least > DEPENDENT).then(|| covariance.llt(Side::Lower));
        let Some(Ok(cholesky)) = cholesky else {
            return Err(DiagnoseError::Dependent { least });
        };
        let teacher = cholesky.solve(&cross).transpose().to_owned();
        let inverse = cholesky.solve(Mat::<f64>::identity(values.len(), values.len()));
        Ok(Self {
            mean_input,
            mean_target,
            covariance,
            inverse,
            teacher,
            rows: sums.rows,
        })
    }

    /// h = (1 + (x − x̄)ᵀ Σx⁻¹ (x − x̄))/n.
    fn leverage(&self, x: &Mat<f64>) -> f64 {
        let centred = x - &self.mean_input;
        let square = centred.transpose() * &self.inverse * &centred;
        (1.0 + square[(0, 0)]) / self.rows
    }

    fn predict(&self, x: &Mat<f64>) -> Mat<f64> {
        &self.teacher * (x - &self.mean_input) + &self.mean_target
    }
}
