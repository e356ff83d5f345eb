//! A mean over independent runs with its standard error.

use serde::Serialize;

/// A scatter below this, relative to the mean, is of rounding.
const ROUNDING: f64 = 1e-13;

/// The mean of n independent values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SeedMean {
    /// Their mean.
    pub mean: f64,
    /// The standard error of the mean, s/√n with s² = Σ(v − mean)²/(n − 1); `None` when n = 1.
    pub standard_error: Option<f64>,
    /// Over how many seeds, n ≥ 1.
    pub count: usize,
}

impl SeedMean {
    /// The estimate from `values`; `None` when there are none.
    pub fn of(values: &[f64]) -> Option<Self> {
        let count = values.len();
        if count == 0 {
            return None;
        }
        let n = count as f64;
        let mean = values.iter().sum::<f64>() / n;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Some(Self {
            mean,
            standard_error: (count > 1).then(|| (squares / (n - 1.0) / n).sqrt()),
            count,
        })
    }

    /// (mean − predicted) / standard error. If the prediction is right and the values are normal, it
    /// follows Student's t with n − 1 degrees of freedom.
    ///
    /// `None` where the standard error is unknown, or 0 but for rounding.
    pub fn z(&self, predicted: f64) -> Option<f64> {
        let rounding = ROUNDING * self.mean.abs();
        let error = self.standard_error.filter(|error| *error > rounding)?;
        Some((self.mean - predicted) / error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        let estimate = SeedMean::of(&[1.0, 2.0, 3.0, 4.0]).unwrap();
        assert_eq!((estimate.mean, estimate.count), (2.5, 4));
        // s² = 5/3, so s/√4 = √(5/12).
        let error = estimate.standard_error.unwrap();
        assert!((error - (5.0f64 / 12.0).sqrt()).abs() < 1e-15);
        assert!((estimate.z(2.0).unwrap() - 0.5 / error).abs() < 1e-15);
    }

    #[test]
    fn one_value_has_no_error_and_none_no_estimate() {
        assert_eq!(SeedMean::of(&[]), None);
        let single = SeedMean::of(&[3.0]).unwrap();
        assert_eq!(
            (single.mean, single.standard_error, single.z(1.0)),
            (3.0, None, None)
        );
        assert_eq!(SeedMean::of(&[2.0, 2.0]).unwrap().z(1.0), None);
    }
}
