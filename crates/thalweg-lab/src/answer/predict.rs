//! Where SGD ends as η → 0, in closed form, with what depends on the step size beside it.

use serde_json::{Value, json};
use thalweg::flow::{self, Validity};
use thalweg::problem::Problem;
use thalweg::theory::{self, ConditionBounds, LayerConditioning, Prediction, Stability};

use super::{AnswerError, CONVENTION, notes};
use crate::compare::{Belief, MOST_WEIGHTS_UNASKED};
use crate::memory;
use crate::quantity::{FLUCTUATION, LAMBDA_MAX, SHARPNESS};

/// The most eigenvalues that are listed without being asked for.
pub const SPECTRUM_UNASKED: usize = 1 << 16;

/// The minimum to which SGD converges.
#[derive(Debug)]
pub struct PredictAnswer<'p> {
    /// Of which problem.
    pub problem: &'p Problem,
    /// T, T_min, λ_max and F there (eq. 14, eq. 15, Theorem 1), and each layer's share.
    pub prediction: Prediction<'p>,
    /// Singular values of each layer there.
    pub conditioning: Vec<LayerConditioning>,
    /// Corollary 1; absent where Σε is singular, and for one layer, which has no choice of minimum.
    pub bounds: Option<ConditionBounds>,
    /// Mean T at Kaiming's start (eq. 67), loss/weight².
    pub kaiming: f64,
    /// Mean T at Xavier's start (eq. 68), loss/weight².
    pub xavier: f64,
    /// The d_x d_y eigenvalues of the Hessian's non-zero block, descending, where they are listed.
    pub spectrum: Option<Vec<f64>>,
    /// Of noise and signal: 0 where they share their axes.
    pub misalignment: f64,
    /// What depends on the step size and the batch.
    pub run: Option<PredictedRun>,
}

/// What depends on the step size and the batch.
#[derive(Debug)]
pub struct PredictedRun {
    /// η.
    pub learning_rate: f64,
    /// B.
    pub batch: usize,
    /// ηλ_max/2, and how far the product of the weights fluctuates.
    pub stability: Stability,
    /// How far the minimum is to be believed at this step.
    pub validity: Validity,
    /// The slow flow's, steps; none where it is too large to linearise, or has no limit.
    pub relaxation: Option<f64>,
}

impl<'p> PredictAnswer<'p> {
    /// The answer for `problem`, at η and B where `step` has them, with the spectrum where `listed`.
    ///
    /// # Errors
    /// When the theory does not hold for the problem, or a number is not finite.
    pub fn new(
        problem: &'p Problem,
        step: Option<(f64, usize)>,
        listed: bool,
    ) -> Result<Self, AnswerError> {
        let prediction = theory::predict(problem).map_err(AnswerError::input)?;
        let initial = |variances: Vec<f64>| {
            theory::initial_sharpness(problem, &variances).map_err(AnswerError::work)
        };
        if listed {
            let size = problem.input_dim() * problem.output_dim();
            // The numbers, in order and as text.
            memory::fits(size as u64 * 128, 0, "without --spectrum it needs less")
                .map_err(AnswerError::input)?;
        }
        let spectrum = listed.then(|| prediction.minimum.spectrum()).transpose();
        let run = match step {
            Some((learning_rate, batch)) => Some(PredictedRun {
                learning_rate,
                batch,
                stability: prediction
                    .stability(learning_rate, batch)
                    .map_err(AnswerError::input)?,
                validity: Validity::at_minimum(&prediction, learning_rate, batch),
                relaxation: (problem.parameters() <= MOST_WEIGHTS_UNASKED)
                    .then(|| flow::relaxation(problem).ok())
                    .flatten()
                    .filter(|relaxation| !relaxation.rates.is_empty())
                    .map(|relaxation| relaxation.steps(learning_rate, batch)),
            }),
            None => None,
        };
        Ok(Self {
            problem,
            conditioning: prediction
                .minimum
                .layer_conditioning()
                .map_err(AnswerError::work)?,
            bounds: (problem.depth() > 1)
                .then(|| prediction.minimum.condition_bounds().ok())
                .flatten(),
            kaiming: initial(theory::kaiming_variances(problem, 1.0))?,
            xavier: initial(theory::xavier_variances(problem, 1.0))?,
            spectrum: spectrum
                .map_err(AnswerError::work)?
                .map(|spectrum| spectrum.eigenvalues().to_vec()),
            misalignment: theory::noise_misalignment(problem),
            run,
            prediction,
        })
    }

    /// As one JSON object; what is infinite or undefined is null.
    pub fn json(&self) -> Value {
        let p = &self.prediction;
        let layers = p
            .layers
            .iter()
            .zip(&self.conditioning)
            .map(|(share, layer)| {
                json!({
                    "sharpness": share.sharpness,
                    "fluctuation": share.fluctuation,
                    "condition_number": layer.condition_number,
                    "singular_values": layer.singular_values,
                })
            });
        let bounds = self.bounds.as_ref().map(|bounds| {
            json!({
                "noise_condition_number": bounds.condition_number,
                "lower": bounds.lower,
                "upper": bounds.upper,
            })
        });
        let run = self.run.as_ref().map(|run| {
            json!({
                "learning_rate": run.learning_rate,
                "batch": run.batch,
                "relaxation_steps": run.relaxation,
                "stability_number": run.stability.stability_number,
                "unweighted_fluctuation": run.stability.unweighted_fluctuation,
                "relative_unweighted_fluctuation": run.stability.relative_unweighted_fluctuation,
                "validity": Belief::from(run.validity.clone()),
            })
        });
        json!({
            "convention": CONVENTION,
            "notes": notes(self.problem.caveats()),
            "uncertainty": self.problem.uncertainty(),
            "known_digits": self.problem.known_digits(),
            (&*SHARPNESS.key): p.sharpness,
            "min_sharpness": p.min_sharpness,
            "excess": p.excess,
            (&*FLUCTUATION.key): p.fluctuation,
            (&*LAMBDA_MAX.key): p.lambda_max,
            "initial_sharpness": { "kaiming": self.kaiming, "xavier": self.xavier },
            "condition_bounds": bounds,
            "noise_misalignment": self.misalignment,
            "run": run,
            "layers": layers.collect::<Vec<_>>(),
            "nonzero_spectrum": self.spectrum,
        })
    }
}
