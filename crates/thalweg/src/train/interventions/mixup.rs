//! Mixup: samples mixed with others of their batch, labels and all.

use crate::lanes::vectorise;
use crate::optimizer::{OptimizerError, require};
use crate::random::{Bulk, NoiseLaw, Purpose, shuffle};
use crate::tensor::{LinesMut, Number, Real};
use crate::train::Drawn;

/// x_b ← λ_b x_b + (1 − λ_b) x_π(b), and y_b likewise, with a random permutation π of the batch and a λ_b of its own for each
/// sample, from the law Beta(α, α) (Zhang, Cissé, Dauphin, Lopez-Paz, ICLR 2018, who draw one λ for a batch).
///
/// With cross-entropy the loss of a mixed label is the mixture of both labels' losses; with squared error it is that less a
/// number that does not depend on the network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mixup(
    /// α > 0: small for samples that are hardly mixed.
    pub f64,
);

impl Mixup {
    pub(super) fn validate(&self) -> Result<(), OptimizerError> {
        require(
            self.0.is_finite() && self.0 > 0.0,
            "mixup",
            self.0,
            "above 0, such as 0.2 (leave it out for none)",
        )
    }

    pub(super) fn apply<T: Real>(&self, seed: u64, step: u64, drawn: &mut Drawn<'_, T>) {
        let mut partners = Vec::new();
        shuffle(
            &mut partners,
            seed,
            Purpose::MixupPartners,
            step,
            drawn.inputs.batch(),
        );
        Self::mix(
            &partners,
            &self.weights(seed, step, drawn.inputs.batch()),
            drawn,
        );
    }

    /// λ of each of `samples` samples of the run of `seed` at `step`.
    fn weights(&self, seed: u64, step: u64, samples: usize) -> Vec<f64> {
        let mut random = Bulk::new(seed, Purpose::Mixup, step);
        let mut gamma = || log_gamma_variate(self.0, &mut random);
        (0..samples)
            .map(|_| {
                // λ = g₁/(g₁ + g₂).
                let difference = gamma() - gamma();
                1.0 / (1.0 + Number::exp(-difference))
            })
            .collect()
    }

    /// Mixes sample b with `partners[b]`, of which it keeps `weights[b]`.
    ///
    /// # Panics
    /// When a partner is none of the batch's samples, or there are not as many as samples: a programmer's error.
    pub fn mix<T: Real>(partners: &[u32], weights: &[f64], drawn: &mut Drawn<'_, T>) {
        let mix = |lines: &mut LinesMut<'_, T>| {
            let mut own = Vec::new();
            for line in 0..lines.count() {
                let line = lines.line(line);
                own.clear();
                own.extend_from_slice(line);
                vectorise(
                    #[inline(always)]
                    || {
                        for (b, x) in line.iter_mut().enumerate() {
                            let (keep, partner) =
                                (T::from_f64(weights[b]), own[partners[b] as usize]);
                            *x = keep.mul_add(own[b] - partner, partner);
                        }
                    },
                );
            }
        };
        mix(&mut drawn.inputs);
        mix(&mut drawn.targets);
    }
}

/// ln of a Gamma(α, 1) variate, by Marsaglia and Tsang, *A simple method for generating gamma variables* (2000); for α < 1
/// through g_α = g_{α+1} U^{1/α}, whose logarithm does not underflow.
fn log_gamma_variate(alpha: f64, random: &mut Bulk) -> f64 {
    let boosted = alpha < 1.0;
    let d = if boosted { alpha + 1.0 } else { alpha } - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    let mut normals = [0.0; Bulk::room(1)];
    loop {
        random.variates(NoiseLaw::Gaussian, &mut normals);
        let mut words = [0; 4];
        random.words(&mut words);
        let x = normals[0];
        let v = (1.0 + c * x).powi(3);
        let u = uniform(words[0]);
        if v > 0.0 && ln(u) < 0.5 * x * x + d * (1.0 - v + ln(v)) {
            let log = ln(d) + ln(v);
            return if boosted {
                log + ln(uniform(words[1])) / alpha
            } else {
                log
            };
        }
    }
}

/// In (0, 1).
fn uniform(word: u32) -> f64 {
    (f64::from(word) + 0.5) / 2f64.powi(32)
}

/// The program's own, with the same bits everywhere.
fn ln(x: f64) -> f64 {
    Number::ln(x)
}

#[cfg(test)]
mod tests {
    use statrs::distribution::{Beta, ContinuousCDF};

    use super::*;
    use crate::random::tests::kolmogorov_smirnov;

    /// A right law fails one of the four with a chance of 4e-4.
    #[test]
    fn weights_have_the_law_of_beta() {
        for (seed, alpha) in [(2, 0.2), (3, 1.0), (4, 2.5), (5, 30.0)] {
            let mut sample = Mixup(alpha).weights(seed, 7, 20_000);
            let law = Beta::new(alpha, alpha).unwrap();
            let p = kolmogorov_smirnov(&mut sample, |x| law.cdf(x));
            assert!(p > 1e-4, "{alpha}: {p}");
        }
    }
}
