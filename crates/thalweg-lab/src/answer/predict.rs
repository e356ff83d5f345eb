//! Where SGD ends as η → 0, in closed form, with what depends on the step size beside it.

use serde_json::{Value, json};
use thalweg::flow::{
    Drift, FlowError, Validity, Waypoint, misalignment_warning, most_misalignment,
};
use thalweg::problem::{Problem, Weights};
use thalweg::recipe::Forces;
use thalweg::simulate::SimulateSettings;
use thalweg::theory::{
    self, ConditionBounds, Curvature, LayerConditioning, LayerShare, Prediction, Stability,
    TheoryError,
};

use super::{AnswerError, CONVENTION, Prepared, SimulatedEnd, notes};
use crate::compare::{Belief, believed_on, own_end_is_quick, quick_relaxation, rest_by};
use crate::memory;
use crate::quantity::{FLUCTUATION, LAMBDA_MAX, SHARPNESS};
use crate::run::is_reshuffled;

/// The most eigenvalues that are listed without being asked for, where they are products of what is known.
const LISTED_UNASKED: usize = 1 << 16;

/// The most where a matrix of so many rows is decomposed for them: that takes a second or two.
const DECOMPOSED_UNASKED: usize = 2500;

/// Whether the d_x d_y eigenvalues at the end are listed without being asked for.
pub fn lists_spectrum(prepared: &Prepared<'_>) -> bool {
    let most = if prepared.has_flow_to_end() {
        DECOMPOSED_UNASKED
    } else {
        LISTED_UNASKED
    };
    prepared.problem.input_dim() * prepared.problem.output_dim() <= most
}

#[derive(Debug, thiserror::Error)]
#[error(
    "noise_covariance is zero: the end is sought from the minimum that noise would choose, and without noise there is none. What is added to SGD moves it all \
     the same: follow it with `thalweg flow --steps`, or simulate SGD"
)]
struct NoNoiseBeside;

/// The minimum to which SGD converges.
#[derive(Debug)]
pub struct PredictAnswer<'p> {
    /// Of what.
    pub prepared: &'p Prepared<'p>,
    /// The problem that is in effect learnt.
    pub problem: &'p Problem,
    /// T, T_min, λ_max and F at Theorem 1's minimum (eq. 14, eq. 15, Theorem 1), and each layer's share.
    pub prediction: Prediction<'p>,
    /// Where SGD ends instead, if forces beside the noise move it or the exact drift was asked for.
    pub end: Option<ForcedEnd>,
    /// Where the exact drift rests, and SGD with it, if noise and signal have different axes and [that was asked for](Self::follow_axes).
    pub exact_drift: Option<Waypoint>,
    /// Singular values of each layer at the end, or else at Theorem 1's minimum.
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
    /// Where SGD itself ends at this step, if that was asked for.
    pub simulated: Option<SimulatedEnd>,
}

/// The minimum at which the flow comes to rest.
#[derive(Debug)]
pub struct ForcedEnd {
    /// T, λ_max, F and the weights.
    pub at: Waypoint,
    /// Each layer's share of T and F, W_1 first.
    pub layers: Vec<LayerShare>,
}

/// The weights where SGD ends.
fn end_weights(
    prediction: &Prediction<'_>,
    end: Option<&ForcedEnd>,
) -> Result<Weights, TheoryError> {
    match end {
        None => prediction.minimum.weights(),
        Some(ForcedEnd { at, .. }) => Ok(at.weights.clone()),
    }
}

impl ForcedEnd {
    fn new(problem: &Problem, forces: Forces, drift: Drift) -> Result<Self, AnswerError> {
        let at = rest_by(drift, problem, forces).map_err(AnswerError::input)?;
        let parts = theory::functionals(problem, &at.weights).map_err(AnswerError::work)?;
        Ok(Self {
            layers: parts.layers,
            at,
        })
    }

    /// The same with F of the one minimum that a single layer has under weight `decay`, ridge regression's; T and λ_max are the same there.
    fn of_ridge(mut self, problem: &Problem, decay: f64) -> Result<Self, AnswerError> {
        let fluctuation = theory::ridge_fluctuation(problem, decay).map_err(AnswerError::work)?;
        self.at.fluctuation = fluctuation;
        for share in &mut self.layers {
            share.fluctuation = fluctuation;
        }
        Ok(self)
    }

    /// The d_x d_y eigenvalues of the Hessian's non-zero block, descending.
    fn spectrum(&self, problem: &Problem) -> Result<Vec<f64>, AnswerError> {
        Curvature::new(problem, &self.at.weights)
            .and_then(|curvature| curvature.spectrum())
            .map_err(AnswerError::work)
    }

