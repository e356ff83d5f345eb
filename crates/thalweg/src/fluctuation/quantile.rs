//! Quantiles of samples, with intervals that assume no law.

/// Chance that a quantile lies beyond one end of its interval, at most.
const TAIL: f64 = 0.025;

/// A quantile of independent samples, as an estimate of that of their law.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Quantile {
    /// The smallest sample that at least this share of the samples does not exceed.
    pub value: f64,
    /// Two of the samples, between which the law's quantile lies with a confidence of at least 95 %, whatever the
    /// law: infinite where the samples are too few to bound it.
    pub interval: (f64, f64),
}

impl Quantile {
    /// Of `samples` in ascending order, at least one, for a `share` between 0 and 1.
    pub(super) fn of(samples: &[f64], share: f64) -> Self {
        let n = samples.len();
        let at = |rank: usize| samples[rank.clamp(1, n) - 1];
        let (low, high) = ranks(n, share);
        Self {
            value: at((n as f64 * share).ceil() as usize),
            interval: (
                if low > 0 { at(low) } else { f64::NEG_INFINITY },
                if high <= n { at(high) } else { f64::INFINITY },
            ),
        }
    }
}

/// The ranks, from 1, of the interval's ends; 0 or n + 1 where there is none. How many of n samples do not exceed the
/// quantile is binomial.
fn ranks(n: usize, share: f64) -> (usize, usize) {
    let odds = (share / (1.0 - share)).ln();
    let (mut low, mut high) = (0, n + 1);
    // ln P(K = k) and P(K < k).
    let mut log = n as f64 * (1.0 - share).ln();
    let mut below = 0.0;
    for k in 0..n {
        if below <= TAIL {
            low = k;
        }
        below += log.exp();
        if high > n && 1.0 - below <= TAIL {
            high = k + 1;
        }
        log += ((n - k) as f64 / (k + 1) as f64).ln() + odds;
    }
    (low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against tables of the sign test: n = 100 has 40 and 61, n = 20 has 6 and 15; five samples do not bound a median.
    #[test]
    fn ranks_are_those_of_the_sign_test() {
        assert_eq!(ranks(100, 0.5), (40, 61));
        assert_eq!(ranks(20, 0.5), (6, 15));
        assert_eq!(ranks(6, 0.5), (1, 6));
        assert_eq!(ranks(5, 0.5), (0, 6));
        // 0.95⁶⁴ = 0.0375 is too much, 0.95⁷² = 0.0249 is not; and far beyond where 0.05ⁿ is 0 in f64.
        assert_eq!(ranks(64, 0.05).0, 0);
        assert_eq!(ranks(72, 0.05).0, 1);
        let (low, high) = ranks(10_000, 0.95);
        assert!(
            (9455..9460).contains(&low) && (9540..9546).contains(&high),
            "{low} {high}"
        );
    }

    #[test]
    fn a_quantile_is_one_of_the_samples() {
        let samples: Vec<f64> = (1..=100).map(f64::from).collect();
        let median = Quantile::of(&samples, 0.5);
        assert_eq!((median.value, median.interval), (50.0, (40.0, 61.0)));
        // A third of the samples does not exceed 1, and two thirds do not exceed 2.
        assert_eq!(Quantile::of(&[1.0, 2.0, 3.0], 0.5).value, 2.0);
        let single = Quantile::of(&[3.0], 0.05);
        assert_eq!(single.value, 3.0);
        assert_eq!(single.interval, (f64::NEG_INFINITY, f64::INFINITY));
    }
}
