//! What a prediction leaves out: by how much its leading term moves T.
//!
//! The forces of the slow flow are leading order in λ, ρ and p ([`Recipe`]), as its noise is in η. Each function here has the size of
//! the next order, so that [`Validity`](super::Validity) can say where the prediction is no longer right to about a percent. None has a
//! fitted constant. Beyond the paper.

mod across;
mod dropout;
mod sam;
mod scatter;
mod stiffness;

pub use across::{decay_leaves_a_minimum, most_decay};

use std::cell::OnceCell;

use faer::Mat;

use super::{
    FlowError, FlowSettings,
    pace::rate,
    point::{Model, Point},
    potential::add_decay,
    rest::rest,
};
use crate::Stop;
use crate::problem::{Problem, Weights};
use crate::recipe::{Forces, Recipe, Sam};
use crate::theory::{Minimum, functionals};
use crate::words::rounded;
use dropout::{Noisier, dropped_units};
pub(super) use sam::stronger_than_first_order;
use sam::{away_from_teacher, beyond_first_order, radius_at};
pub(super) use scatter::{Scatter, inputs_that_count};

/// What moves T beyond a prediction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// The noise pulls more strongly where the curvature is large against 1/η.
    StepSize,
    /// For the same reason SGD is sooner on its way than the slow flow.
    Pace,
    /// It takes the product of the weights away from V.
    WeightDecay,
    /// What is of higher order in its radius, and that it takes the product of the weights away from V.
    Sam,
    /// Its gradient noise, and that it takes the product of the weights away from V.
    HiddenDropout,
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
            Cause::StepSize if self.change.is_infinite() => {
                "with the scatter of minibatches about the mean over samples the steps are too large for SGD to rest, and a smaller learning rate or, where \
                 minibatches are small, larger ones are needed"
            }
            Cause::Sam if self.change.is_infinite() => {
                "SAM takes SGD beyond the edge of stability, or outweighs the teacher in some direction"
            }
            cause => cause.words(),
        }
    }
}

impl Cause {
    /// Its name in data.
    pub fn key(self) -> &'static str {
        match self {
            Self::StepSize => "learning_rate",
            Self::Pace => "pace",
            Self::WeightDecay => "weight_decay",
            Self::Sam => "sam",
            Self::HiddenDropout => "hidden_dropout",
            Self::DataSet => "data",
        }
    }

    /// What it is, for a sentence.
    fn words(self) -> &'static str {
        match self {
            Self::StepSize => {
                "at this learning rate noise pulls more strongly where the curvature is large"
            }
            Self::Pace => {
                "at this learning rate noise moves SGD sooner along the minima, most where the curvature is large"
            }
            Self::WeightDecay => "weight decay also takes the product of the weights below V",
            Self::Sam => {
                "SAM acts beyond its first order, most where the curvature is large, and takes the product of the weights below V"
            }
            Self::HiddenDropout => {
                "dropout of hidden units adds gradient noise and takes the product of the weights below V"
            }
            Self::DataSet => {
                "a set of N samples has minima of its own, which scatter by about √((1 + d_x tr Σε/‖V√Σx‖²)/N)"
            }
        }
    }
}

/// The leading term of what a prediction leaves out of one cause.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LeftOut {
    /// Of what.
    pub cause: Cause,
    /// T with it, relative to T as predicted, less 1. Infinite where it is not known: where weight decay, SAM or dropout outweighs the teacher in
    /// some direction, or beyond the edge of stability.
    pub change: f64,
}

/// All that is left out may change T by this much, relative to it: T is then right to about a percent.
pub const MOST_LEFT_OUT: f64 = 1e-2;

/// A leading term above this is no estimate: what it is the first of may be as large.
const MOST_ESTIMATED: f64 = 0.3;

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

/// By how much T may be off because of `parts` that are left out, if that is too much; `beside` something of which no size is given.
pub(super) fn left_out_warning(parts: &[LeftOut], beside: bool) -> Option<String> {
    let all = left_out_in_all(parts);
    if all <= MOST_LEFT_OUT {
        return None;
    }
    let words = |part: &LeftOut| match signed_percent(part) {
        Some(size) => format!("{} (T {size})", part.words()),
        None => part.words().to_owned(),
    };
    let shown = parts.iter().filter(|part| part.change.abs() >= LEAST_SHOWN);
    let parts = shown.map(words).collect::<Vec<_>>().join("; ");
    Some(if all.is_finite() {
        let so_large = if all > MOST_ESTIMATED {
            " (one as large as this says that the prediction does not hold, and no more)"
        } else {
            ""
        };
        format!(
            "{}T of SGD may differ by about {} % from this prediction: {parts}. The sizes are estimates of the leading term left out{so_large}; SGD itself, as `thalweg \
             predict --simulate` runs it, has all of it.",
            if beside { "Beside that, " } else { "" },
            percent(all)
        )
    } else {
        format!(
            "T of SGD differs from this prediction by an amount that is not known: {parts}. SGD itself, as `thalweg predict --simulate` runs it, has all of it."
        )
    })
}

