//! Whether one quantity moves with another from strength to strength, trial by trial.

use crate::statistics::{Measured, PerTrial, kendall};

/// Two quantities at the same strengths, in the same trials.
pub struct Trend<'a> {
    /// What is followed, at each strength.
    pub of: &'a [PerTrial],
    /// What should follow it.
    pub follower: &'a [PerTrial],
}

impl Trend<'_> {
    /// b of the line ln(follower) = a + b ln(of) through the strengths, with an a for each trial: Σ cov/Σ var over the trials, and the
    /// jackknife's error. The follower goes as the b-th power.
    ///
    /// # Errors
    /// In words, when fewer than two trials have all the values.
    pub fn elasticity(&self) -> Result<Measured, String> {
        let (of, follower) = (centred(self.of), centred(self.follower));
        let product = |a: &[PerTrial], b: &[PerTrial]| {
            let products: Vec<_> = a
                .iter()
                .zip(b)
                .map(|(a, b)| a.with(b, |a, b| a * b))
                .collect();
            sum(&products)
        };
        product(&of, &follower).ratio_of_means(&product(&of, &of))
    }

    /// Kendall's τ between the two over the strengths, averaged over trials; nothing where no trial has all the values.
    pub fn order(&self) -> Option<f64> {
        let trials = self.of.first().map_or(0, |first| first.0.len());
        let of_trial = |trial: usize| {
            let value = |at: &PerTrial| at.0[trial].ok();
            let pairs = self.of.iter().zip(self.follower);
            let pairs: Option<Vec<_>> = pairs.map(|(a, b)| Some((value(a)?, value(b)?))).collect();
            kendall(&[pairs?])
        };
        let taus: Vec<f64> = (0..trials).filter_map(of_trial).collect();
        (!taus.is_empty()).then(|| taus.iter().sum::<f64>() / taus.len() as f64)
    }
}

fn sum(values: &[PerTrial]) -> PerTrial {
    let Some((first, others)) = values.split_first() else {
        return PerTrial(Vec::new());
    };
    let add = |sum: PerTrial, next: &PerTrial| sum.with(next, |a, b| a + b);
    others.iter().fold(first.clone(), add)
}

/// Logarithms less their mean over the strengths, in each trial.
fn centred(values: &[PerTrial]) -> Vec<PerTrial> {
    let logarithms: Vec<_> = values.iter().map(|at| at.with(at, |x, _| x.ln())).collect();
    let total = sum(&logarithms);
    let count = values.len() as f64;
    let less = |at: &PerTrial| at.with(&total, |x, total| x - total / count);
    logarithms.iter().map(less).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(values: &[f64]) -> PerTrial {
        PerTrial(values.iter().map(|&x| Ok(x)).collect())
    }

    /// T = 3 κ² in one trial and 5 κ² in the other, whatever κ does in each.
    #[test]
    fn a_power_law_has_its_power() {
        let of = [at(&[1.0, 2.0]), at(&[3.0, 9.0]), at(&[7.0, 4.0])];
        let follower = [at(&[3.0, 20.0]), at(&[27.0, 405.0]), at(&[147.0, 80.0])];
        let trend = Trend {
            of: &of,
            follower: &follower,
        };
        let found = trend.elasticity().unwrap();
        assert!((found.value - 2.0).abs() < 1e-12 && found.trials == 2);
        assert_eq!(trend.order(), Some(1.0));
    }

    /// Logarithms by hand: κ is 1, e, e² in both trials; ln T is 0, 1, 2 in the first, slope 1, and 0, −2, −1 in the second, slope −½.
    #[test]
    fn trials_are_pooled() {
        let e = 1f64.exp();
        let of = [1.0, e, e * e].map(|x| at(&[x, x]));
        let follower = [at(&[1.0, 1.0]), at(&[e, e.powi(-2)]), at(&[e * e, 1.0 / e])];
        let trend = Trend {
            of: &of,
            follower: &follower,
        };
        let found = trend.elasticity().unwrap();
        assert!((found.value - 0.25).abs() < 1e-12, "{found:?}");
        // 1 in the first trial; one pair of three in order in the second.
        assert!((trend.order().unwrap() - (1.0 - 1.0 / 3.0) / 2.0).abs() < 1e-15);
    }

    #[test]
    fn a_trial_without_all_its_values_is_left_out() {
        let missing = crate::statistics::Missing {
            seed: 2,
            diverged_at: None,
        };
        let gap = PerTrial(vec![Ok(4.0), Err(missing)]);
        let of = [at(&[1.0, 1.0]), at(&[2.0, 2.0])];
        let follower = [at(&[1.0, 5.0]), gap];
        let trend = Trend {
            of: &of,
            follower: &follower,
        };
        assert!(trend.elasticity().is_err());
        assert_eq!(trend.order(), Some(1.0));
    }
}
