//! What a prediction leaves out: by how much its leading term moves T.
//!
//! The forces of the slow flow are leading order in λ, ρ and p ([`Recipe`]), as its noise is in η. Each function here has the size of
//! the next order, so that [`Validity`](super::Validity) can say where the prediction is no longer right to about a percent. None has a
//! fitted constant. Beyond the paper.

mod across;
mod dropout;
mod reference;
mod sam;
mod scatter;
mod stiffness;
mod words;

pub use across::{decay_leaves_a_minimum, most_decay};

use faer::Mat;

use super::{
    FlowError,
    pace::rate,
    point::{Model, Point},
    potential::add_decay,
};
use crate::Stop;
use crate::problem::{Problem, Weights};
use crate::recipe::{Forces, Recipe, Sam};
use dropout::{Noisier, dropped_units};
use reference::Reference;
pub(super) use sam::stronger_than_first_order;
use sam::{away_from_teacher, beyond_first_order, radius_at};
pub(super) use scatter::{Scatter, inputs_that_count};
pub use words::{Cause, LeftOut, MOST_LEFT_OUT};
pub(super) use words::{left_out_in_all, left_out_warning, worst_of};

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
///   For decay J ∇R = λD W_D…W_1X, so that T falls by (2 − 2/D)λ of itself at D layers where all are alike: V = Σx = I, with isotropic noise or decay
///   that outweighs it.
/// - *Dropout of hidden units* also is label noise of covariance p/(1 − p) Σ_k A_k diag(E h_k²) A_kᵀ, and depends on x. On the way the noise's
///   clock is faster by the share that this adds to its trace. Across the minima it acts at once, and along them in all the time to the end: on the way the change
///   of T by the first alone and that by both are computed, and the larger one is said, of SAM too.
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
    step: (f64, usize),
) -> Result<(Vec<LeftOut>, f64), FlowError> {
    let model = Model::new(problem);
    // Where nothing is to be learnt SGD goes to the network at 0 under each of them.
    if model.signal() == 0.0 {
        return Ok((Vec::new(), 1.0));
    }
    let independent = problem.with_independent_noise();
    let run = Run::new(&independent, model, recipe, place, step)?;
    let mut found = run.of_the_step()?;
    // One layer has T = d_y tr Σx everywhere.
    if problem.depth() > 1 {
        decay_leaves_a_minimum(problem, recipe.weight_decay)?;
        // What is added to SGD is tried on the way down, where no minimum is near that it could move.
        if run.ahead().is_some() {
            found.extend(run.of_what_is_added()?);
        }
    }
    Ok((found, run.amplified()))
}

/// SGD by a recipe, at the place of which a prediction speaks.
struct Run<'a> {
    recipe: &'a Recipe,
    place: &'a Place,
    /// η₁.
    learning_rate: f64,
    /// η.
    raw_rate: f64,
    /// B.
    batch: usize,
    /// With which SAM acts there, along the gradient itself.
    radius: Option<f64>,
    /// The stability number in the mean square there.
    here: f64,
    reference: Reference<'a>,
}

impl<'a> Run<'a> {
    /// `problem` is `model`'s, with noise that is independent of the inputs.
    fn new(
        problem: &'a Problem,
        model: Model,
        recipe: &'a Recipe,
        place: &'a Place,
        (learning_rate, batch): (f64, usize),
    ) -> Result<Self, FlowError> {
        let raw_rate = learning_rate * (1.0 - recipe.momentum);
        let mut forces = Forces {
            dropout: 0.0,
            ascent: 0.0,
            ..recipe.forces(raw_rate, batch)
        };
        let point = Point::new(&model, place.weights.layers().to_vec());
        let radius = recipe.sam.map(|sam| radius_at(&model, &point, sam, batch));
        if let (Some(radius), Some(sam)) = (radius, recipe.sam)
            && !sam.independent
        {
            forces = forces.with_sam(2.0 * radius / learning_rate);
        }
        Stop::here().asked()?;
        let scatter = Scatter::of(inputs_that_count(&point, place.lambda_max)?, batch);
        let here = scatter.stability(recipe, learning_rate, place.lambda_max);
        let reference = Reference::new(problem, model, point, (place.lambda_max, scatter), forces);
        Ok(Self {
            recipe,
            place,
            learning_rate,
            raw_rate,
            batch,
            radius,
            here,
            reference,
        })
    }

    /// Whether SGD rests where the curvature is `steepest`: beyond the edge of stability it does not, and the number itself says so.
    fn rests(&self, steepest: f64) -> bool {
        self.recipe.stability_number(self.raw_rate, steepest) < 1.0
    }

