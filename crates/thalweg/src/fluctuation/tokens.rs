//! What frequent and rare tokens of a text add to fluctuation and sharpness, with intervals.
//!
//! A sample is a sequence, ℓ = w Σ_p ℓ_p over its P positions (w = 1/P where they are averaged), so its gradient mixes P tokens. Here
//! each **token** counts by itself: its gradient g_p = J_pᵀ(p − y) of ℓ_p, with p the network's probabilities and y the label, and
//! its own Gauss–Newton trace tr J_pᵀ(diag p − p pᵀ)J_p. The latter is E_ŷ‖J_pᵀ(p − ŷ)‖² over labels ŷ that follow p: **the
//! fluctuation that the network expects**. So both are divided by the label, the one that stands there or the one that was drawn, and
//! where labels follow p they are the same, token by token. Averages over tokens are tr G of the loss for the one, and for the other
//! F/w if gradients at different positions are uncorrelated.
//!
//! Standard errors are by the jackknife over groups of sequences, so tokens of a sequence may depend on one another.

use faer::{Mat, MatRef};

use super::moments::moments;
use super::token_sums::{Jackknife, Sums, fold_count, group as group_of, groups};
use super::{LayerMoments, Moments, Residuals, SampleMean};
use crate::Stop;
use crate::evaluation::{Evaluation, EvaluationError, SampleCurvature, SampledLoss};
use crate::random::{Purpose, Stream};

/// Tokens whose ranks in frequency have the same number of binary digits: 1, 2–3, 4–7, 8–15, …
#[derive(Clone, Debug, PartialEq)]
pub struct TokenGroup {
    /// Of the first and the last of them, from 1.
    pub ranks: [usize; 2],
    /// Their share of the labels.
    pub labels: SampleMean,
    /// Their mean loss ℓ_p, in nats.
    pub loss: SampleMean,
    /// Their share of E‖g_p‖².
    pub fluctuation: SampleMean,
    /// Their share of tr G.
    pub sharpness: SampleMean,
    /// ‖g_p‖², its mean over these tokens relative to that over all.
    pub size: SampleMean,
    /// Their part of E‖g_p‖² over their part of tr G: 1 where they come as often, and where, as the network expects.
    pub ratio: SampleMean,
}

/// Fluctuation and sharpness token by token, at one point.
#[derive(Clone, Debug, PartialEq)]
pub struct Tokens {
    /// By frequency; groups that no label is of are left out.
    pub groups: Vec<TokenGroup>,
    /// E‖g_p‖² of a token, in loss²/weight².
    pub fluctuation: SampleMean,
    /// tr G, of the same loss.
    pub sharpness: SampleMean,
    /// The one over the other: 1 where labels follow the network's probabilities.
    pub ratio: SampleMean,
    /// ‖g_p‖² on average over the rarest group of tokens, relative to the most frequent group's: how lopsided their difficulty is.
    pub lopsidedness: SampleMean,
    /// The residuals p − y of single tokens, over all positions, against Λ = E[diag p − p pᵀ].
    pub residuals: Residuals,
    /// ln κ of the residuals' second moment.
    pub log_condition: SampleMean,
    /// ln κ of its mismatch with Λ.
    pub log_mismatch_condition: SampleMean,
}

/// The fluctuation of a language model, and what its tokens add to it.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenFluctuation {
    /// L = E ℓ, the mean loss of a sample.
    pub loss: SampleMean,
    /// Of samples, in all parameters; tr G from the drawn labels.
    pub total: Moments,
    /// Layer by layer.
    pub layers: Vec<LayerMoments>,
    /// tr G of the set, with the standard error that the draws leave.
    pub gauss_newton_trace: SampleMean,
    /// Labels drawn at each position.
    pub draws: usize,
    /// Token by token.
    pub tokens: Tokens,
}

