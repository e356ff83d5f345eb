//! The noise of a text's tokens, as the network of a finished training leaves it.

use faer::{Mat, MatRef};
use serde::Serialize;
use thalweg::evaluation::{Evaluation, SampledLoss};
use thalweg::optimizer::Optimizer;
use thalweg::random::{Purpose, Stream};

use super::trials::{Trial, isotropy_of_groups};
use super::{DiagnoseError, Settings};
use crate::memory;
use crate::network::{
    Made, MeanRecord, NetworkError, ResidualsRecord, Scatter, TokensRecord, since_saved, slow_time,
};
use crate::saved::SavedNetwork;
use crate::sources::NetworkSource;
use crate::spec::NetworkExperiment;

/// The most windows of the text that a network is judged on; fewer where the part that is not trained on has no more.
const SEQUENCES: usize = 256;

/// The loss that a token's numbers follow.
pub const TOKEN_LOSS: &str = "−ln p of the token that stands there, mean over tokens";

/// What the test of isotropy cannot tell apart.
pub const TOKEN_ISOTROPY: &str = "Tokens of unequal frequency make this noise unequal by themselves; whether labels follow the network is \
                                  what the mismatch says.";

/// What a language model leaves of single tokens that it was not trained on: r = p − y, with p its probabilities and y the token that
/// stands there.
///
/// ```
/// use thalweg_lab::diagnose::{Settings, TokenDiagnosis};
/// use thalweg_lab::saved::SavedNetwork;
/// use thalweg_lab::spec::{Draft, NetworkExperiment};
///
/// // A very small network at its start, which knows nothing of the 70 characters of the book.
/// let text = r#"
/// learning_rate = 0.1
/// batch = 4
/// steps = 10
/// seeds = 1
/// loss = "cross-entropy"
/// network = { kind = "language-model", width = 4, positions = 4, heads = 1, hidden = 4 }
/// data = { kind = "alice" }
/// "#;
/// let experiment = Draft::from_toml(text)?.experiment::<NetworkExperiment>()?;
/// let parameters = experiment.init.weights(&experiment.network.tape()?, 1);
/// let saved = SavedNetwork {
///     experiment,
///     seed: Some(1),
///     step: Some(0),
///     data: None,
///     parameters,
///     notes: Vec::new(),
/// };
/// let found = TokenDiagnosis::new(&saved, &Settings::default())?;
/// assert_eq!(found.names[..3], ["space", "e", "t"]);
/// assert!(found.loss.value > 70f64.ln() - 0.1);
/// let clock = found.clock_words(|x| x.to_string());
/// assert!(clock[0].starts_with("At η = 0.1 and B = 4, 0 steps are the slow time"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct TokenDiagnosis {
    /// The network in words.
    pub network: String,
    /// The text in words.
    pub data: String,
    /// The run's.
    pub seed: u64,
    /// Windows of the text that were looked at.
    pub sequences: usize,
    /// Tokens that are predicted in each.
    pub positions: usize,
    /// What the tokens are called, the most frequent first: the rows of the covariance.
    pub names: Vec<String>,
    /// How many of them never stand in these windows.
    pub absent: usize,
    /// Mean loss of a token in nats, with its interval.
    pub loss: MeanRecord,
    /// Cov r, the spectrum of E r rᵀ and its mismatch with the curvature Λ = E[diag p − p pᵀ] of the loss.
    pub residuals: ResidualsRecord,
    /// What frequent and rare tokens add, and the intervals of both condition numbers (by the jackknife over groups of windows).
    pub tokens: TokensRecord,
    /// Of the hypothesis that E r rᵀ ∝ I, with whole windows drawn.
    pub isotropy: Trial,
    /// How far the run has come by the theory's clock; nothing where its updates are no multiples of gradients.
    pub clock: Option<Clock>,
    /// What a reader must know, in sentences.
    pub notes: Vec<String>,
}

/// Slow time u = Σ η²/B, in which SGD moves along the minima; momentum β counts as the learning rate η/(1 − β).
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Clock {
    /// η of the run, before its schedule.
    pub learning_rate: f64,
    /// β of the run.
    pub momentum: f64,
    /// B of the run.
    pub batch: usize,
    /// Steps of the run.
    pub steps: u64,
    /// u after them.
    pub slow_time: f64,
    /// The same way at another η and B.
    pub asked: Option<AskedClock>,
}

/// At which η and B without momentum, and in how many steps, SGD moves as far as the run did.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct AskedClock {
    /// η.
    pub learning_rate: f64,
    /// B.
    pub batch: usize,
    /// u B/η².
    pub steps: f64,
}