    /// λ_max, the most there was.
    fn steepest(&self) -> f64 {
        let way = &self.place.way;
        way.map_or(self.place.lambda_max, |way| way.steepest)
    }

    /// The largest stability number in the mean square along the minima.
    fn mean_square(&self) -> f64 {
        let way = &self.place.way;
        way.map_or(self.here, |way| way.mean_square.max(self.here))
    }

    /// 1/(1 − s), or 1 where SGD does not rest.
    fn amplified(&self) -> f64 {
        let mean_square = self.mean_square();
        if self.rests(self.steepest()) && mean_square < 1.0 {
            1.0 / (1.0 - mean_square)
        } else {
            1.0
        }
    }

    /// How much slow time is gone by more on the way; none on the way down.
    fn ahead(&self) -> Option<f64> {
        self.place.way.map_or(Some(0.0), |way| way.ahead)
    }

    /// The relative change of T where so much slow time is gone by more.
    fn sooner(&self, ahead: f64) -> Result<f64, FlowError> {
        let forces = self.recipe.forces(self.raw_rate, self.batch);
        let Reference { model, point, .. } = &self.reference;
        Ok(rate(model, point, self.reference.forces.of_noise(), forces)? * ahead)
    }

    /// What the step's size does.
    fn of_the_step(&self) -> Result<Vec<LeftOut>, FlowError> {
        if !self.rests(self.steepest()) {
            return Ok(Vec::new());
        }
        let descending = self.place.way.map_or(0.0, |way| way.descending);
        if self.mean_square().max(descending) >= 1.0 {
            return Ok(vec![LeftOut::of(Cause::StepSize, Ok(f64::INFINITY))?]);
        }
        let mut found = Vec::new();
        if let Some(ahead) = self.ahead()
            && self.reference.problem.depth() > 1
        {
            let more = self.here / (1.0 - self.here);
            match self.reference.stronger_where_stiff(more) {
                Err(FlowError::Stopped(stopped)) => return Err(stopped.into()),
                // Where noise does not reach every output there is no end to be moved.
                Err(_) => {}
                change => found.push(LeftOut::of(Cause::StepSize, change)?),
            }
            if ahead > 0.0 {
                found.push(LeftOut::of(Cause::Pace, self.sooner(ahead))?);
            }
        }
        Ok(found)
    }

    /// What weight decay, SAM and dropout do.
    fn of_what_is_added(&self) -> Result<Vec<LeftOut>, FlowError> {
        let mut found = Vec::new();
        let decay = self.recipe.weight_decay;
        if decay > 0.0 {
            let pull = |point: &Point, gradient: &mut [Mat<f64>]| add_decay(point, decay, gradient);
            found.push(LeftOut::of(
                Cause::WeightDecay,
                self.reference.across(pull),
            )?);
        }
        if let (Some(sam), Some(radius)) = (self.recipe.sam, self.radius) {
            found.push(LeftOut::of(Cause::Sam, self.sam(sam, radius))?);
        }
        if self.recipe.hidden_dropout > 0.0 {
            let strength = self.recipe.hidden_dropout / (1.0 - self.recipe.hidden_dropout);
            let noisier = dropped_units(&self.reference, strength);
            let change = noisier.and_then(|noisier| self.noisier(&noisier));
            found.push(LeftOut::of(Cause::HiddenDropout, change)?);
        }
        Ok(found)
    }

    /// What SAM does at `radius`.
    fn sam(&self, sam: Sam, radius: f64) -> Result<f64, FlowError> {
        let lambda_max = self.place.lambda_max;
        // A normalised ascent is not along the gradient itself, and not in the stability number.
        let steeper = if sam.normalised {
            1.0 + radius * lambda_max
        } else {
            1.0
        };
        if !self.rests(steeper * lambda_max) {
            return Ok(f64::INFINITY);
        }
        let (reference, rate) = (&self.reference, self.learning_rate);
        let change = InTime {
            at_once: away_from_teacher(reference, sam, self.batch)?,
            along: beyond_first_order(reference, sam.independent, radius, rate)?,
        };
        Ok(change.at(self.place.way.is_none()))
    }

    /// The relative change of T where there is so much more noise in all, as a share of what there is, with another end.
    fn noisier(&self, Noisier { change, more }: &Noisier) -> Result<f64, FlowError> {
        let change = change.at(self.place.way.is_none());
        match self.place.way {
            Some(Way {
                ahead: Some(_),
                slow_time,
                ..
            }) => Ok((1.0 + change) * (1.0 + self.sooner(more * slow_time)?) - 1.0),
            _ => Ok(change),
        }
    }
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
