//! What a prediction under a [`Recipe`] leaves out: by how much its leading term moves T.
//!
//! The forces of the slow flow are leading order in λ, ρ and p, as its noise is in η. Each function here has the size of
//! the next order, so that [`Validity`](super::Validity) can say where the prediction is no longer right to about a percent. None has a
//! fitted constant. Beyond the paper.

mod across;
mod dropout;
mod sam;

pub use across::{decay_leaves_a_minimum, most_decay};

use faer::Mat;

use super::{
    FlowError, FlowSettings,
    point::{Model, Point},
    potential::add_decay,
    rest::rest,
};
use crate::problem::{Problem, Weights};
use crate::recipe::{Forces, Recipe};
use crate::theory::{Minimum, functionals};
use across::across;
use dropout::{dropped_inputs, dropped_units};
use sam::beyond_first_order;

/// What moves T beyond a prediction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// It takes the product of the weights away from V.
    WeightDecay,
    /// What is of higher order in its radius.
    Sam,
    /// Its gradient noise, and that it takes the product of the weights away from V.
    HiddenDropout,
    /// Inputs and residual are dependent.
    InputDropout,
    /// A data set has minima of its own.
    DataSet,
}

impl LeftOut {
    /// What it is, for a sentence.
    fn words(&self) -> &'static str {
        match self.cause {
            Cause::WeightDecay if self.change.is_infinite() => {
                "weight decay outweighs the teacher in some direction, which SGD loses"
            }
            cause => cause.words(),
        }
    }
}

impl Cause {
    /// Its name in data.
    pub fn key(self) -> &'static str {
        match self {
            Self::WeightDecay => "weight_decay",
            Self::Sam => "sam",
            Self::HiddenDropout => "hidden_dropout",
            Self::InputDropout => "input_dropout",
            Self::DataSet => "data",
        }
    }

    /// What it is, for a sentence.
    fn words(self) -> &'static str {
        match self {
            Self::WeightDecay => "weight decay also takes the product of the weights below V",
            Self::Sam => "SAM acts beyond its first order, most where the curvature is large",
            Self::HiddenDropout => {
                "dropout of hidden units adds gradient noise and takes the product of the weights below V"
            }
            Self::InputDropout => "dropout of inputs makes residual and inputs dependent",
            Self::DataSet => {
                "a set of N samples has minima of its own, which scatter by about 1/√N"
            }
        }
    }
}

/// The leading term of what a prediction leaves out of one cause.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LeftOut {
    /// Of what.
    pub cause: Cause,
    /// T with it, relative to T as predicted, less 1. Infinite where it is not known: under weight decay where that outweighs the teacher in some
    /// direction.
    pub change: f64,
}

/// What is left out of additions to SGD may change T by as much, all taken together: it is then right to about a percent.
pub const MOST_LEFT_OUT: f64 = 1e-2;

/// How much `parts` change T, relative to it, if all go the same way.
pub(super) fn left_out_in_all(parts: &[LeftOut]) -> f64 {
    parts.iter().map(|part| part.change.abs()).sum()
}

/// The larger change by each cause.
pub(super) fn worst_of(mut one: Vec<LeftOut>, other: &[LeftOut]) -> Vec<LeftOut> {
    for part in other {
        match one.iter_mut().find(|mine| mine.cause == part.cause) {
            Some(mine) if mine.change.abs() >= part.change.abs() => {}
            Some(mine) => *mine = *part,
            None => one.push(*part),
        }
    }
    one
}

/// By how much T may be off because of `parts` that are left out, if that is too much.
pub(super) fn left_out_warning(parts: &[LeftOut]) -> Option<String> {
    let all = left_out_in_all(parts);
    if all <= MOST_LEFT_OUT {
        return None;
    }
    let off = if all.is_finite() {
        format!("by about {} %", percent(all))
    } else {
        "by an amount that is not known".to_owned()
    };
    let words = |part: &LeftOut| format!("{} (T {})", part.words(), signed_percent(part));
    let parts: Vec<String> = parts.iter().map(words).collect();
    Some(format!(
        "T of SGD may differ {off} from this prediction: {}. The sizes are estimates of the leading term left out; `thalweg predict \
         --simulate` runs SGD itself.",
        parts.join("; ")
    ))
}

/// Two digits, of what is an estimate.
fn percent(fraction: f64) -> String {
    let percent = 100.0 * fraction;
    if percent >= 9.95 {
        format!("{percent:.0}")
    } else {
        format!("{percent:.1}")
    }
}

fn signed_percent(part: &LeftOut) -> String {
    if !part.change.is_finite() {
        return "by an unknown amount".to_owned();
    }
    let sign = match part.cause {
        Cause::DataSet => "±",
        _ if part.change < 0.0 => "−",
        _ => "+",
    };
    format!("{sign}{} %", percent(part.change.abs()))
}