impl TokenDiagnosis {
    /// What `saved`, the network of a training on a text, leaves; of `settings` the seed and the step are used.
    ///
    /// # Errors
    /// When its loss is no cross-entropy, or its data cannot be made again.
    pub fn new(saved: &SavedNetwork, settings: &Settings) -> Result<Self, DiagnoseError> {
        let experiment = &saved.experiment;
        let (NetworkSource::Text(text), true) =
            (&experiment.data.source, experiment.loss.is_cross_entropy())
        else {
            return Err(DiagnoseError::TextLoss);
        };
        let run = saved.seed.unwrap_or(0);
        let made = Made::of_run(experiment, run)?;
        let samples = match made.samples_of(SEQUENCES, run) {
            Err(NetworkError::EvaluationSet { limit, .. }) => made.samples_of(limit, run)?,
            samples => samples?,
        };
        let (sequences, kinds) = (samples.inputs.ncols(), experiment.network.outputs());
        let [_, positions] = experiment.network.positions();
        let threads = rayon::current_num_threads();
        let sums_of_sequences = (16 * sequences * kinds * kinds) as u64;
        memory::fits(
            Evaluation::memory(made.tape(), sequences, 0, threads) + sums_of_sequences,
            memory::multiplying(saved.parameters.len()),
            "a network of fewer tokens or positions needs less",
        )
        .map_err(NetworkError::from)?;
        let parameters = &saved.parameters;
        let absent = absent(samples.targets.as_ref(), kinds, positions);
        let mut evaluation = made.evaluation(samples)?;
        let scatter = Scatter::measure(experiment, &mut evaluation, parameters, settings.seed)?;
        let tokens = scatter.tokens.ok_or(DiagnoseError::TextLoss)?;
        let residuals = evaluation
            .residuals(parameters)
            .map_err(NetworkError::from)?;
        let mut stream = Stream::new(settings.seed, Purpose::Changes);
        let sums = second_moments(residuals.as_ref(), kinds, positions);
        Ok(Self {
            network: experiment.network_words(),
            data: experiment.data_words(),
            seed: run,
            sequences,
            positions,
            absent,
            names: text.alphabet(experiment.network.inputs())?.names(),
            loss: tokens.loss(&scatter.loss.into()),
            residuals: scatter.residuals,
            tokens,
            isotropy: isotropy_of_groups(&sums, kinds - 1, &mut stream)?,
            clock: Clock::new(experiment, saved.step, settings.step),
            notes: since_saved(&made, saved)
                .into_iter()
                .chain(notes(experiment))
                .collect(),
        })
    }

    /// What it was made from: "256 windows of 32 tokens".
    pub fn size(&self) -> String {
        format!("{} windows of {} tokens", self.sequences, self.positions)
    }

    /// How far the run has come by the theory's clock, in sentences, with numbers as `number` writes them; that there is none for AdamW.
    pub fn clock_words(&self, number: impl Fn(f64) -> String) -> Vec<String> {
        let Some(clock) = &self.clock else {
            let none =
                "AdamW’s updates are no multiples of gradients: the theory’s clock is not theirs.";
            return vec![none.to_owned()];
        };
        let momentum = if clock.momentum == 0.0 {
            String::new()
        } else {
            format!(
                " (momentum {}: as {} without)",
                number(clock.momentum),
                number(clock.learning_rate / (1.0 - clock.momentum))
            )
        };
        let own = format!(
            "At η = {}{momentum} and B = {}, {} steps are the slow time u = Σ η²/B = {}. How far SGD moves along the minima depends on u \
             alone.",
            number(clock.learning_rate),
            clock.batch,
            clock.steps,
            number(clock.slow_time)
        );
        let asked = clock.asked.map(|asked| {
            format!(
                "At η = {} and B = {} the same slow time takes {} steps.",
                number(asked.learning_rate),
                asked.batch,
                number(asked.steps)
            )
        });
        [own].into_iter().chain(asked).collect()
    }

    /// What tokens that never stand in the windows do to the condition numbers, where there are any.
    pub fn absent_words(&self) -> Option<String> {
        (self.absent > 0).then(|| {
            format!(
                "{} of the {} kinds of token never stand in these windows: their noise is the square of a small probability, and the smallest \
                 eigenvalues, and so the condition numbers, are theirs.",
                self.absent,
                self.names.len()
            )
        })
    }
}

impl Clock {
    /// That of a run that was saved at `step`, beside another η and B where they are `asked` for.
    fn new(
        experiment: &NetworkExperiment,
        step: Option<u64>,
        asked: Option<(f64, usize)>,
    ) -> Option<Self> {
        let Optimizer::Sgd(sgd) = &experiment.settings.optimizer.update else {
            return None;
        };
        let steps = step.unwrap_or(experiment.steps);
        let slow_time = slow_time(&experiment.settings, steps) / (1.0 - sgd.momentum).powi(2);
        Some(Self {
            learning_rate: sgd.learning_rate.base,
            momentum: sgd.momentum,
            batch: experiment.settings.batch,
            steps,
            slow_time,
            asked: asked.map(|(learning_rate, batch)| AskedClock {
                learning_rate,
                batch,
                steps: slow_time * batch as f64 / learning_rate.powi(2),
            }),
        })
    }
}