/// What is less is 0.0 % in print, and not worth a word.
const LEAST_SHOWN: f64 = 5e-4;

/// Two digits, of what is an estimate.
fn percent(fraction: f64) -> String {
    let percent = 100.0 * fraction;
    if percent >= 9.95 {
        rounded(percent.round())
    } else {
        format!("{percent:.1}")
    }
}

/// Nothing where it is not known.
fn signed_percent(part: &LeftOut) -> Option<String> {
    if !part.change.is_finite() {
        return None;
    }
    let sign = match part.cause {
        Cause::DataSet | Cause::Pace => "±",
        _ if part.change < 0.0 => "−",
        _ => "+",
    };
    Some(format!("{sign}{} %", percent(part.change.abs())))
}

/// What a prediction speaks of.
#[derive(Clone, Debug)]
pub struct Place {
    /// The weights, at a minimum or on the way down to one.
    pub weights: Weights,
    /// λ_max there.
    pub lambda_max: f64,
    /// What SGD met on its way there, where a path leads there.
    pub way: Option<Way>,
}

/// What SGD met on its way to a place.
#[derive(Clone, Copy, Debug)]
pub struct Way {
    /// The largest λ_max.
    pub steepest: f64,
    /// The largest stability number in the mean square along the minima: with the scatter of minibatches, from 1 on the mean square of what is off them grows.
    pub mean_square: f64,
    /// The same where the way down was sharpest, or 0 where there was none.
    pub descending: f64,
    /// ∫ s/(1 − s) du along the minima, s that number, and with SAM what is of higher order in its radius: so much slow time is gone by more, if
    /// all noise pulls as strongly as along the steepest direction. None while the weights are on their way down, which noise does not lead: there it is
    /// [tried](super::Approach::drift) what noise and what is added to SGD do.
    pub ahead: Option<f64>,
    /// u, the slow time that is gone by.
    pub slow_time: f64,
}

impl Place {
    /// The end of SGD at `weights`, where the Hessian's largest eigenvalue is `lambda_max`.
    pub fn end(weights: Weights, lambda_max: f64) -> Self {
        Self {
            weights,
            lambda_max,
            way: None,
        }
    }
}

/// What a prediction of T at `place`, a minimum of `problem`, the one that is in effect learnt by `recipe`, leaves out at learning
/// rate η₁ = η/(1 − β) and B samples in a minibatch.
///
/// - *The step's size*: along an eigenvector of curvature h noise pulls not with the strength η₁²/B of small steps but 1/(1 − s) times that, s the
///   [stability number](Recipe::stability_number) of h with η₁h c/2 added, since the minibatch's own second moment scatters: of Gaussian samples E S² is
///   1 + c in the steepest direction, c = (Σ_j h_ij/λ_max + 1)/B with the curvatures h_ij of one output i, the most of any. From s = 1 on the mean square
///   of what is off the minimum grows. On the way this also makes SGD sooner, by up to d ln T/du, as noise moves it, times ∫ s/(1 − s) du.
/// - *Weight decay* and *dropout of hidden units* also act across the minima. With the force's potential R the loss is least where
///   K (W_D…W_1 − V)X = −J ∇R, J ∇R = Σ_k A_k (∂R/∂W_k) B_kX: that point is sought, straight up and down from `weights`, and T there is exact.
///   For decay J ∇R = λD W_D…W_1X, so that T falls by (2 − 2/D)λ at D layers with V = Σx = I.
/// - *Dropout of hidden units* also is label noise of covariance p/(1 − p) Σ_k A_k diag(E h_k²) A_kᵀ, and depends on x. On the way the noise's
///   clock is faster by the share that this adds to its trace. Across the minima it acts at once, and along them in all the time to the end: on the way the further
///   one of both and the first alone is said, of SAM too.
/// - *SAM*: about a minimum, along an eigenvector of curvature h, the step of linearised SGD takes the noise along with a
///   strength that is not η/2 + ρ but η(1 + ρh)³/2 + ρ + ρ²h on the step's own minibatch, and with another not η/2 but
///   η(1 + ρh)(1 + ρ²h²)/2 + ρ²h. Its second and third powers are of S, which scatters as above. In place of this function of K
///   its chord from 0 to λ_max is taken, and of the noise that it makes of I ⊗ Σε the share of outputs and of inputs. Normalised, ρ is ρ/‖g‖, ‖g‖² = F/B.
///
/// # Errors
/// When decay leaves no minimum but the network at 0, or a decomposition fails.
pub fn left_out(
    problem: &Problem,
    recipe: &Recipe,
    place: &Place,
    step: (f64, usize),
) -> Result<Vec<LeftOut>, FlowError> {
    Ok(left_out_at(problem, recipe, place, step)?.0)
}

