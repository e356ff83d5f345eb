//! What a text's tokens add to fluctuation and sharpness, as it is kept.

use serde::{Deserialize, Serialize};
use thalweg::fluctuation::{SampleMean, TokenFluctuation, TokenGroup};

use super::measurement::MeanRecord;

/// Fluctuation and sharpness of a text's tokens by their frequency. A token's gradient g is that of its own loss; intervals are the
/// jackknife's over groups of sequences.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TokensRecord {
    /// Labels drawn from the network's probabilities at each position, for the sharpness.
    pub draws: usize,
    /// E‖g‖² of a token, in loss²/weight².
    pub fluctuation: MeanRecord,
    /// tr G, from the drawn labels.
    pub sharpness: MeanRecord,
    /// E‖g‖² over what the network expects of it: 1 where labels follow its probabilities.
    pub ratio: MeanRecord,
    /// ‖g‖² on average over the rarest group, relative to the most frequent.
    pub lopsidedness: MeanRecord,
    /// The 95 % interval of the condition number of the residuals' second moment; nothing where it is not known.
    pub condition_interval: Option<(f64, f64)>,
    /// The same of its mismatch with the loss's curvature.
    pub mismatch_condition_interval: Option<(f64, f64)>,
    /// The most frequent tokens first.
    pub groups: Vec<TokenGroupRecord>,
}

/// Tokens of about the same rank in frequency.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TokenGroupRecord {
    /// Which they are.
    pub tokens: Vec<String>,
    /// Ranks in frequency of the first and the last, from 1.
    pub ranks: [usize; 2],
    /// Their share of the text.
    pub labels: MeanRecord,
    /// Their mean loss, in nats.
    pub loss: MeanRecord,
    /// Their share of E‖g‖².
    pub fluctuation: MeanRecord,
    /// Their share of tr G.
    pub sharpness: MeanRecord,
    /// ‖g‖², their mean relative to that of all tokens.
    pub size: MeanRecord,
    /// Their part of E‖g‖² over what the network expects of it.
    pub ratio: MeanRecord,
}

impl TokensRecord {
    /// Of what was measured; token k is called `names[k]`.
    pub(super) fn new(found: &TokenFluctuation, names: &[String]) -> Self {
        let tokens = &found.tokens;
        let groups = tokens.groups.iter();
        Self {
            draws: found.draws,
            fluctuation: tokens.fluctuation.into(),
            sharpness: tokens.sharpness.into(),
            ratio: tokens.ratio.into(),
            lopsidedness: tokens.lopsidedness.into(),
            condition_interval: of_logarithm(tokens.log_condition),
            mismatch_condition_interval: of_logarithm(tokens.log_mismatch_condition),
            groups: groups
                .map(|group| TokenGroupRecord::new(group, names))
                .collect(),
        }
    }

    /// The mean loss of a token, in nats, from that of a sample, whose loss may be the sum over its positions.
    pub fn loss(&self, of_a_sample: &MeanRecord) -> MeanRecord {
        let groups = self.groups.iter();
        let loss: f64 = groups
            .map(|group| group.labels.value * group.loss.value)
            .sum();
        of_a_sample.times(loss / of_a_sample.value)
    }
}

impl TokenGroupRecord {
    fn new(group: &TokenGroup, names: &[String]) -> Self {
        let [first, last] = group.ranks;
        Self {
            tokens: names[first - 1..last].to_vec(),
            ranks: group.ranks,
            labels: group.labels.into(),
            loss: group.loss.into(),
            fluctuation: group.fluctuation.into(),
            sharpness: group.sharpness.into(),
            size: group.size.into(),
            ratio: group.ratio.into(),
        }
    }
}

/// The interval of a number from that of its logarithm.
fn of_logarithm(logarithm: SampleMean) -> Option<(f64, f64)> {
    let (from, to) = logarithm.interval();
    let found = (from.exp(), to.exp());
    (found.0.is_finite() && found.1.is_finite()).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three quarters of the tokens have the loss 1, and a quarter 3; samples are sums over four tokens.
    #[test]
    fn a_tokens_loss_is_that_of_all_groups() {
        let mean = |value: f64| MeanRecord {
            value,
            standard_error: Some(0.1 * value),
            interval: Some((0.8 * value, 1.2 * value)),
        };
        let group = |labels: f64, loss: f64| TokenGroupRecord {
            tokens: Vec::new(),
            ranks: [1, 1],
            labels: mean(labels),
            loss: mean(loss),
            fluctuation: mean(1.0),
            sharpness: mean(1.0),
            size: mean(1.0),
            ratio: mean(1.0),
        };
        let tokens = TokensRecord {
            draws: 4,
            fluctuation: mean(1.0),
            sharpness: mean(1.0),
            ratio: mean(1.0),
            lopsidedness: mean(1.0),
            condition_interval: None,
            mismatch_condition_interval: None,
            groups: vec![group(0.75, 1.0), group(0.25, 3.0)],
        };
        let found = tokens.loss(&mean(6.0));
        assert_eq!(found.value, 1.5);
        assert!((found.standard_error.unwrap() - 0.15).abs() < 1e-12);
        let (from, to) = found.interval.unwrap();
        assert!((from - 1.2).abs() < 1e-12 && (to - 1.8).abs() < 1e-12);
    }
}