/// Σ r rᵀ over the tokens of each sequence, in units that do not matter; line (kind · positions + position) of `residuals` and a column for
/// each sequence.
fn second_moments(residuals: MatRef<'_, f64>, kinds: usize, positions: usize) -> Vec<Mat<f64>> {
    let of = |sequence: usize| {
        let own = Mat::from_fn(kinds, positions, |kind, position| {
            residuals[(kind * positions + position, sequence)]
        });
        &own * own.transpose()
    };
    (0..residuals.ncols()).map(of).collect()
}

/// How many kinds of token are the label of no place; line (kind · positions + position) of `targets` and a column for each sequence.
fn absent(targets: MatRef<'_, f64>, kinds: usize, positions: usize) -> usize {
    let stands = |kind: &usize| {
        let own = targets.subrows(kind * positions, positions);
        own.col_iter().any(|column| column.iter().any(|&y| y > 0.0))
    };
    (0..kinds).filter(|kind| !stands(kind)).count()
}

/// What has no meaning here, and which loss this is.
fn notes(experiment: &NetworkExperiment) -> Vec<String> {
    let mut notes = vec![
        "That the noise does not depend on the inputs is not tested, since it must depend on them: what a token leaves follows from the \
         network’s probabilities, which differ from place to place. The covariance is the mean over places."
            .to_owned(),
        "Where SGD would end is not known: the closed forms for T, T_min and λ_max, for interventions and for SGD on the rows are those of \
         linear networks with squared error. `thalweg measure` gives this network’s own T, λ_max and F."
            .to_owned(),
    ];
    if let (true, Some(words)) = (
        experiment.changes_the_loss(),
        experiment.intervention_words(),
    ) {
        notes.push(format!(
            "It was trained with {words}; this is the noise of the plain loss."
        ));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::Draft;

    fn experiment(more: &str) -> NetworkExperiment {
        let text = format!("{}\n{more}", include_str!("../../examples/text.toml"));
        Draft::from_toml(&text).unwrap().experiment().unwrap()
    }

    /// Two sequences of two places with three kinds of token, by hand.
    #[test]
    fn residuals_are_summed_sequence_by_sequence() {
        // Rows: kind 0 at places 0 and 1, kind 1, kind 2.
        let residuals = Mat::from_fn(6, 2, |line, sequence| {
            [
                [1.0, 0.0, -1.0, 2.0, 0.0, -2.0],
                [0.5, 0.0, 0.0, 0.0, -0.5, 0.0],
            ][sequence][line]
        });
        let found = second_moments(residuals.as_ref(), 3, 2);
        // r = (1, −1, 0) and (0, 2, −2); then (½, 0, −½) and 0.
        let expected = [
            [[1.0, -1.0, 0.0], [-1.0, 5.0, -4.0], [0.0, -4.0, 4.0]],
            [[0.25, 0.0, -0.25], [0.0, 0.0, 0.0], [-0.25, 0.0, 0.25]],
        ];
        for (found, expected) in found.iter().zip(expected) {
            let expected = Mat::from_fn(3, 3, |i, j| expected[i][j]);
            assert_eq!(*found, expected);
        }
        let labels = Mat::from_fn(6, 2, |line, sequence| {
            f64::from(u8::from([[0, 3], [1, 2]][sequence].contains(&line)))
        });
        assert_eq!(absent(labels.as_ref(), 3, 2), 1);
    }

    /// η = 0.5 after a warmup of 100 steps, (s + 1)/100 of it before, B = 32, and momentum 0.9 as ten times η.
    #[test]
    fn momentum_and_warmup_are_in_the_clock() {
        let experiment = experiment("");
        let clock = Clock::new(&experiment, None, Some((0.05, 16))).unwrap();
        let rising: f64 = (1..=100).map(|s| (f64::from(s) / 100.0).powi(2)).sum();
        let expected = 25.0 * (rising + 2900.0) / 32.0;
        assert!(
            (clock.slow_time / expected - 1.0).abs() < 1e-12,
            "{clock:?}"
        );
        let asked = clock.asked.unwrap();
        assert!((asked.steps / (expected * 16.0 / 0.0025) - 1.0).abs() < 1e-12);
        let early = Clock::new(&experiment, Some(10), None).unwrap();
        let rising: f64 = (1..=10).map(|s| (f64::from(s) / 100.0).powi(2)).sum();
        assert!((early.slow_time / (25.0 * rising / 32.0) - 1.0).abs() < 1e-12);
        assert_eq!((early.steps, early.asked), (10, None));
    }
}
