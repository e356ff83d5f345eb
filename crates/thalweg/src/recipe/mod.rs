//! What people add to plain SGD: momentum, weight decay, SAM, noise on labels and inputs, dropout, smoothed labels.
//!
//! Each addition is one of three things to the theory (beyond the paper):
//!
//! - **another problem**, exactly: noise added to labels, Gaussian noise added to inputs, smoothed labels
//!   ([`Recipe::problem`]; dropout of inputs is one too, with noise that depends on them);
//! - **another clock**: momentum β is the learning rate η/(1 − β) ([`Recipe::effective_rate`]), and the ascent of SAM
//!   on the same minibatch makes the noise 1 + 2ρ/η times as strong;
//! - **a weak force** along the minima beside the noise: weight decay, dropout of hidden units, the ascent of SAM along the
//!   normalised gradient ([`Forces`], by [`Recipe::forces`]).
//!
//! ```
//! use thalweg::faer::Mat;
//! use thalweg::problem::{Problem, covariance};
//! use thalweg::recipe::Recipe;
//! use thalweg::theory::predict;
//!
//! // Noise added to the quiet output makes the noise isotropic, and SGD ends at the flattest minimum.
//! let noise = covariance::from_deviations(&[1.0, 0.2]);
//! let problem = Problem::new(Mat::identity(2, 2), Mat::identity(2, 2), noise, 2)?;
//! let added = covariance::from_deviations(&[0.0, 0.96_f64.sqrt()]);
//! let recipe = Recipe { added_noise_covariance: Some(added), ..Recipe::default() };
//! let trained = recipe.problem(&problem)?;
//! let end = predict(&trained)?;
//! assert!((end.sharpness - end.min_sharpness).abs() < 1e-12);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod forces;
mod problem;
mod stability;
#[cfg(test)]
mod tests;

pub use error::RecipeError;
pub use forces::Forces;

use std::borrow::Cow;

use faer::Mat;
use serde::{Deserialize, Serialize};

use crate::problem::Problem;

/// Additions to plain SGD; the default has none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recipe {
    /// β in [0, 1), heavy-ball momentum: v ← β v + g, W ← W − η v.
    pub momentum: f64,
    /// λ ≥ 0: λ W is added to the gradient.
    pub weight_decay: f64,
    /// Sharpness-aware minimisation (Foret, Kleiner, Mobahi, Neyshabur, ICLR 2021).
    pub sam: Option<Sam>,
    /// S, d_y × d_y, symmetric and positive semi-definite: the covariance of fresh Gaussian noise that is added to the labels
    /// at each step, after they are smoothed.
    pub added_noise_covariance: Option<Mat<f64>>,
    /// N, d_x × d_x, symmetric and positive semi-definite: the covariance of fresh Gaussian noise that is added to the inputs at
    /// each step.
    pub input_noise_covariance: Option<Mat<f64>>,
    /// p in [0, 1): each input is set to 0 with probability p, and multiplied by 1/(1 − p) otherwise; after input noise.
    pub input_dropout: f64,
    /// p in [0, 1): the same of each hidden unit.
    pub hidden_dropout: f64,
    /// α in [0, 1): labels y become (1 − α) y. (What a classifier's smoothing adds besides, α/K to every label, is constant:
    /// a bias takes it up.)
    pub label_smoothing: f64,
    /// M: the network learns M y, noise added to the labels included, and its loss is ½‖M y − f(x)‖². (To weight the loss of a
    /// network that learns y itself, ½‖M(y − f(x))‖², is another thing: its last layer then also meets M.)
    pub label_weights: Option<LabelWeights>,
}

/// What labels are multiplied by.
#[derive(Clone, Debug, PartialEq)]
pub enum LabelWeights {
    /// M, d_y × d_y and invertible.
    Matrix(Mat<f64>),
    /// M = Σε^{−1/2}, Σε that of the labels with what is added to them: their noise becomes isotropic.
    Whiten,
}

