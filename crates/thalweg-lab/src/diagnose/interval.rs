//! Where a number lies, by resampled rows.

use serde::Serialize;

/// The least resamples that give an interval.
pub(super) const LEAST: usize = 40;

/// A number and where it lies with 95 % confidence.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// The number.
    pub value: f64,
    /// By resampled rows, on a logarithmic scale, turned about the number so that a bias is taken out and not in twice ("basic"); not
    /// numbers where there are too few resamples.
    pub interval: [f64; 2],
}

impl Interval {
    /// [θ²/q_{97.5 %}, θ²/q_{2.5 %}] about θ = `value`, with the quantiles of `resampled`.
    pub(super) fn new(value: f64, resampled: impl Iterator<Item = f64>) -> Self {
        let mut logs: Vec<f64> = resampled.map(f64::ln).filter(|x| x.is_finite()).collect();
        if logs.len() < LEAST {
            return Self {
                value,
                interval: [f64::NAN; 2],
            };
        }
        logs.sort_by(f64::total_cmp);
        let quantile = |p: f64| logs[((logs.len() - 1) as f64 * p).round() as usize];
        let turned = |log: f64| (2.0 * value.ln() - log).exp();
        Self {
            value,
            interval: [turned(quantile(0.975)), turned(quantile(0.025))],
        }
    }

    /// The same of a number that cannot be smaller than `least`.
    pub(super) fn at_least(mut self, least: f64) -> Self {
        for end in &mut self.interval {
            // Not numbers stay so.
            if *end < least {
                *end = least;
            }
        }
        self
    }

    /// The same with `low` in it.
    pub(super) fn down_to(mut self, low: f64) -> Self {
        // Not a number stays so.
        if self.interval[0] > low {
            self.interval[0] = low;
        }
        self
    }

    /// Whether resampled rows shift the number by more than they scatter, so that the interval does not hold it.
    pub(super) fn is_shifted(&self) -> bool {
        let [low, high] = self.interval;
        low.is_finite() && !(low..=high).contains(&self.value)
    }
}