    /// That of the `rank` directions which carry the teacher.
    fn conditioning(&self, rank: usize) -> Result<Vec<LayerConditioning>, AnswerError> {
        let layers = self.at.weights.layers().iter();
        layers
            .map(|layer| {
                let mut singular_values = layer.singular_values().map_err(|_| {
                    AnswerError::work(TheoryError::NotConverged {
                        what: "singular values of a layer",
                    })
                })?;
                singular_values.truncate(rank);
                let ends = singular_values.first().zip(singular_values.last());
                Ok(LayerConditioning {
                    condition_number: ends.map_or(1.0, |(largest, smallest)| largest / smallest),
                    singular_values,
                })
            })
            .collect()
    }
}

/// The relaxation time of the flow by `drift` in steps, where it is known, quickly found, and anything moves.
fn steps_to_relax(
    drift: Drift,
    problem: &Problem,
    forces: Forces,
    (effective_rate, batch): (f64, usize),
) -> Option<f64> {
    quick_relaxation(drift, problem, forces)
        .filter(|relaxation| !relaxation.rates.is_empty())
        .map(|relaxation| relaxation.steps(effective_rate, batch))
}

/// T, F and λ_max of a minimum, by their keys.
fn numbers(sharpness: f64, fluctuation: f64, lambda_max: f64) -> Value {
    json!({
        (&*SHARPNESS.key): sharpness,
        (&*FLUCTUATION.key): fluctuation,
        (&*LAMBDA_MAX.key): lambda_max,
    })
}

/// The same of a point of the flow.
pub(super) fn numbers_at(point: &Waypoint) -> Value {
    numbers(point.sharpness, point.fluctuation, point.lambda_max)
}

/// What depends on the step size and the batch.
#[derive(Debug)]
pub struct PredictedRun {
    /// η, in weight²/loss.
    pub learning_rate: f64,
    /// η₁ = η/(1 − β), the learning rate that counts under momentum β, in weight²/loss.
    pub effective_rate: f64,
    /// B, the samples in a minibatch.
    pub batch: usize,
    /// How far the product of the weights fluctuates; its closed forms hold at Theorem 1's minimum, where noise alone moves SGD.
    pub stability: Option<Stability>,
    /// E‖(W_D … W_1 − V) √Σx‖² = ηF/2B where SGD ends, to leading order.
    pub weighted_fluctuation: f64,
    /// The stability number where SGD ends, and what else decides about the theory at this step.
    pub validity: Validity,
    /// How far the numbers are to be believed on the samples that SGD is run on.
    pub belief: Belief,
    /// The slow flow's, steps; none where it is too large to linearise, or has no limit.
    pub relaxation: Option<f64>,
}

