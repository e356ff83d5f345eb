//! Windows of a long row of tokens, in which each token is to be predicted from those before it.

use std::sync::Arc;

use super::DataError;
use super::labelled::below;
use super::law::{Batch, Draw, SampleLaw, SampleShape};
use super::noise::{LabelNoise, Noise, Scratch};
use crate::random::{Bulk, shuffle};
use crate::tensor::{LinesMut, Real};

/// Places are counted in 32 bits.
const MOST: usize = u32::MAX as usize;

/// A text as tokens 0 … K − 1. **A sample is a window**: of tokens t_0 … t_P that follow one another, the inputs are t_0 … t_{P−1}
/// and the targets t_1 … t_P, as 0 and 1 in K rows at P positions. So the gradient that fluctuates from sample to sample is that of
/// P tokens together, which are not independent.
///
/// Trained on are windows that begin anywhere, each place as likely as another. Evaluated on are windows that begin where the one before
/// ends, each once: every token but the first and a rest is predicted once.
///
/// ```
/// use thalweg::data::{LabelNoise, Source, TokenWindows};
///
/// let tokens = vec![0, 1, 2, 0, 1, 2, 0];
/// let windows = TokenWindows::new(tokens, 3, 2, LabelNoise::none(3))?;
/// let set = Source::from(windows).evaluation(0, 3);
/// // Token k at position p is line 2 k + p; after 0 comes 1, after 1 comes 2.
/// for sample in 0..3 {
///     for (line, next) in [(0, 2), (2, 4), (4, 0), (1, 3), (3, 5), (5, 1)] {
///         assert_eq!(set.inputs[(line, sample)], set.targets[(next, sample)]);
///     }
/// }
/// # Ok::<(), thalweg::data::DataError>(())
/// ```
#[derive(Clone, Debug)]
pub struct TokenWindows {
    tokens: Vec<u32>,
    kinds: usize,
    positions: usize,
    noise: Noise,
}

impl TokenWindows {
    /// Windows of P = `positions` tokens, and the one after, of a row of tokens of `kinds` kinds. Σε has a row for each kind.
    ///
    /// # Errors
    /// When a token is not one of `kinds`, there are too few for one window or more than 2³² − 1, `positions` is 0, or the noise does not
    /// fit.
    pub fn new(
        tokens: Vec<usize>,
        kinds: usize,
        positions: usize,
        noise: LabelNoise,
    ) -> Result<Self, DataError> {
        if positions == 0 || tokens.len() <= positions {
            return Err(DataError::Window {
                tokens: tokens.len(),
                positions,
            });
        }
        if tokens.len() > MOST {
            return Err(DataError::TooMany {
                found: tokens.len(),
                limit: MOST,
            });
        }
        if let Some(place) = tokens.iter().position(|&token| token >= kinds) {
            return Err(DataError::Label {
                sample: place + 1,
                found: tokens[place],
                classes: kinds,
            });
        }
        Ok(Self {
            tokens: tokens.into_iter().map(|token| token as u32).collect(),
            kinds,
            positions,
            noise: Noise::new(noise, kinds, "kinds of token")?,
        })
    }

    /// The token at `place`, as the line that is 1 at `position`.
    fn line(&self, place: usize, position: usize) -> usize {
        self.tokens[place] as usize * self.positions + position
    }

    /// The tokens at `place`, `place` + 1, … of each of `starts`, as 0 and 1.
    fn one_hot<T: Real>(&self, starts: &[u32], place: usize, to: &mut LinesMut<'_, T>) {
        to.data.fill(T::ZERO);
        for (sample, &start) in starts.iter().enumerate() {
            for position in 0..self.positions {
                let line = self.line(start as usize + place + position, position);
                to.line(line)[sample] = T::ONE;
            }
        }
    }
}

impl SampleLaw for TokenWindows {
    type Draw<T: Real> = WindowDraw<T>;

    fn shapes(&self) -> [SampleShape; 2] {
        [SampleShape::Sequence {
            rows: self.kinds,
            positions: self.positions,
        }; 2]
    }

    fn evaluation_limit(&self) -> Option<usize> {
        Some((self.tokens.len() - 1) / self.positions)
    }

    fn is_noisy(&self) -> bool {
        !self.noise.is_none()
    }

    fn draw<T: Real>(self: &Arc<Self>, seeds: &[u64]) -> WindowDraw<T> {
        let visitor = |&seed| Visitor {
            windows: Arc::clone(self),
            seed,
            starts: Vec::new(),
            words: Vec::new(),
            scratch: Scratch::default(),
        };
        WindowDraw(seeds.iter().map(visitor).collect())
    }
}

/// Draws windows: see [`Draw`].
#[derive(Clone, Debug)]
pub struct WindowDraw<T>(Vec<Visitor<T>>);

impl<T: Real> Draw<T> for WindowDraw<T> {
    fn inputs(&mut self, run: usize, batch: &Batch, random: &mut Bulk, to: LinesMut<'_, T>) {
        self.0[run].inputs(batch, random, to);
    }

    fn targets(&mut self, run: usize, noisy: bool, random: &mut Bulk, to: LinesMut<'_, T>) {
        self.0[run].targets(noisy, random, to);
    }
}

/// Draws one seed's windows.
#[derive(Clone, Debug)]
struct Visitor<T> {
    windows: Arc<TokenWindows>,
    seed: u64,
    /// Where the windows drawn last begin.
    starts: Vec<u32>,
    words: Vec<u32>,
    scratch: Scratch<T>,
}

impl<T: Real> Visitor<T> {
    fn inputs(&mut self, batch: &Batch, bulk: &mut Bulk, mut to: LinesMut<'_, T>) {
        let windows = Arc::clone(&self.windows);
        let positions = windows.positions;
        if batch.once {
            let all = (windows.tokens.len() - 1) / positions;
            shuffle(&mut self.starts, self.seed, batch.order, 0, all);
            self.starts.truncate(to.batch());
            for start in &mut self.starts {
                *start *= positions as u32;
            }
        } else {
            let places = windows.tokens.len() - positions;
            self.words.resize(to.batch(), 0);
            bulk.words(&mut self.words);
            let starts = self.words.iter().map(|&word| below(word, places) as u32);
            self.starts.clear();
            self.starts.extend(starts);
        }
        windows.one_hot(&self.starts, 0, &mut to);
    }

    /// For the inputs just drawn, or for the first of them.
    fn targets(&mut self, noisy: bool, bulk: &mut Bulk, mut to: LinesMut<'_, T>) {
        let starts = &self.starts[..to.batch()];
        self.windows.one_hot(starts, 1, &mut to);
        let noise = &self.windows.noise;
        noise.apply(noisy, bulk, &mut self.scratch, &mut to);
    }
}
