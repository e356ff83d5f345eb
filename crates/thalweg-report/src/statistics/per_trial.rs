//! One value for each trial, and what they say together.

use super::measured::Measured;
use thalweg_lab::quantity::average;
use thalweg_lab::run::SeedMean;

/// A trial without a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missing {
    /// Which one.
    pub seed: u64,
    /// The step at which its weights grew without bound; otherwise the quantity is infinite or could not
    /// be computed.
    pub diverged_at: Option<u64>,
}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.diverged_at {
            Some(step) => write!(f, "seed {} diverged at step {step}", self.seed),
            None => write!(f, "seed {} has no finite value", self.seed),
        }
    }
}

/// One value for each trial, or why it has none.
#[derive(Clone, Debug, PartialEq)]
pub struct PerTrial(pub Vec<Result<f64, Missing>>);

impl PerTrial {
    /// The mean and its standard error over the trials that are left.
    ///
    /// # Errors
    /// The reason in words, when fewer than two are left: one alone has no standard error.
    pub fn mean(&self) -> Result<Measured, String> {
        self.combined(|values| {
            let estimate = SeedMean::of(values)?;
            Some((estimate.mean, estimate.standard_error?))
        })
    }

    /// exp of the mean logarithm, for ratios: the standard error is that of the logarithm times the value.
    ///
    /// # Errors
    /// As [`PerTrial::mean`], or when a value is not positive.
    pub fn geometric_mean(&self) -> Result<Measured, String> {
        let logarithms = self.combined(|values| {
            let logarithms: Vec<f64> = values.iter().map(|value| value.ln()).collect();
            let estimate = SeedMean::of(&logarithms)?;
            Some((estimate.mean, estimate.standard_error?))
        })?;
        let value = logarithms.value.exp();
        if !value.is_finite() || value == 0.0 {
            return Err("a ratio is not positive".to_owned());
        }
        Ok(Measured {
            value,
            error: logarithms.error.map(|error| value * error),
            ..logarithms
        })
    }

    /// mean(self)/mean(other) over the trials that have both, with the jackknife's standard error.
    ///
    /// # Errors
    /// As [`PerTrial::mean`].
    pub fn ratio_of_means(&self, other: &Self) -> Result<Measured, String> {
        let pairs: Vec<Result<(f64, f64), Missing>> = self
            .0
            .iter()
            .zip(&other.0)
            .map(|(a, b)| Ok(((*a)?, (*b)?)))
            .collect();
        let present: Vec<(f64, f64)> = pairs.iter().flatten().copied().collect();
        let n = present.len() as f64;
        let (above, below) = present
            .iter()
            .fold((0.0, 0.0), |(a, b), pair| (a + pair.0, b + pair.1));
        // Each trial left out once.
        let ratios: Vec<f64> = present
            .iter()
            .map(|pair| (above - pair.0) / (below - pair.1))
            .collect();
        let middle = average(&ratios).unwrap_or(f64::NAN);
        let spread: f64 = ratios.iter().map(|ratio| (ratio - middle).powi(2)).sum();
        let indices = pairs.iter().map(|pair| pair.map(|_| 0.0)).collect();
        PerTrial(indices).combined(|_| Some((above / below, ((n - 1.0) / n * spread).sqrt())))
    }

    /// The value and standard error that `combine` makes of the trials that are left.
    fn combined(&self, combine: impl Fn(&[f64]) -> Option<(f64, f64)>) -> Result<Measured, String> {
        let values: Vec<f64> = self.0.iter().flatten().copied().collect();
        let missing: Vec<String> = self.missing().map(Missing::to_string).collect();
        let missing = missing.join(", ");
        match combine(&values).filter(|_| values.len() > 1) {
            Some((value, error)) => Ok(Measured {
                value,
                error: Some(error),
                trials: values.len(),
                left_out: (!missing.is_empty()).then_some(missing),
            }),
            None => Err(format!(
                "{} of {} seeds are left: {missing}",
                values.len(),
                self.0.len()
            )),
        }
    }

    fn missing(&self) -> impl Iterator<Item = &Missing> {
        self.0.iter().filter_map(|value| value.as_ref().err())
    }