/// Measures it at θ for tokens that are **numbered by frequency**, the most frequent first. Each position takes a backward pass for its own label
/// and one for each of `draws` labels, at least 2, that `seed` draws from the network's probabilities; all but tr G is exact for the set.
///
/// # Errors
/// Those of `loss`; when it is no cross-entropy, `draws` is below 2 or there are fewer than 2 sequences.
pub fn measure_tokens(
    loss: &mut Evaluation,
    parameters: &[f64],
    draws: usize,
    seed: u64,
) -> Result<TokenFluctuation, EvaluationError> {
    let Some((kinds, positions)) = loss.classes() else {
        return Err(wrong("losses with probabilities", 0, "a cross-entropy"));
    };
    for (what, found) in [("draws of labels", draws), ("samples", loss.samples())] {
        if found < 2 {
            return Err(wrong(what, found, "at least 2"));
        }
    }
    let share = loss.loss_function().share(positions);
    let set = Set::new(loss, parameters, kinds, positions)?;
    let blocks = loss.tape().parameters().len();
    // ‖g_p‖² in units of a token's loss, positions × N, and by parameter block.
    let squares = |loss: &mut Evaluation, targets: MatRef<'_, f64>| {
        let found = loss.position_squared_norms(parameters, targets)?;
        Ok::<_, EvaluationError>(faer::Scale(1.0 / (share * share)) * found)
    };
    let own = squares(loss, set.targets.as_ref())?;
    let mut folds = set.folds();
    set.add(&mut folds, &set.targets, &own, 1.0, |sums| &mut sums.own);
    let mut curvature = Mat::<f64>::zeros(blocks, set.samples);
    let mut traces = Vec::new();
    let mut stream = Stream::new(seed, Purpose::Redraws);
    for _ in 0..draws {
        let labels = set.drawn(&mut stream);
        let drawn = squares(loss, labels.as_ref())?;
        let weight = 1.0 / draws as f64;
        set.add(&mut folds, &labels, &drawn, weight, |sums| &mut sums.drawn);
        traces.push(drawn.sum() / (positions * set.samples) as f64);
        for sample in 0..set.samples {
            for block in 0..blocks {
                let rows = drawn.col(sample).subrows(block * positions, positions);
                curvature[(block, sample)] += share * weight * rows.sum();
            }
        }
    }
    let curvature = SampleCurvature {
        parameters: curvature,
        outputs: Mat::zeros(0, set.samples),
    };
    for group in 0..groups(kinds) {
        let masked = set.masked(group);
        let losses = loss.losses_under(parameters, masked.as_ref())?;
        for (sample, loss) in losses.into_iter().enumerate() {
            let fold = sample % folds.len();
            folds[fold].loss[group] += loss / share;
        }
    }
    let mean = SampleMean::of(loss.sample_losses(parameters)?);
    let (total, layers) = moments(loss, parameters, &curvature)?;
    // tr G = w Σ_p T_p on average over samples, and w P is 1 or P.
    let scale = share * positions as f64;
    Ok(TokenFluctuation {
        loss: mean,
        total,
        layers,
        gauss_newton_trace: SampleMean::of(traces.into_iter().map(|trace| scale * trace)),
        draws,
        tokens: tokens(&folds, kinds, scale)?,
    })
}

fn wrong(what: &'static str, found: usize, expected: &str) -> EvaluationError {
    EvaluationError::Count {
        what,
        found,
        expected: expected.to_owned(),
    }
}

/// Labels and probabilities of all tokens of a set.
struct Set {
    kinds: usize,
    positions: usize,
    samples: usize,
    /// Lines × N.
    targets: Mat<f64>,
    /// Of the same shape.
    probabilities: Mat<f64>,
}

impl Set {
    fn new(
        loss: &mut Evaluation,
        parameters: &[f64],
        kinds: usize,
        positions: usize,
    ) -> Result<Self, EvaluationError> {
        let share = loss.loss_function().share(positions);
        let residuals = loss.residuals(parameters)?;
        let targets = loss.targets().to_owned();
        let samples = targets.ncols();
        // r = w (s p − y) with s = Σ y.
        let probabilities = Mat::from_fn(kinds * positions, samples, |line, sample| {
            let own = (0..kinds).map(|kind| kind * positions + line % positions);
            let sum: f64 = own.map(|line| targets[(line, sample)]).sum();
            (residuals[(line, sample)] / share + targets[(line, sample)]) / sum
        });
        Ok(Self {
            kinds,
            positions,
            samples,
            targets,
            probabilities,
        })
    }

    fn line(&self, kind: usize, position: usize) -> usize {
        kind * self.positions + position
    }

    /// The most probable token of `targets` at a position.
    fn label(&self, targets: &Mat<f64>, sample: usize, position: usize) -> usize {
        let entry = |&kind: &usize| targets[(self.line(kind, position), sample)];
        let kinds = 0..self.kinds;
        kinds
            .max_by(|a, b| entry(a).total_cmp(&entry(b)))
            .unwrap_or(0)
    }

    /// A label for each token, by its probabilities.
    fn drawn(&self, stream: &mut Stream) -> Mat<f64> {
        let mut labels = Mat::zeros(self.kinds * self.positions, self.samples);
        for sample in 0..self.samples {
            for position in 0..self.positions {
                let mut left = stream.uniform();
                let chosen = (0..self.kinds).find(|&kind| {
                    left -= self.probabilities[(self.line(kind, position), sample)];
                    left < 0.0
                });
                let line = self.line(chosen.unwrap_or(self.kinds - 1), position);
                labels[(line, sample)] = 1.0;
            }
        }
        labels
    }

