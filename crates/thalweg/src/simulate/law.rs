//! The law of a minibatch, and which random word feeds which variate.
//!
//! A minibatch enters a step only through T (d_x × m) and N (d_y × m) with S_xx = T Tᵀ and
//! S_εx = N Tᵀ: the gradient with respect to the product is G = ((W_D … W_1 − V) T − N) Tᵀ. There are
//! two ways to draw (T, N):
//!
//! - **sample by sample**: m = B, column i is (x_i, ε_i) / √B;
//! - **sufficient statistics** (Gaussian, homoscedastic, fresh samples): m = min(B, d_x),
//!   T = L_x A / √B with A Bartlett's lower trapezoid, d_x × m, its diagonal A_cc² ~ χ²(B − c) for
//!   c = 0 …, its entries below standard normal, and N = L_ε Z / √B with Z standard normal. Since
//!   x-samples X = L_x A Q with Q having orthonormal rows, and ε Qᵀ is again Gaussian, T Tᵀ and N Tᵀ
//!   have exactly the joint law of (S_xx, S_εx). Beyond the paper.
//!
//! L_x and L_ε are lower Cholesky factors of Σx and Σε.
//!
//! **Words.** Every random number of a run is made of 32-bit words: word w of step t is entry w mod 4
//! of the Philox block with key = seed and counter (t low, t high, w / 4, purpose). A uniform is
//! (word + ½)/2³², a normal pair takes two words. So probabilities are exact to 2⁻³³ and normals end at
//! ±6.8, neither of which 10⁹ draws could show. [`Layout`] says where each variate's words lie.

use faer::Mat;

use crate::problem::{Problem, cholesky};
use crate::random::{FEW_DEGREES, chi_square_words};

use crate::recipe::{LabelWeights, Recipe, RecipeError};

use super::{Data, NoiseLaw, SimulateSettings};

/// What stepping needs to know about the samples.
#[derive(Clone, Debug)]
pub(super) struct Law {
    /// d_x.
    pub inputs: usize,
    /// d_y.
    pub outputs: usize,
    /// L_x with L_x L_xᵀ = Σx, lower triangular.
    pub input_factor: Mat<f64>,
    /// L_ε with L_ε L_εᵀ = Σε, lower triangular.
    pub noise_factor: Mat<f64>,
    /// V.
    pub teacher: Mat<f64>,
    /// Roots of the covariances of noise that is added to each input and to each label as it is learnt (S, or M S Mᵀ), where that is done sample by
    /// sample.
    pub input_noise_factor: Option<Mat<f64>>,
    pub added_noise_factor: Option<Mat<f64>>,
    /// p of inputs and of hidden units.
    pub input_dropout: f64,
    pub hidden_dropout: f64,
    /// Law, heteroscedasticity, source.
    pub data: Data,
}

impl Law {
    /// The law of `settings`' samples in `problem`.
    ///
    /// # Errors
    /// When the recipe does not fit the problem.
    pub fn new(problem: &Problem, settings: &SimulateSettings) -> Result<Self, RecipeError> {
        let recipe = &settings.recipe;
        let in_law = !settings.is_perturbed();
        let weights = recipe.label_multiplier(problem)?;
        let keep = |there: &Option<Mat<f64>>, weights: Option<&Mat<f64>>| {
            let there = there.as_ref().filter(|_| !in_law)?;
            Some(match weights {
                None => cholesky(there.as_ref()),
                Some(weights) => {
                    let weighted = weights * there * weights.transpose();
                    cholesky((faer::Scale(0.5) * (&weighted + weighted.transpose())).as_ref())
                }
            })
        };
        // Gaussian noise on Gaussian samples only changes their law; smoothing scales labels in any.
        let drawn = Recipe {
            input_noise_covariance: recipe.input_noise_covariance.clone().filter(|_| in_law),
            added_noise_covariance: recipe.added_noise_covariance.clone().filter(|_| in_law),
            label_smoothing: recipe.label_smoothing,
            // What whitens labels also whitens the noise that is added to them later.
            label_weights: weights.clone().map(LabelWeights::Matrix),
            ..Recipe::default()
        };
        let drawn = drawn.problem(problem)?;
        Ok(Self {
            inputs: problem.input_dim(),
            outputs: problem.output_dim(),
            input_factor: cholesky(drawn.input_covariance()),
            noise_factor: cholesky(drawn.noise_covariance()),
            teacher: drawn.teacher().to_owned(),
            input_noise_factor: keep(&recipe.input_noise_covariance, None),
            added_noise_factor: keep(&recipe.added_noise_covariance, weights.as_ref()),
            input_dropout: recipe.input_dropout,
            hidden_dropout: recipe.hidden_dropout,
            data: Data {
                // Statistics do for no sample that is changed on its own.
                sample_by_sample: settings.data.sample_by_sample || !in_law,
                ..settings.data
            },
        })
    }