/// The same, and how many times as strongly as by small steps the product fluctuates at most, 1/(1 − s); 1 where it does not rest.
pub(super) fn left_out_at(
    problem: &Problem,
    recipe: &Recipe,
    place: &Place,
    (learning_rate, batch): (f64, usize),
) -> Result<(Vec<LeftOut>, f64), FlowError> {
    let model = Model::new(problem);
    let mut found = Vec::new();
    // Where nothing is to be learnt SGD goes to the network at 0 under each of them.
    if model.signal() == 0.0 {
        return Ok((found, 1.0));
    }
    let raw_rate = learning_rate * (1.0 - recipe.momentum);
    let mut forces = Forces {
        dropout: 0.0,
        ascent: 0.0,
        ..recipe.forces(raw_rate, batch)
    };
    let point = Point::new(&model, place.weights.layers().to_vec());
    let radius = recipe.sam.map(|sam| radius_at(&model, &point, sam, batch));
    if let (
        Some(radius),
        Some(Sam {
            independent: false, ..
        }),
    ) = (radius, recipe.sam)
    {
        forces = forces.with_sam(2.0 * radius / learning_rate);
    }
    let stop = Stop::here();
    stop.asked()?;
    let lambda_max = place.lambda_max;
    let scatter = Scatter::of(inputs_that_count(&point, lambda_max)?, batch);
    let here = scatter.stability(recipe, learning_rate, lambda_max);
    let (steepest, mean_square, descending) = match &place.way {
        Some(way) => (way.steepest, way.mean_square.max(here), way.descending),
        None => (lambda_max, here, 0.0),
    };
    let independent = problem.with_independent_noise();
    let reference = Reference {
        problem: &independent,
        model,
        point,
        lambda_max,
        scatter: scatter.excess(),
        forces,
        sharpness: OnceCell::new(),
    };
    // The relative change of T where so much slow time is gone by more.
    let sooner = |ahead: f64| {
        let all = recipe.forces(raw_rate, batch);
        let Reference {
            model,
            point,
            forces,
            ..
        } = &reference;
        Ok(rate(model, point, forces.of_noise(), all)? * ahead)
    };
    let is_end = place.way.is_none();
    // And where there is so much more noise in all, as a share of what there is, with another end.
    let noisier = |found: Result<Noisier, FlowError>| {
        let Noisier { change, more } = found?;
        let change = change.at(is_end);
        match place.way {
            Some(Way {
                ahead: Some(_),
                slow_time,
                ..
            }) => Ok((1.0 + change) * (1.0 + sooner(more * slow_time)?) - 1.0),
            _ => Ok(change),
        }
    };
    let mut add = |cause, change: Result<f64, FlowError>| {
        let change = change.unwrap_or(f64::INFINITY);
        let change = if change.abs() < ROUNDING { 0.0 } else { change };
        found.push(LeftOut { cause, change });
    };
    // One layer has T = d_y tr Σx everywhere.
    let has_choice = problem.depth() > 1;
    // Beyond the edge of stability SGD does not rest, and the number itself says so.
    let rests = recipe.stability_number(raw_rate, steepest) < 1.0;
    let amplified = if rests && mean_square < 1.0 {
        1.0 / (1.0 - mean_square)
    } else {
        1.0
    };
    let ahead = place.way.map_or(Some(0.0), |way| way.ahead);
    if rests && mean_square.max(descending) >= 1.0 {
        add(Cause::StepSize, Ok(f64::INFINITY));
    } else if rests
        && has_choice
        && let Some(ahead) = ahead
    {
        match reference.stronger_where_stiff(here / (1.0 - here)) {
            Ok(change) => add(Cause::StepSize, Ok(change)),
            Err(FlowError::Stopped(stopped)) => return Err(stopped.into()),
            // Where noise does not reach every output there is no end to be moved.
            Err(_) => {}
        }
        if ahead > 0.0 {
            add(Cause::Pace, sooner(ahead));
        }
    }
    if !has_choice {
        return Ok((found, amplified));
    }
    let decay = recipe.weight_decay;
    decay_leaves_a_minimum(problem, decay)?;
    // What is added to SGD is tried on the way down, where no minimum is near that it could move.
    if ahead.is_none() {
        return Ok((found, amplified));
    }
    if decay > 0.0 {
        let pull = |point: &Point, gradient: &mut [Mat<f64>]| add_decay(point, decay, gradient);
        add(Cause::WeightDecay, reference.across(pull));
    }
    if let (Some(sam), Some(radius)) = (recipe.sam, radius) {
        // A normalised ascent is not along the gradient itself, and not in the stability number.
        let steeper = if sam.normalised {
            1.0 + radius * lambda_max
        } else {
            1.0
        };
        let rests = recipe.stability_number(raw_rate, steeper * lambda_max) < 1.0;
        let change = || {
            let change = InTime {
                at_once: away_from_teacher(&reference, sam, batch)?,
                along: beyond_first_order(&reference, sam.independent, radius, learning_rate)?,
            };
            Ok(change.at(is_end))
        };
        add(Cause::Sam, if rests { change() } else { Ok(f64::INFINITY) });
    }
    if recipe.hidden_dropout > 0.0 {
        let strength = recipe.hidden_dropout / (1.0 - recipe.hidden_dropout);
        add(
            Cause::HiddenDropout,
            noisier(dropped_units(&reference, strength)),
        );
    }
    Ok((found, amplified))
}

