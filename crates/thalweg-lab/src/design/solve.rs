//! Finds the position of a lever at which SGD is predicted to end where it should.

use thalweg::Stop;
use thalweg::problem::Problem;
use thalweg::recipe::Recipe;

use super::lever::{Changed, Lever, LeverError};
use super::search::{MET, Sought, nearest};
use crate::answer::{AnswerError, PredictAnswer, Prepared};
use crate::compare::Belief;

/// Where SGD should end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// T, in loss/weight².
    Sharpness(f64),
    /// T/T_min.
    Ratio(f64),
    /// λ_max, in loss/weight².
    LambdaMax(f64),
    /// λ_max of at most this, the edge of stability: 2/η.
    Stable(f64),
}

/// What is predicted of one problem and recipe.
#[derive(Clone, Debug, PartialEq)]
pub struct DesignPrediction {
    /// T = tr ∇²L where SGD ends, in loss/weight².
    pub sharpness: f64,
    /// T_min, that of the flattest minimum, in loss/weight².
    pub min_sharpness: f64,
    /// λ_max of the Hessian where SGD ends, in loss/weight².
    pub lambda_max: f64,
    /// F = E‖∇ℓ‖² of one sample there, in loss²/weight².
    pub fluctuation: f64,
    /// The slow flow's relaxation time, steps, where it is known.
    pub relaxation_steps: Option<f64>,
    /// The sentence, where the theory is not to be believed at this η and B.
    pub warning: Option<String>,
}

/// A lever set so that the target is met.
#[derive(Clone, Debug)]
pub struct Designed {
    /// The key of the lever, as [`lever`](super::lever) finds it.
    pub lever: &'static str,
    /// Where it stands.
    pub position: f64,
    /// The problem and the recipe that it makes.
    pub changed: Changed,
    /// What is then predicted.
    pub after: DesignPrediction,
}

