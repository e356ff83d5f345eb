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
