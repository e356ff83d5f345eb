//! Sums over a set's tokens by groups of frequency, and the jackknife's standard error of what is computed from them.

use faer::Mat;

use super::{Residuals, SampleMean};
use crate::evaluation::EvaluationError;

/// Groups of sequences that the jackknife leaves out in turn.
const FOLDS: usize = 20;

/// How many such groups a set of `samples` sequences has.
pub(super) fn fold_count(samples: usize) -> usize {
    FOLDS.min(samples)
}

/// The group of a token.
pub(super) fn group(token: usize) -> usize {
    (token + 1).ilog2() as usize
}

/// How many groups there are.
pub(super) fn groups(kinds: usize) -> usize {
    group(kinds - 1) + 1
}

/// Sums over tokens.
#[derive(Clone)]
pub(super) struct Sums {
    /// By group of the label: how many.
    pub labels: Vec<f64>,
    /// By group: ℓ_p.
    pub loss: Vec<f64>,
    /// By group: ‖g_p‖² of the labels that are there.
    pub own: Vec<f64>,
    /// By group: that of drawn labels, for one draw.
    pub drawn: Vec<f64>,
    /// r = p − y.
    pub mean: Vec<f64>,
    /// r rᵀ.
    pub second: Mat<f64>,
    /// diag p − p pᵀ.
    pub lambda: Mat<f64>,
}

impl Sums {
    pub fn zero(kinds: usize) -> Self {
        let zeros = vec![0.0; groups(kinds)];
        Self {
            labels: zeros.clone(),
            loss: zeros.clone(),
            own: zeros.clone(),
            drawn: zeros,
            mean: vec![0.0; kinds],
            second: Mat::zeros(kinds, kinds),
            lambda: Mat::zeros(kinds, kinds),
        }
    }

    fn add(&mut self, other: &Self) {
        let add = |a: &mut [f64], b: &[f64]| a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
        add(&mut self.labels, &other.labels);
        add(&mut self.loss, &other.loss);
        add(&mut self.own, &other.own);
        add(&mut self.drawn, &other.drawn);
        add(&mut self.mean, &other.mean);
        self.second += &other.second;
        self.lambda += &other.lambda;
    }

    /// How many tokens.
    pub fn count(&self) -> f64 {
        self.labels.iter().sum()
    }

    pub fn residuals(&self, kinds: usize) -> Result<Residuals, EvaluationError> {
        let scale = 1.0 / self.count();
        let mean = self.mean.iter().map(|sum| scale * sum).collect();
        let scaled = |matrix: &Mat<f64>| faer::Scale(scale) * matrix;
        let lambda = scaled(&self.lambda);
        let second = scaled(&self.second);
        let classes = Some((kinds, 1));
        Ok(Residuals::of_moments(
            mean,
            second,
            lambda.as_ref(),
            classes,
        )?)
    }
}

/// A smooth function of the sums, with the standard error of the jackknife over `folds`.
pub(super) struct Jackknife {
    pub all: Sums,
    pub without: Vec<Sums>,
}

impl Jackknife {
    pub fn new(folds: &[Sums], kinds: usize) -> Self {
        let sum = |left_out: Option<usize>| {
            let mut sum = Sums::zero(kinds);
            for (fold, sums) in folds.iter().enumerate() {
                if Some(fold) != left_out {
                    sum.add(sums);
                }
            }
            sum
        };
        Self {
            all: sum(None),
            without: (0..folds.len()).map(|fold| sum(Some(fold))).collect(),
        }
    }

    pub fn of(&self, statistic: impl Fn(&Sums) -> f64) -> SampleMean {
        let values: Vec<f64> = self.without.iter().map(&statistic).collect();
        self.with(statistic(&self.all), &values)
    }

    /// √((m − 1)/m Σ(θ_(j) − mean)²), with m − 1 degrees of freedom.
    pub fn with(&self, value: f64, values: &[f64]) -> SampleMean {
        let m = values.len() as f64;
        let mean = values.iter().sum::<f64>() / m;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let error = ((m - 1.0) / m * squares).sqrt();
        SampleMean {
            value,
            standard_error: if error.is_finite() {
                error
            } else {
                f64::INFINITY
            },
            samples: values.len(),
        }
    }
}