impl<'p> PredictAnswer<'p> {
    /// The answer for what is `prepared`, with the spectrum where `listed`.
    ///
    /// # Errors
    /// When the theory does not hold for the problem, a number is not finite, or the flow under the forces beside the noise is too
    /// large or does not come to rest.
    pub fn new(prepared: &'p Prepared<'p>, listed: bool) -> Result<Self, AnswerError> {
        let Prepared { forces, step, .. } = prepared;
        let problem: &Problem = &prepared.problem;
        let prediction = theory::predict(problem).map_err(|error| match error {
            TheoryError::NoNoise if !forces.are_noise_alone() => AnswerError::input(NoNoiseBeside),
            error => AnswerError::input(error),
        })?;
        let initial = |variances: Vec<f64>| {
            theory::initial_sharpness(problem, &variances).map_err(AnswerError::work)
        };
        if listed {
            let size = problem.input_dim() * problem.output_dim();
            // The numbers, in order and as text.
            memory::fits(size as u64 * 128, 0, "without --spectrum it needs less")
                .map_err(AnswerError::input)?;
        }
        let drift = if prepared.followed {
            Drift::Exact
        } else {
            Drift::that_follows(problem, forces)
        };
        let end = prepared
            .has_flow_to_end()
            .then(|| ForcedEnd::new(problem, *forces, drift))
            .transpose()?;
        let decay = prepared.recipe.weight_decay;
        let end = match end {
            Some(end) if problem.depth() == 1 && decay > 0.0 => Some(end.of_ridge(problem, decay)?),
            end => end,
        };
        let spectrum = match &end {
            _ if !listed => None,
            None => Some(
                prediction
                    .minimum
                    .spectrum()
                    .map_err(AnswerError::work)?
                    .eigenvalues()
                    .to_vec(),
            ),
            Some(end) => Some(end.spectrum(problem)?),
        };
        let size = match &end {
            None => [prediction.lambda_max, prediction.fluctuation],
            Some(ForcedEnd { at, .. }) => [at.lambda_max, at.fluctuation],
        };
        let weights = || Ok(end_weights(&prediction, end.as_ref())?);
        let run = match *step {
            Some((effective_rate, batch)) => {
                let validity = Validity::at(problem, size, effective_rate, batch)
                    .under(problem, &prepared.recipe, (effective_rate, batch), weights)
                    .map(|validity| validity.with_axes_followed(drift == Drift::Exact))
                    .map_err(AnswerError::input)?;
                Some(PredictedRun {
                    learning_rate: prepared.learning_rate.unwrap_or(effective_rate),
                    effective_rate,
                    batch,
                    stability: end
                        .is_none()
                        .then(|| prediction.stability(effective_rate, batch))
                        .transpose()
                        .map_err(AnswerError::input)?,
                    weighted_fluctuation: 0.5 * effective_rate / batch as f64 * size[1],
                    belief: believed_on(
                        (problem, &prepared.data),
                        batch,
                        prepared.switches,
                        validity.clone(),
                    ),
                    validity,
                    relaxation: steps_to_relax(drift, problem, *forces, (effective_rate, batch)),
                })
            }
            None => None,
        };
        let conditioning = match &end {
            None => prediction
                .minimum
                .layer_conditioning()
                .map_err(AnswerError::work)?,
            Some(end) => end.conditioning(prediction.minimum.rank())?,
        };
        Ok(Self {
            prepared,
            problem,
            conditioning,
            // They are of the noise's own minimum.
            bounds: (problem.depth() > 1 && end.is_none())
                .then(|| prediction.minimum.condition_bounds().ok())
                .flatten(),
            kaiming: initial(theory::kaiming_variances(problem, 1.0))?,
            xavier: initial(theory::xavier_variances(problem, 1.0))?,
            spectrum,
            end,
            misalignment: theory::noise_misalignment(problem),
            run,
            exact_drift: None,
            simulated: None,
            prediction,
        })
    }

    /// Seeks the end of the exact drift where noise alone moves SGD, if noise and signal have different axes and it is quickly found.
    ///
    /// # Errors
    /// When it was stopped.
    pub fn follow_axes(&mut self) -> Result<(), AnswerError> {
        let Prepared { forces, data, .. } = self.prepared;
        if self.end.is_some() || !own_end_is_quick(self.problem, data) {
            return Ok(());
        }
        match rest_by(Drift::Exact, self.problem, *forces) {
            Ok(end) => self.end_by_exact_drift(end),
            Err(error @ FlowError::Stopped(_)) => return Err(AnswerError::input(error)),
            // It turns, or creeps: there is no end to be shown.
            Err(_) => {}
        }
        Ok(())
    }

    /// Takes `end` for where the exact drift rests, with the relaxation time of that drift.
    pub fn end_by_exact_drift(&mut self, end: Waypoint) {
        self.exact_drift = Some(end);
        if let Some(run) = &mut self.run {
            let step = (run.effective_rate, run.batch);
            let forces = self.prepared.forces;
            run.relaxation = steps_to_relax(Drift::Exact, self.problem, forces, step);
        }
    }