/// The ascent of sharpness-aware minimisation: the gradient is taken at W + ρ g, or W + ρ g/‖g‖.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sam {
    /// ρ > 0. Unit: weight²/loss; that of the weights where the gradient is normalised.
    pub radius: f64,
    /// Whether the ascent has length ρ whatever the gradient's.
    #[serde(default)]
    pub normalised: bool,
    /// Whether g comes from a minibatch of its own and not from that of the step.
    #[serde(default)]
    pub independent: bool,
}

impl Recipe {
    /// η/(1 − β): momentum makes each step go on for 1/(1 − β) of them.
    pub fn effective_rate(&self, learning_rate: f64) -> f64 {
        learning_rate / (1.0 - self.momentum)
    }

    /// What moves SGD along the minima beside plain noise, at learning rate η and B samples in a minibatch; see [`Forces`].
    ///
    /// With R a potential on the minima and η₁ the [effective rate](Self::effective_rate), a step moves by −η₁ grad R beside
    /// the noise's −(η₁²/4B) grad F (where K commutes with the noise), so that R enters with B/η₁ in the slow time u = η₁²t/B:
    ///
    /// - weight decay: R = (λ/2) Σ‖W_k‖²;
    /// - SAM on the step's own minibatch: g(W + ρg) = g + (ρ/2) ∇‖g‖² + O(ρ²), so R = ρF/2B. Where the noise's own drift
    ///   is −¼ grad F this multiplies it by 1 + 2ρ/η₁. Normalised R = ρ E‖g‖;
    /// - SAM on another minibatch: E g = 0 at a minimum, and nothing is left at order ρ;
    /// - dropout of hidden units: R = (p/2(1 − p)) Σ_k Σ_j ‖(A_k)_{·j}‖² E h²_{kj}, to first order in p;
    /// - dropout of inputs: none; the problem that is learnt has noise that depends on them ([`Problem::input_dropout`]).
    pub fn forces(&self, learning_rate: f64, batch: usize) -> Forces {
        let rate = self.effective_rate(learning_rate);
        let strength = batch as f64 / rate;
        let mut forces = Forces {
            decay: self.weight_decay * strength,
            dropout: self.hidden_dropout / (1.0 - self.hidden_dropout) * strength,
            ..Forces::default()
        };
        match self.sam {
            Some(Sam {
                radius,
                normalised: false,
                independent: false,
            }) => forces = forces.with_sam(2.0 * radius / rate),
            Some(Sam {
                radius,
                normalised: true,
                independent: false,
            }) => {
                forces.ascent = radius * strength;
                forces.batch = batch;
            }
            _ => {}
        }
        forces
    }