/// What a prediction of T at the minimum `weights` of `problem`, the one that is in effect learnt by `recipe`, leaves out at learning
/// rate η₁ = η/(1 − β) and B samples in a minibatch.
///
/// - *Weight decay* and *dropout of hidden units* also act across the minima. With the force's potential R the loss is least where
///   K (W_D…W_1 − V)X = −J ∇R, J ∇R = Σ_k A_k (∂R/∂W_k) B_kX: that point is sought, straight up and down from `weights`, and T there is exact.
///   For decay J ∇R = λD W_D…W_1X, so that T falls by (2 − 2/D)λ at D layers with V = Σx = I.
/// - *Dropout of hidden units* also is label noise of covariance p/(1 − p) Σ_k A_k diag(E h_k²) A_kᵀ, but for its dependence on x.
/// - *SAM*: about a minimum, along an eigenvector of curvature h, the step of linearised SGD takes the noise along with a
///   strength that is not η/2 + ρ but η(1 + ρh)³/2 + ρ + ρ²h on the step's own minibatch, and with another not η/2 but
///   η(1 + ρh)(1 + ρ²h²)/2 + ρ²h. Its second and third powers are of S_xx, of which E S_xx² = (1 + (r + 1)/B) Σx². In place of this function of K
///   its chord from 0 to λ_max is taken, and of the noise that it makes of I ⊗ Σε the share of outputs and of inputs. Normalised, ρ is ρ/‖g‖, ‖g‖² = F/B.
/// - *Dropout of inputs*: of the noise that it adds as if residual and inputs were independent, an input's own part is missing in the gradient of
///   that input's weights, since it is either dropped or seen. Averaged over the inputs, noise without that part is taken.
///
/// # Errors
/// When decay leaves no minimum but the network at 0, or a decomposition fails.
pub fn left_out(
    problem: &Problem,
    recipe: &Recipe,
    weights: &Weights,
    (learning_rate, batch): (f64, usize),
) -> Result<Vec<LeftOut>, FlowError> {
    let model = Model::new(problem);
    let mut found = Vec::new();
    // One layer has T = d_y tr Σx everywhere, and no signal leaves nothing to lose.
    if problem.depth() == 1 || model.signal() == 0.0 {
        return Ok(found);
    }
    let forces = Forces {
        dropout: 0.0,
        ascent: 0.0,
        ..recipe.forces(learning_rate * (1.0 - recipe.momentum), batch)
    };
    let mut add = |cause, change: Result<f64, FlowError>| {
        let change = change.unwrap_or(f64::INFINITY);
        found.push(LeftOut { cause, change });
    };
    if recipe.weight_decay > 0.0 {
        let decay = recipe.weight_decay;
        decay_leaves_a_minimum(problem, decay)?;
        let pull = |point: &Point, gradient: &mut [Mat<f64>]| add_decay(point, decay, gradient);
        let change = across(&model, weights, pull)?.unwrap_or(f64::INFINITY);
        add(Cause::WeightDecay, Ok(change));
    }
    if let Some(sam) = recipe.sam {
        add(
            Cause::Sam,
            beyond_first_order(problem, weights, sam, forces, (learning_rate, batch)),
        );
    }
    if recipe.hidden_dropout > 0.0 {
        let strength = recipe.hidden_dropout / (1.0 - recipe.hidden_dropout);
        add(
            Cause::HiddenDropout,
            dropped_units(problem, &model, weights, forces, strength),
        );
    }
    if recipe.input_dropout > 0.0 {
        add(
            Cause::InputDropout,
            dropped_inputs(problem, forces, recipe.input_dropout),
        );
    }
    Ok(found)
}

/// T of `problem` where the flow ends whose noise is that of inputs and labels of these covariances.
fn end_of(
    problem: &Problem,
    input: Mat<f64>,
    noise: Mat<f64>,
    forces: Forces,
) -> Result<f64, FlowError> {
    let half = |matrix: &Mat<f64>| faer::Scale(0.5) * (matrix + matrix.transpose());
    let noisy = Problem::with_hidden_widths(
        half(&input),
        problem.teacher().to_owned(),
        half(&noise),
        problem.depth(),
        &problem.widths()[1..problem.depth()],
    )?;
    end(problem, &noisy, forces)
}

/// T of `problem` where the flow of `noisy` ends.
fn end(problem: &Problem, noisy: &Problem, forces: Forces) -> Result<f64, FlowError> {
    let weights = if forces.are_noise_alone() {
        Minimum::of_sgd(noisy)?.weights()?
    } else {
        let settings = FlowSettings {
            forces,
            ..FlowSettings::default()
        };
        rest(noisy, &settings)?.weights
    };
    Ok(functionals(problem, &weights)?.sharpness)
}