    /// The labels that are of `group` alone.
    fn masked(&self, group: usize) -> Mat<f64> {
        let mut masked = self.targets.clone();
        for sample in 0..self.samples {
            for position in 0..self.positions {
                if group_of(self.label(&self.targets, sample, position)) != group {
                    for kind in 0..self.kinds {
                        masked[(self.line(kind, position), sample)] = 0.0;
                    }
                }
            }
        }
        masked
    }

    /// Labels, second moments and curvature, in folds of sequences.
    fn folds(&self) -> Vec<Sums> {
        let count = fold_count(self.samples);
        let own = |fold| (fold..self.samples).step_by(count);
        let sums = |fold| {
            let tokens = own(fold).count() * self.positions;
            let column = |j: usize| (fold + j / self.positions * count, j % self.positions);
            let table = |matrix: &Mat<f64>| {
                Mat::from_fn(self.kinds, tokens, |kind, j| {
                    let (sample, position) = column(j);
                    matrix[(self.line(kind, position), sample)]
                })
            };
            let (labels, p) = (table(&self.targets), table(&self.probabilities));
            let r = &p - &labels;
            let products = &p * p.transpose();
            let mut sums = Sums::zero(self.kinds);
            for sample in own(fold) {
                for position in 0..self.positions {
                    let label = self.label(&self.targets, sample, position);
                    sums.labels[group_of(label)] += 1.0;
                }
            }
            sums.mean = r.row_iter().map(|row| row.sum()).collect();
            sums.second = &r * r.transpose();
            sums.lambda = Mat::from_fn(self.kinds, self.kinds, |i, j| {
                let diagonal = if i == j { p.row(i).sum() } else { 0.0 };
                diagonal - products[(i, j)]
            });
            sums
        };
        (0..count).map(sums).collect()
    }

    /// Adds what each token's `squares` (blocks · positions × N) are to the sum of the group of its label.
    fn add(
        &self,
        folds: &mut [Sums],
        labels: &Mat<f64>,
        squares: &Mat<f64>,
        weight: f64,
        to: impl Fn(&mut Sums) -> &mut Vec<f64>,
    ) {
        let count = folds.len();
        for sample in 0..self.samples {
            for position in 0..self.positions {
                let blocks = (position..squares.nrows()).step_by(self.positions);
                let square: f64 = blocks.map(|row| squares[(row, sample)]).sum();
                let group = group_of(self.label(labels, sample, position));
                to(&mut folds[sample % count])[group] += weight * square;
            }
        }
    }
}

/// `scale` makes tr G of the mean over tokens.
fn tokens(folds: &[Sums], kinds: usize, scale: f64) -> Result<Tokens, EvaluationError> {
    let jackknife = Jackknife::new(folds, kinds);
    let total = |values: &[f64]| values.iter().sum::<f64>();
    let present: Vec<usize> = (0..groups(kinds))
        .filter(|&group| jackknife.all.labels[group] > 0.0)
        .collect();
    let size = |sums: &Sums, group: usize| sums.own[group] / sums.labels[group];
    let one = |&group: &usize| TokenGroup {
        ranks: [1 << group, kinds.min((2 << group) - 1)],
        labels: jackknife.of(|sums| sums.labels[group] / sums.count()),
        loss: jackknife.of(|sums| sums.loss[group] / sums.labels[group]),
        fluctuation: jackknife.of(|sums| sums.own[group] / total(&sums.own)),
        sharpness: jackknife.of(|sums| sums.drawn[group] / total(&sums.drawn)),
        size: jackknife.of(|sums| size(sums, group) * sums.count() / total(&sums.own)),
        ratio: jackknife.of(|sums| sums.own[group] / sums.drawn[group]),
    };
    let residuals = jackknife.all.residuals(kinds)?;
    let stop = Stop::here();
    let without: Vec<Residuals> = jackknife
        .without
        .iter()
        .map(|sums| {
            stop.asked()?;
            sums.residuals(kinds)
        })
        .collect::<Result<_, _>>()?;
    let condition = |condition: fn(&Residuals) -> f64| {
        let values: Vec<f64> = without.iter().map(|found| condition(found).ln()).collect();
        jackknife.with(condition(&residuals).ln(), &values)
    };
    let [most, least] = [present[0], present[present.len() - 1]];
    Ok(Tokens {
        groups: present.iter().map(one).collect(),
        fluctuation: jackknife.of(|sums| total(&sums.own) / sums.count()),
        sharpness: jackknife.of(|sums| scale * total(&sums.drawn) / sums.count()),
        ratio: jackknife.of(|sums| total(&sums.own) / total(&sums.drawn)),
        lopsidedness: jackknife.of(|sums| size(sums, least) / size(sums, most)),
        log_condition: condition(Residuals::condition),
        log_mismatch_condition: condition(Residuals::mismatch_condition),
        residuals,
    })
}