    /// Why the relaxation time is not given at the step asked for, where there is one.
    pub fn no_relaxation(&self) -> Option<&'static str> {
        let run = self.run.as_ref()?;
        let has_none = self.problem.depth() == 1 || self.prepared.has_no_signal();
        if run.relaxation.is_some() || has_none {
            None
        } else if !self.prepared.forces.see_hidden_units() {
            Some(
                "in a network of this size it takes long to find, or its slowest rate cannot be told from rounding",
            )
        } else {
            Some("it is not known under dropout of hidden units")
        }
    }

    /// T, λ_max and F at the end, or else at Theorem 1's minimum.
    pub fn sharpness_lambda_max_fluctuation(&self) -> [f64; 3] {
        let p = &self.prediction;
        match &self.end {
            None => [p.sharpness, p.lambda_max, p.fluctuation],
            Some(ForcedEnd { at, .. }) => [at.sharpness, at.lambda_max, at.fluctuation],
        }
    }

    /// T, λ_max and F where SGD ends as η → 0: where the exact drift rests, if that was [sought](Self::follow_axes) and found.
    pub fn end_of_sgd(&self) -> [f64; 3] {
        match &self.exact_drift {
            Some(end) => [end.sharpness, end.lambda_max, end.fluctuation],
            None => self.sharpness_lambda_max_fluctuation(),
        }
    }

    /// Runs SGD of `problem`, as it was before it was prepared, at its own step, until `more` says that time is up; does nothing
    /// without a step.
    ///
    /// # Errors
    /// When the recipe does not fit the problem, or there is no minimum to start from.
    pub fn simulate(
        &mut self,
        problem: &Problem,
        step: (f64, usize),
        more: impl FnMut() -> bool,
    ) -> Result<(), AnswerError> {
        self.simulated = Some(self.simulated_at(problem, step, more)?);
        Ok(())
    }

    /// What that finds.
    pub(super) fn simulated_at(
        &self,
        problem: &Problem,
        (learning_rate, batch): (f64, usize),
        more: impl FnMut() -> bool,
    ) -> Result<SimulatedEnd, AnswerError> {
        let settings = SimulateSettings {
            recipe: self.prepared.recipe.clone(),
            data: self.prepared.data,
            ..SimulateSettings::new(learning_rate, batch)
        };
        let start = match &self.exact_drift {
            Some(end) => end.weights.clone(),
            None => self.end_weights()?,
        };
        let known = self.run.as_ref().and_then(|run| run.relaxation);
        // Where the relaxation time under all forces is not known, that under noise alone is taken: other forces are assumed to hasten it.
        let least = known.or_else(|| {
            let noise = self.prepared.forces.of_noise();
            let drift = Drift::that_follows(self.problem, &noise);
            let (rate, _) = self.prepared.step.unwrap_or((learning_rate, batch));
            Some(quick_relaxation(drift, self.problem, noise)?.steps(rate, batch))
        });
        let end = SimulatedEnd::new(problem, &settings, None, (&start, least), more)?;
        Ok(SimulatedEnd {
            by_noise_alone: known.is_none() && least.is_some(),
            ..end
        })
    }

    /// The weights there.
    ///
    /// # Errors
    /// When a decomposition does not converge.
    pub fn end_weights(&self) -> Result<Weights, AnswerError> {
        end_weights(&self.prediction, self.end.as_ref()).map_err(AnswerError::work)
    }

    /// What follows from noise and signal with different axes, unless SGD takes the samples of a set in a fresh order each epoch.
    pub fn misalignment_warning(&self) -> Option<String> {
        let counts = !is_reshuffled(&self.prepared.data);
        counts
            .then(|| misalignment_warning(self.misalignment, most_misalignment(self.problem), None))
            .flatten()
    }

    /// T − T_min there.
    pub fn excess(&self) -> f64 {
        match &self.end {
            None => self.prediction.excess,
            Some(end) => (end.at.sharpness - self.prediction.min_sharpness).max(0.0),
        }
    }

    /// Each layer's share of T and F there.
    pub fn layers(&self) -> &[LayerShare] {
        match &self.end {
            None => &self.prediction.layers,
            Some(end) => &end.layers,
        }
    }

    /// As one JSON object; what is infinite or undefined is null.
    pub fn json(&self) -> Value {
        let p = &self.prediction;
        let [sharpness, lambda_max, fluctuation] = self.sharpness_lambda_max_fluctuation();
        let without_forces = self.end.is_some();
        let without_forces =
            without_forces.then(|| numbers(p.sharpness, p.fluctuation, p.lambda_max));
        let layers = self
            .layers()
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
                "effective_learning_rate": run.effective_rate,
                "batch": run.batch,
                "relaxation_steps": run.relaxation,
                "stability_number": run.validity.stability,
                "stability_formula": run.validity.stability_formula,
                "unweighted_fluctuation": run.stability.map(|at| at.unweighted_fluctuation),
                "relative_unweighted_fluctuation": run.stability.map(|at| at.relative_unweighted_fluctuation),
                "validity": run.belief,
            })
        });
        json!({
            "convention": CONVENTION,
            "notes": notes(self.problem.caveats()),
            "recipe": self.prepared.notes(),
            "without_forces": without_forces,
            "uncertainty": self.prepared.uncertainty(),
            "known_digits": self.prepared.known_digits(),
            (&*SHARPNESS.key): sharpness,
            "min_sharpness": p.min_sharpness,
            "excess": self.excess(),
            (&*FLUCTUATION.key): fluctuation,
            (&*LAMBDA_MAX.key): lambda_max,
            "initial_sharpness": { "kaiming": self.kaiming, "xavier": self.xavier },
            "condition_bounds": bounds,
            "noise_misalignment": self.misalignment,
            "exact_drift": self.exact_drift.as_ref().map(numbers_at),
            "run": run,
            "simulated": self.simulated.as_ref().map(SimulatedEnd::json),
            "layers": layers.collect::<Vec<_>>(),
            "nonzero_spectrum": self.spectrum,
        })
    }
}