/// Relative changes of T that one cause makes at different times.
#[derive(Clone, Copy)]
struct InTime {
    /// Across the minima, where SGD is soon.
    at_once: f64,
    /// Along them, in all the time to the end.
    along: f64,
}

impl InTime {
    /// Both at the end; on the way the further one of both and the first alone: how much of the other acts by then is not known, and it may undo the first.
    fn at(self, is_end: bool) -> f64 {
        let both = (1.0 + self.at_once) * (1.0 + self.along) - 1.0;
        if is_end || both.abs() >= self.at_once.abs() {
            both
        } else {
            self.at_once
        }
    }
}

/// A change of T below this, relative, is of rounding: T itself is not known better.
const ROUNDING: f64 = 1e-7;

/// Where a prediction is, and what moves SGD there, with which other noise is compared.
struct Reference<'a> {
    problem: &'a Problem,
    model: Model,
    /// The predicted minimum.
    point: Point,
    /// Of the Hessian there.
    lambda_max: f64,
    /// c of E S² = 1 + c, for the second moment S of a minibatch in the steepest direction.
    scatter: f64,
    forces: Forces,
    /// T where the flow of `problem` ends under `forces`.
    sharpness: OnceCell<f64>,
}

impl Reference<'_> {
    /// T where the flow ends, found when it is first asked for.
    fn sharpness(&self) -> Result<f64, FlowError> {
        if let Some(&known) = self.sharpness.get() {
            return Ok(known);
        }
        let found = end(self.problem, self.problem, self.forces)?;
        Ok(*self.sharpness.get_or_init(|| found))
    }

    /// The relative change of T if the noise is that of inputs and labels of these covariances.
    fn change(&self, input: Mat<f64>, noise: Mat<f64>) -> Result<f64, FlowError> {
        let problem = self.problem;
        let noisy = with_noise(problem, input, noise)?;
        Ok(end(problem, &noisy, self.forces)? / self.sharpness()? - 1.0)
    }
}

/// `problem` with these covariances of inputs and labels, of which rounding may have made other than symmetric ones.
fn with_noise(problem: &Problem, input: Mat<f64>, noise: Mat<f64>) -> Result<Problem, FlowError> {
    let half = |matrix: &Mat<f64>| faer::Scale(0.5) * (matrix + matrix.transpose());
    Ok(Problem::with_hidden_widths(
        half(&input),
        problem.teacher().to_owned(),
        half(&noise),
        problem.depth(),
        &problem.widths()[1..problem.depth()],
    )?)
}

/// T of `problem` where the flow of `noisy` ends.
fn end(problem: &Problem, noisy: &Problem, forces: Forces) -> Result<f64, FlowError> {
    // In wide networks each of these takes a while.
    let stop = Stop::here();
    stop.asked()?;
    let weights = if forces.are_noise_alone() {
        let minimum = Minimum::of_sgd(noisy)?;
        stop.asked()?;
        minimum.weights()?
    } else {
        let settings = FlowSettings {
            forces,
            ..FlowSettings::default()
        };
        rest(noisy, &settings)?.weights
    };
    stop.asked()?;
    Ok(functionals(problem, &weights)?.sharpness)
}