    /// The problem that is in effect learnt: what the theory, the flow and every observable of a run speak of.
    ///
    /// With y = M((1 − α)(V x + ε) + ε′), ε′ of covariance S, and inputs x̃ = (x + ξ) ∘ m/(1 − p), ξ of covariance N and m
    /// zeros and ones, it is Σx′ = E x̃x̃ᵀ, V′ = E yx̃ᵀ Σx′⁻¹ and Σε′ = E yyᵀ − V′Σx′V′ᵀ. Without dropout and for Gaussian x the
    /// residual is independent of x̃, and the problem is exactly this one; dropout leaves them dependent, of which F and the exact drift know
    /// ([`Problem::input_dropout`]).
    ///
    /// Where the recipe changes neither labels nor inputs it is `problem` itself.
    ///
    /// # Errors
    /// When an entry does not fit the problem or is out of its range; the message names it.
    pub fn problem<'p>(&self, problem: &'p Problem) -> Result<Cow<'p, Problem>, RecipeError> {
        self.validate(problem)?;
        if self.keeps_problem() {
            return Ok(Cow::Borrowed(problem));
        }
        problem::learnt(self, problem).map(Cow::Owned)
    }

    /// (1 − α)² Σε + S, d_y × d_y: the covariance of the noise of `problem`'s labels, smoothed and added to, before they are multiplied
    /// by M. Unit: loss.
    ///
    /// # Errors
    /// When an entry does not fit the problem or is out of its range; the message names it.
    pub fn label_noise(&self, problem: &Problem) -> Result<Mat<f64>, RecipeError> {
        self.validate(problem)?;
        Ok(problem::label_noise(self, problem))
    }

    /// M, d_y × d_y, with [`LabelWeights::Whiten`] worked out; none where labels are multiplied by nothing.
    ///
    /// ```
    /// use thalweg::faer::Mat;
    /// use thalweg::problem::{Problem, covariance};
    /// use thalweg::recipe::{LabelWeights, Recipe};
    ///
    /// let noise = covariance::from_deviations(&[1.0, 0.2]);
    /// let problem = Problem::new(Mat::identity(2, 2), Mat::identity(2, 2), noise, 2)?;
    /// let recipe = Recipe { label_weights: Some(LabelWeights::Whiten), ..Recipe::default() };
    /// let weights = recipe.label_multiplier(&problem)?.unwrap();
    /// assert!((weights[(0, 0)] - 1.0).abs() < 1e-12 && (weights[(1, 1)] - 5.0).abs() < 1e-12);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// When an entry does not fit the problem or is out of its range, or the noise is singular and cannot be whitened.
    pub fn label_multiplier(&self, problem: &Problem) -> Result<Option<Mat<f64>>, RecipeError> {
        let noise = self.label_noise(problem)?;
        problem::weights(self, &noise)
    }

    /// Whether the problem that is learnt is the given one.
    pub fn keeps_problem(&self) -> bool {
        self.added_noise_covariance.is_none()
            && self.input_noise_covariance.is_none()
            && self.input_dropout == 0.0
            && self.label_smoothing == 0.0
            && self.label_weights.is_none()
    }

    /// Whether the theory of it holds to leading order in something other than η: weight decay, SAM and dropout of
    /// hidden units ([`flow::left_out`](crate::flow::left_out) has the next).
    pub fn is_approximate(&self) -> bool {
        self.weight_decay > 0.0 || self.sam.is_some() || self.hidden_dropout > 0.0
    }

    /// Checks every entry against `problem`.
    ///
    /// # Errors
    /// The first entry that is out of its range or does not fit.
    pub fn validate(&self, problem: &Problem) -> Result<(), RecipeError> {
        let fraction = "at least 0 (none) and below 1";
        require(
            (0.0..1.0).contains(&self.momentum),
            "momentum",
            self.momentum,
            "at least 0 (plain SGD) and below 1",
        )?;
        let decay = self.weight_decay;
        require(
            decay.is_finite() && decay >= 0.0,
            "weight_decay",
            decay,
            "a finite number, 0 (none) or above",
        )?;
        if let Some(sam) = self.sam {
            let radius = sam.radius;
            require(
                radius.is_finite() && radius > 0.0,
                "sam.radius",
                radius,
                "a finite number above 0, such as the learning rate; leave sam out for none",
            )?;
        }
        require(
            (0.0..1.0).contains(&self.input_dropout),
            "input_dropout",
            self.input_dropout,
            fraction,
        )?;
        require(
            (0.0..1.0).contains(&self.hidden_dropout),
            "hidden_dropout",
            self.hidden_dropout,
            fraction,
        )?;
        require(
            self.hidden_dropout == 0.0 || problem.depth() > 1,
            "hidden_dropout",
            self.hidden_dropout,
            "0 for a network of one layer, which has no hidden units",
        )?;
        require(
            (0.0..1.0).contains(&self.label_smoothing),
            "label_smoothing",
            self.label_smoothing,
            fraction,
        )?;
        problem::fits(
            "added_noise_covariance",
            self.added_noise_covariance.as_ref(),
            problem.output_dim(),
        )?;
        problem::fits(
            "input_noise_covariance",
            self.input_noise_covariance.as_ref(),
            problem.input_dim(),
        )?;
        problem::invertible(self.label_weights.as_ref(), problem.output_dim())
    }
}

fn require(
    holds: bool,
    field: &'static str,
    found: f64,
    right: &'static str,
) -> Result<(), RecipeError> {
    if holds {
        return Ok(());
    }
    Err(RecipeError::OutOfRange {
        field,
        found,
        right,
    })
}
