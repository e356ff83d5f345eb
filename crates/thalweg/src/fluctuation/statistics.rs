//! Means over samples, with what they leave open about the law the samples were drawn from.

use super::student::reach;

/// A number that is a mean over the N samples of a set, or a smooth function of such means.
///
/// It is exact for the set. As an estimate for the law that the samples were drawn from, independently, it has
/// a standard error, which is reliable when N is large against the weight of the law's tails.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SampleMean {
    /// The mean, or the function of means, in the unit of what is averaged.
    pub value: f64,
    /// Its standard deviation over sets of N samples, from the scatter within this one. Infinite if N = 1.
    pub standard_error: f64,
    /// N, the samples of the set.
    pub samples: usize,
}

impl SampleMean {
    /// The mean of `values`, with s/√N, s² = Σ(x − mean)²/(N − 1).
    pub fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let values: Vec<f64> = values.into_iter().collect();
        let n = values.len() as f64;
        let value = values.iter().sum::<f64>() / n;
        Self {
            value,
            standard_error: scatter(values.iter().map(|x| x - value)) / n.sqrt(),
            samples: values.len(),
        }
    }

    /// Σ a / Σ b, nothing where Σ b = 0; by the delta method: the standard error is that of the mean of (a − b · ratio)/mean b.
    pub fn ratio(a: &[f64], b: &[f64]) -> Option<Self> {
        let n = a.len() as f64;
        let below = b.iter().sum::<f64>() / n;
        if below == 0.0 {
            return None;
        }
        let value = a.iter().sum::<f64>() / n / below;
        let errors = a.iter().zip(b).map(|(a, b)| (a - b * value) / below);
        Some(Self {
            value,
            standard_error: scatter(errors) / n.sqrt(),
            samples: a.len(),
        })
    }

    /// The interval that holds the law's own value with a confidence of 95 %, by Student's t with N − 1 degrees of freedom:
    /// 1.96 standard errors to each side for many samples, 3.18 for four, without end for one.
    pub fn interval(&self) -> (f64, f64) {
        let half = match self.samples {
            0 | 1 => f64::INFINITY,
            samples => reach(samples - 1) * self.standard_error,
        };
        (self.value - half, self.value + half)
    }
}

/// √(Σ x²/(N − 1)) of errors x with mean 0.
fn scatter(errors: impl Iterator<Item = f64>) -> f64 {
    let (mut squares, mut count) = (0.0, 0);
    for error in errors {
        squares += error * error;
        count += 1;
    }
    match count {
        0 | 1 => f64::INFINITY,
        _ => (squares / f64::from(count - 1)).sqrt(),
    }
}