    /// The same for a data set that is given, whose samples are not whitened: roots of one.
    pub fn unwhitened(mut self) -> Self {
        self.input_factor = Mat::identity(self.inputs, self.inputs);
        self.noise_factor = Mat::identity(self.outputs, self.outputs);
        self
    }

    /// d_x + d_y.
    pub fn size(&self) -> usize {
        self.inputs + self.outputs
    }

    /// Whether (T, N) can be drawn without the samples.
    pub fn sufficient(&self) -> bool {
        self.data.sufficient()
    }

    /// Where the words of a sufficient-statistics draw of `batch` samples lie.
    pub fn layout(&self, batch: usize) -> Layout {
        let columns = batch.min(self.inputs);
        let below = columns * self.inputs - columns * (columns + 1) / 2;
        let noise = self.outputs * columns;
        let degrees = (0..columns).map(|c| batch - c);
        let odd = degrees.clone().filter(|&k| odd_and_few(k)).count();
        let chi_words = 2 * (below + noise + odd).div_ceil(2);
        Layout {
            batch,
            columns,
            chi_words,
            words: chi_words + degrees.map(chi_square_words).sum::<usize>(),
        }
    }

    /// Where each normal of `layout` goes among its columns of d_x + d_y numbers; the normal of an odd
    /// χ² waits at the diagonal entry it is for. Padded to whole pairs with one place past the end.
    pub fn destinations(&self, layout: &Layout) -> Vec<usize> {
        let size = self.inputs + self.outputs;
        let columns = 0..layout.columns;
        let below = columns
            .clone()
            .flat_map(|c| (c + 1..self.inputs).map(move |r| c * size + r));
        let noise = columns
            .clone()
            .flat_map(|c| (self.inputs..size).map(move |r| c * size + r));
        let odd = columns
            .filter(|c| odd_and_few(layout.batch - c))
            .map(|c| c * size + c);
        let mut all: Vec<usize> = below.chain(noise).chain(odd).collect();
        if !all.len().is_multiple_of(2) {
            all.push(layout.columns * size);
        }
        all
    }

    /// Philox blocks that one sample takes: the normals of x, then its noise. Gaussian noise follows on
    /// from x's normals; other laws start at the next block.
    pub fn blocks_per_sample(&self) -> usize {
        match self.data.noise {
            NoiseLaw::Gaussian => (self.inputs + self.outputs).div_ceil(2).div_ceil(2),
            _ => self.noise_block() + (self.outputs * self.words_per_noise()).div_ceil(4),
        }
    }

    /// The block, counted within a sample, at which non-Gaussian noise starts.
    pub fn noise_block(&self) -> usize {
        self.inputs.div_ceil(2).div_ceil(2)
    }

    /// Words that one noise coordinate takes when it is not Gaussian: Student's t needs two for its
    /// radius (its tail is too heavy for 32 bits), one for its angle, and leaves one.
    pub fn words_per_noise(&self) -> usize {
        match self.data.noise {
            NoiseLaw::StudentT { .. } => 4,
            _ => 1,
        }
    }
}

/// Where the words of one sufficient-statistics draw lie: first the words of the normals, in pairs
/// (the entries of A below its diagonal, column by column; Z, column by column; one for each small odd
/// number of degrees of freedom), then from `chi_words` on the words of the small χ², c = 0 ….
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// B.
    pub batch: usize,
    /// m = min(B, d_x).
    pub columns: usize,
    /// The first word of the χ² variates.
    pub chi_words: usize,
    /// All words.
    pub words: usize,
}

/// Whether χ² with so many degrees of freedom is a product's logarithm plus a squared normal.
fn odd_and_few(degrees: usize) -> bool {
    degrees <= FEW_DEGREES && !degrees.is_multiple_of(2)
}