/// Why a lever does not reach a target.
#[derive(Debug, thiserror::Error)]
pub enum DesignError {
    /// The target is beyond what the lever can do.
    #[error("{}", beyond(lever, what, *target, [*low, *high], limit.as_deref()))]
    Beyond {
        /// The lever's name.
        lever: &'static str,
        /// The targeted quantity.
        what: &'static str,
        /// The target.
        target: f64,
        /// The least that is possible.
        low: f64,
        /// The most.
        high: f64,
        /// Why the lever goes no further, where that is not in the nature of things.
        limit: Option<String>,
    },
    /// The target is no number that the quantity can be.
    #[error("a target of {found} for {what} cannot be met: it is {needed}")]
    Nonsense {
        /// The targeted quantity.
        what: &'static str,
        /// What was asked.
        found: f64,
        /// What is right.
        needed: &'static str,
    },
    /// The lever cannot be moved.
    #[error(transparent)]
    Lever(#[from] LeverError),
    /// What it makes has no prediction.
    #[error(transparent)]
    Answer(#[from] AnswerError),
}

/// What a lever does in place of reaching the target.
fn beyond(
    lever: &str,
    what: &str,
    target: f64,
    [low, high]: [f64; 2],
    limit: Option<&str>,
) -> String {
    if high - low <= MET * high.abs() {
        return format!("{lever}: {what} stays at {low:.6} here, and {target:.6} is asked for");
    }
    let limit = limit.map_or(String::new(), |limit| format!(" ({limit})"));
    format!(
        "{lever} takes {what} from {low:.6} to {high:.6} here{limit}, which {target:.6} is beyond"
    )
}

impl Target {
    /// Its symbol.
    pub fn what(self) -> &'static str {
        match self {
            Self::Sharpness(_) => "T",
            Self::Ratio(_) => "T/T_min",
            Self::LambdaMax(_) | Self::Stable(_) => "λ_max",
        }
    }

    /// The number that is wanted.
    pub fn value(self) -> f64 {
        match self {
            Self::Sharpness(value)
            | Self::Ratio(value)
            | Self::LambdaMax(value)
            | Self::Stable(value) => value,
        }
    }

    /// What `predicted` has of the targeted quantity.
    pub fn of(self, predicted: &DesignPrediction) -> f64 {
        match self {
            Self::Sharpness(_) => predicted.sharpness,
            Self::Ratio(_) => predicted.sharpness / predicted.min_sharpness,
            Self::LambdaMax(_) | Self::Stable(_) => predicted.lambda_max,
        }
    }

    /// Whether less will do as well.
    pub fn is_bound(self) -> bool {
        matches!(self, Self::Stable(_))
    }

    /// Whether `predicted` has what is wanted.
    pub fn is_met(self, predicted: &DesignPrediction) -> bool {
        let (found, wanted) = (self.of(predicted), self.value());
        (found - wanted).abs() <= MET * wanted || (self.is_bound() && found < wanted)
    }

    /// Refuses what no lever can meet, since the quantity has no such value.
    pub(crate) fn check(self) -> Result<(), DesignError> {
        let (value, what) = (self.value(), self.what());
        let needed = match self {
            Self::Ratio(ratio) if ratio < 1.0 => "at least 1, at the flattest minimum",
            _ if value.is_finite() && value > 0.0 => return Ok(()),
            _ => "a finite number above 0",
        };
        Err(DesignError::Nonsense {
            what,
            found: value,
            needed,
        })
    }
}

/// The least movement of `lever` at which SGD on `problem`, trained by `recipe` at η and B = `step`, is predicted to end at `target`, to a
/// relative 10⁻⁶ or better.
///
/// # Errors
/// When the target is beyond the lever's reach, with what is possible, the theory has no answer, or it was asked to stop.
pub fn design(
    problem: &Problem,
    recipe: &Recipe,
    step: (f64, usize),
    target: Target,
    lever: &dyn Lever,
) -> Result<Designed, DesignError> {
    target.check()?;
    let stop = Stop::here();
    let travel = lever.travel(problem, recipe, step)?;
    let at = |position: f64| -> Result<(Changed, DesignPrediction), DesignError> {
        stop.asked().map_err(AnswerError::work)?;
        let changed = (travel.at)(position)?;
        let predicted = predicted(&changed.problem, &changed.recipe, step)?;
        Ok((changed, predicted))
    };
    // A bound may be met by more than its value.
    let sought = if target.is_met(&at(0.0)?.1) {
        Sought::At(0.0)
    } else {
        nearest(&travel.positions, target.value(), |position| {
            Ok::<_, DesignError>(target.of(&at(position)?.1))
        })?
    };
    match sought {
        Sought::At(position) => {
            let (changed, after) = at(position)?;
            Ok(Designed {
                lever: lever.key(),
                position,
                changed,
                after,
            })
        }
        Sought::Beyond { low, high } => Err(DesignError::Beyond {
            lever: lever.name(),
            what: target.what(),
            target: target.value(),
            low,
            high,
            limit: travel.limit,
        }),
    }
}

/// Where SGD on `problem`, trained by `recipe` at η and B = `step`, is predicted to end.
///
/// # Errors
/// When the recipe does not fit the problem, or the theory has no answer.
pub fn predicted(
    problem: &Problem,
    recipe: &Recipe,
    step: (f64, usize),
) -> Result<DesignPrediction, AnswerError> {
    let prepared = Prepared::new(problem, recipe.clone(), Some(step))?;
    let answer = PredictAnswer::new(&prepared, false)?;
    let [sharpness, lambda_max, fluctuation] = answer.sharpness_lambda_max_fluctuation();
    let run = answer.run.as_ref();
    Ok(DesignPrediction {
        sharpness,
        min_sharpness: answer.prediction.min_sharpness,
        lambda_max,
        fluctuation,
        relaxation_steps: run.and_then(|run| run.relaxation),
        warning: run.and_then(|run| Belief::from(run.validity.clone()).warning),
    })
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