    /// Trial by trial, `combine(self, other)`.
    #[must_use]
    pub fn with(&self, other: &Self, combine: impl Fn(f64, f64) -> f64) -> Self {
        let pairs = self.0.iter().zip(&other.0);
        Self(pairs.map(|(a, b)| Ok(combine((*a)?, (*b)?))).collect())
    }

    /// Trial by trial, self/other.
    #[must_use]
    pub fn over(&self, other: &Self) -> Self {
        self.with(other, |a, b| a / b)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing(seed: u64, diverged_at: Option<u64>) -> Result<f64, Missing> {
        Err(Missing { seed, diverged_at })
    }

    fn of(values: &[f64]) -> PerTrial {
        PerTrial(values.iter().map(|&value| Ok(value)).collect())
    }

    #[test]
    fn one_seed_alone_is_not_measured_and_the_others_are_named() {
        let one = PerTrial(vec![
            Ok(3.0),
            missing(2, Some(7)),
            missing(3, None),
            missing(4, Some(90)),
        ]);
        assert_eq!(
            one.mean().unwrap_err(),
            "1 of 4 seeds are left: seed 2 diverged at step 7, seed 3 has no finite value, seed 4 diverged at step 90"
        );
    }

    #[test]
    fn pairs_leave_out_the_diverged_and_say_so() {
        let a = PerTrial(vec![Ok(3.0), missing(2, Some(4)), Ok(5.0)]);
        let b = of(&[1.0, 9.0, 1.0]);
        let over = a.with(&b, |a, b| a - b).mean().unwrap();
        assert_eq!((over.value, over.trials), (3.0, 2));
        assert_eq!(over.left_out.unwrap(), "seed 2 diverged at step 4");
        assert_eq!(b.mean().unwrap().left_out, None);
    }

    /// Ratios 2 and ½ are no difference, whichever noise stands above: their plain mean would be 1.25.
    #[test]
    fn ratios_are_averaged_as_logarithms() {
        let ratio = of(&[2.0, 0.5]).geometric_mean().unwrap();
        assert!((ratio.value - 1.0).abs() < 1e-15);
        // The logarithms ±ln 2 have the standard error ln 2.
        assert!((ratio.error.unwrap() - 2f64.ln()).abs() < 1e-15);
        // ln 4 ± ln 2, and so 4 times 1 ± ln 2.
        let wide = of(&[8.0, 2.0]).geometric_mean().unwrap();
        assert!((wide.value - 4.0).abs() < 1e-14);
        assert!((wide.error.unwrap() - 4.0 * 2f64.ln()).abs() < 1e-14);
        let up = of(&[6.0, 8.0])
            .over(&of(&[2.0, 2.0]))
            .geometric_mean()
            .unwrap();
        let down = of(&[2.0, 2.0])
            .over(&of(&[6.0, 8.0]))
            .geometric_mean()
            .unwrap();
        assert!((up.value - 12f64.sqrt()).abs() < 1e-12);
        assert!((up.value * down.value - 1.0).abs() < 1e-12);
        for wrong in [&[1.0, -1.0], &[1.0, 0.0]] {
            assert!(of(wrong).geometric_mean().is_err());
        }
    }

    /// For a constant denominator the jackknife's error of a ratio of means is the mean's own over it.
    #[test]
    fn a_ratio_of_means_has_the_jackknifes_error() {
        let (above, below) = (of(&[1.0, 2.0, 3.0, 4.0]), of(&[5.0; 4]));
        let ratio = above.ratio_of_means(&below).unwrap();
        assert!((ratio.value - 0.5).abs() < 1e-15);
        assert!((ratio.error.unwrap() - (5.0f64 / 12.0).sqrt() / 5.0).abs() < 1e-15);
        let same = above.ratio_of_means(&above).unwrap();
        assert_eq!((same.value, same.error, same.trials), (1.0, Some(0.0), 4));
        let gap = PerTrial(vec![Ok(1.0), missing(8, Some(2)), Ok(3.0)]);
        let ratio = gap.ratio_of_means(&of(&[1.0, 7.0, 1.0])).unwrap();
        assert_eq!((ratio.value, ratio.trials), (2.0, 2));
        assert!(ratio.left_out.unwrap().contains("seed 8"));
    }
}
