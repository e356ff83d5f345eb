//! How a run is made: step size, batch, data, start, and what happens on the way.

use serde::{Deserialize, Serialize};

use crate::problem::Weights;
use crate::recipe::Recipe;
use crate::switch::Switch;

use super::NoiseLaw;

/// Everything that, with a problem and a seed, fixes a run's numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct SimulateSettings {
    /// η > 0, the step size: W ← W − η v.
    pub learning_rate: f64,
    /// B ≥ 1, samples in a minibatch.
    pub batch: usize,
    /// What is added to plain SGD: momentum, weight decay, SAM, noise, dropout.
    pub recipe: Recipe,
    /// Where the samples come from.
    pub data: Data,
    /// Where the weights start.
    pub init: InitialWeights,
    /// Change to full-batch gradient descent on a fixed batch, if wanted.
    pub switch: Option<Switch>,
    /// The arithmetic of the kernels.
    pub precision: Precision,
}

impl SimulateSettings {
    /// Plain SGD on fresh Gaussian samples in double precision from a Kaiming start of gain 1.
    pub fn new(learning_rate: f64, batch: usize) -> Self {
        Self {
            learning_rate,
            batch,
            recipe: Recipe::default(),
            data: Data::default(),
            init: InitialWeights::Kaiming { gain: 1.0 },
            switch: None,
            precision: Precision::F64,
        }
    }
}

impl SimulateSettings {
    /// Whether each sample is changed on its own: units are dropped, or noise is added to what is not drawn by its law.
    pub(super) fn is_perturbed(&self) -> bool {
        let recipe = &self.recipe;
        let drops = recipe.input_dropout > 0.0 || recipe.hidden_dropout > 0.0;
        let adds =
            recipe.input_noise_covariance.is_some() || recipe.added_noise_covariance.is_some();
        drops || (adds && !self.data.sufficient())
    }
}

/// The law of the samples. x is Gaussian with covariance Σx; ε has covariance Σε whatever its law.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Data {
    /// Fresh samples at each step, or a fixed set.
    pub source: SampleSource,
    /// The law of the coordinates z of ε = L z, L the lower Cholesky factor of Σε.
    pub noise: NoiseLaw,
    /// c in [0, 1]: ε given x has covariance (1 − c + c·‖Σx^{−1/2}x‖²/d_x) Σε. 0 is homoscedastic.
    pub heteroscedasticity: f64,
    /// Draw every sample even where sufficient statistics would do (for checks, and slower).
    pub sample_by_sample: bool,
}

impl Default for Data {
    fn default() -> Self {
        Self {
            source: SampleSource::Online,
            noise: NoiseLaw::Gaussian,
            heteroscedasticity: 0.0,
            sample_by_sample: false,
        }
    }
}

impl Data {
    /// Whether a minibatch can be drawn without its samples.
    pub(super) fn sufficient(&self) -> bool {
        self.source == SampleSource::Online
            && self.noise == NoiseLaw::Gaussian
            && self.heteroscedasticity == 0.0
            && !self.sample_by_sample
    }
}

/// Fresh samples or a finite data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum SampleSource {
    /// Fresh samples at each step.
    Online,
    /// A data set drawn once per seed.
    Finite {
        /// N, the samples of the set: B at least, if they are not drawn with replacement.
        samples: usize,
        /// Draw each minibatch with replacement; otherwise in a fresh random order each epoch.
        replacement: bool,
    },
}

/// Where the weights start.
#[derive(Clone, Debug, PartialEq)]
pub enum InitialWeights {
    /// Entries N(0, gain²/fan_in).
    Kaiming {
        /// Standard deviations are multiplied by this.
        gain: f64,
    },
    /// Entries N(0, 2·gain²/(fan_in + fan_out)).
    Xavier {
        /// Standard deviations are multiplied by this.
        gain: f64,
    },
    /// Entries N(0, deviation²) in every layer.
    Normal {
        /// Standard deviation.
        deviation: f64,
    },
    /// The same given weights for every seed.
    Given(Weights),
}

/// The arithmetic of the kernels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// Double precision, the default: the slow drift per step is of order η².
    #[default]
    F64,
    /// Single precision for the products alone: the random numbers, which cost the most in small
    /// networks, stay double. Hardly faster at d = 2 (17.8 against 19.1 ns for a step of one seed at
    /// D = 3, B = 10), and the drift sinks below rounding for small η.
    F32,
}
