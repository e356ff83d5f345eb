//! Finds the position of a lever at which SGD is predicted to end where it should.

use thalweg::Stop;
use thalweg::flow::{LeftOut, is_turned};
use thalweg::problem::Problem;
use thalweg::recipe::Recipe;
use thalweg::simulate::SimulateSettings;
use thalweg::words::shown;

use super::lever::{Changed, Lever, LeverError};
use super::search::{MET, Sought, nearest};
use crate::answer::{AnswerError, PredictAnswer, Prepared};
use crate::run::is_reshuffled;

/// Where SGD should end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// T, in loss/weight².
    Sharpness(f64),
    /// T/T_min.
    Ratio(f64),
    /// λ_max, in loss/weight².
    LambdaMax(f64),
    /// A stability number below 1, 0.999 where it has to be made so: λ_max below 2(1 + β)/η, less under SAM and weight decay.
    Stable,
}

/// The stability number at the edge, where SGD cannot rest any more.
const EDGE: f64 = 1.0;

/// What is aimed at short of the edge: a lever set to six digits, as it is printed, is then on this side of it too.
const STABLE: f64 = 0.999;

/// What is predicted of one problem and recipe.
#[derive(Clone, Debug, PartialEq)]
pub struct DesignPrediction {
    /// T = tr ∇²L where SGD ends, in loss/weight².
    pub sharpness: f64,
    /// T_min, that of the flattest minimum, in loss/weight².
    pub min_sharpness: f64,
    /// λ_max of the Hessian where SGD ends, in loss/weight².
    pub lambda_max: f64,
    /// η λ_max/(2 (1 + β)) or what stands in its place ([`Recipe::stability_number`]): 1 at the edge of stability.
    pub stability_number: f64,
    /// F = E‖∇ℓ‖² of one sample there, in loss²/weight².
    pub fluctuation: f64,
    /// The relative error to which these are known.
    pub uncertainty: f64,
    /// The slow flow's relaxation time, steps, where it is known.
    pub relaxation_steps: Option<f64>,
    /// What it leaves out of what is added to SGD.
    pub left_out: Vec<LeftOut>,
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
    #[error("{}", beyond(what, *target, [*low, *high], limit.as_deref(), ends))]
    Beyond {
        /// The targeted quantity.
        what: &'static str,
        /// The target.
        target: f64,
        /// The least that is possible.
        low: f64,
        /// The most.
        high: f64,
        /// Why the lever goes no further to that side, where that is not in the nature of things.
        limit: Option<String>,
        /// Why there is no prediction further below rest, and above, where there is none.
        ends: [Option<Box<DesignError>>; 2],
    },
    /// SGD ends elsewhere all at once as the lever is moved.
    #[error(
        "{what} jumps from {near:.6} to {far:.6} here, which {target:.6} lies between, at: {words}"
    )]
    Jump {
        /// The targeted quantity.
        what: &'static str,
        /// The target.
        target: f64,
        /// Before the jump.
        near: f64,
        /// After it.
        far: f64,
        /// What the lever makes there.
        words: String,
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
    /// The quantity has no value at the end as it is.
    #[error(
        "{what} is undefined here: with V√Σx = 0 the flattest minimum has T = 0; aim at a sharpness or an eigenvalue instead"
    )]
    Undefined {
        /// The targeted quantity.
        what: &'static str,
    },
    /// The lever cannot be moved.
    #[error(transparent)]
    Lever(#[from] LeverError),
    /// What it makes has no prediction.
    #[error(transparent)]
    Answer(#[from] AnswerError),
}

/// How far a lever takes a quantity, in place of to the target.
fn beyond(
    what: &str,
    target: f64,
    [low, high]: [f64; 2],
    limit: Option<&str>,
    ends: &[Option<Box<DesignError>>; 2],
) -> String {
    let mut ends: Vec<String> = ends.iter().flatten().map(ToString::to_string).collect();
    ends.dedup();
    let ends = ends.join("; or, the other way, ");
    let stays = high - low <= MET * high.abs();
    if stays && !ends.is_empty() {
        return format!("there is no prediction where it is moved: {ends}");
    }
    let asked = shown(target);
    let range = if stays {
        format!("{what} stays at {low:.6} here, and {asked} is asked for")
    } else {
        let limit = limit.map_or(String::new(), |limit| format!(" ({limit})"));
        let [low, high] = inwards([low, high]);
        format!("{what} goes from {low} to {high} here{limit}, and {asked} is outside of that")
    };
    if ends.is_empty() {
        range
    } else {
        format!("{range}; where it is moved further there is no prediction: {ends}")
    }
}

/// The ends of a range to six decimals, rounded so that each is a target within it; as they are where it is narrower.
fn inwards([low, high]: [f64; 2]) -> [String; 2] {
    let rounded = [(low * 1e6).ceil() / 1e6, (high * 1e6).floor() / 1e6];
    if rounded[0] < rounded[1] {
        rounded.map(|end| format!("{end:.6}"))
    } else {
        [low, high].map(|end| end.to_string())
    }
}

impl Target {
    /// Its symbol.
    pub fn what(self) -> &'static str {
        match self {
            Self::Sharpness(_) => "T",
            Self::Ratio(_) => "T/T_min",
            Self::LambdaMax(_) => "λ_max",
            Self::Stable => "the stability number",
        }
    }

    /// The number that is wanted.
    pub fn value(self) -> f64 {
        match self {
            Self::Sharpness(value) | Self::Ratio(value) | Self::LambdaMax(value) => value,
            Self::Stable => STABLE,
        }
    }

    /// What `predicted` has of the targeted quantity.
    pub fn of(self, predicted: &DesignPrediction) -> f64 {
        match self {
            Self::Sharpness(_) => predicted.sharpness,
            Self::Ratio(_) => predicted.sharpness / predicted.min_sharpness,
            Self::LambdaMax(_) => predicted.lambda_max,
            Self::Stable => predicted.stability_number,
        }
    }

    /// Whether less will do as well.
    pub fn is_bound(self) -> bool {
        self == Self::Stable
    }

    /// Whether `predicted` has what is wanted.
    pub fn is_met(self, predicted: &DesignPrediction) -> bool {
        self.is_met_by(self.of(predicted), MET)
    }

    /// Whether `found` is what is wanted, to the relative error `within`.
    fn is_met_by(self, found: f64, within: f64) -> bool {
        let wanted = self.value();
        (found - wanted).abs() <= within * wanted || (self.is_bound() && found < EDGE)
    }

    /// Refuses a quantity that has no value where SGD ends as it is.
    pub(crate) fn check_at(self, before: &DesignPrediction) -> Result<(), DesignError> {
        let what = self.what();
        let is_defined = !self.of(before).is_nan();
        is_defined
            .then_some(())
            .ok_or(DesignError::Undefined { what })
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

/// A problem and how SGD is run on it, with what the ends are predicted by.
pub(crate) struct Question<'a> {
    problem: &'a Problem,
    settings: &'a SimulateSettings,
    /// Whether the exact drift is followed to each end.
    followed: bool,
    /// Whether it can be.
    is_followable: bool,
}

/// The exact drift is followed where inputs times outputs are at most so many: it takes about a second there.
const MOST_FOLLOWED: usize = 25;

/// A target is met to this, relatively.
const NEAR: f64 = 2e-6;

impl<'a> Question<'a> {
    /// Theorem 1's minimum is where SGD ends unless noise and signal have different axes; then the exact drift is followed, if the problem is small.
    /// That is decided by the problem as it is, and by where a lever takes it ([`answer`](Self::answer)), so that ends change continuously on the lever's way.
    pub(crate) fn new(
        problem: &'a Problem,
        settings: &'a SimulateSettings,
    ) -> Result<Self, AnswerError> {
        let learnt = settings.recipe.problem(problem);
        let learnt = learnt.map_err(AnswerError::input)?;
        let is_small = problem.input_dim() * problem.output_dim() <= MOST_FOLLOWED;
        let is_followable = is_small && !is_reshuffled(&settings.data);
        Ok(Self {
            problem,
            settings,
            followed: is_followable && is_turned(&learnt),
            is_followable,
        })
    }

    /// `problem`, trained by `recipe`, in place of what was asked of.
    pub(crate) fn prepared<'p>(
        &self,
        problem: &'p Problem,
        recipe: &Recipe,
    ) -> Result<Prepared<'p>, AnswerError> {
        let step = (self.settings.learning_rate, self.settings.batch);
        let prepared = Prepared::new(problem, recipe.clone(), Some(step))?;
        Ok(prepared
            .on(self.settings.data, self.settings.switch.is_some())
            .by_exact_drift(self.followed))
    }

    /// What the theory makes of each entry of the recipe and of the data, and what the ends are predicted by, in sentences.
    pub(crate) fn notes(&self) -> Result<Vec<String>, AnswerError> {
        let mut notes = self.prepared(self.problem, &self.settings.recipe)?.notes();
        if self.followed {
            notes.push(
                "Noise and signal have different axes, so that SGD does not end at Theorem 1's minimum: ends are those of the exact drift (beyond the paper)."
                    .to_owned(),
            );
        }
        Ok(notes)
    }

    /// Where SGD ends if nothing is changed.
    pub(crate) fn before(&self) -> Result<DesignPrediction, AnswerError> {
        self.predicted(self.problem, &self.settings.recipe)
    }

    /// Where SGD on `problem`, trained by `recipe`, ends.
    pub(crate) fn predicted(
        &self,
        problem: &Problem,
        recipe: &Recipe,
    ) -> Result<DesignPrediction, AnswerError> {
        let prepared = self.prepared(problem, recipe)?;
        let answer = PredictAnswer::new(&prepared, false)?;
        let [sharpness, lambda_max, fluctuation] = answer.sharpness_lambda_max_fluctuation();
        let run = answer.run.as_ref();
        Ok(DesignPrediction {
            sharpness,
            min_sharpness: answer.prediction.min_sharpness,
            lambda_max,
            stability_number: recipe.stability_number(self.settings.learning_rate, lambda_max),
            fluctuation,
            uncertainty: prepared.uncertainty(),
            relaxation_steps: run.and_then(|run| run.relaxation),
            left_out: run.map_or_else(Vec::new, |run| run.validity.left_out.clone()),
            warning: run.and_then(|run| run.belief.warning.clone()),
        })
    }

    /// The least movement of `lever` from `before` at which SGD is predicted to end at `target`. Where that turns the noise against the signal it is sought
    /// once more, by the exact drift.
    pub(crate) fn answer(
        &self,
        before: &DesignPrediction,
        target: Target,
        lever: &dyn Lever,
    ) -> Result<Designed, DesignError> {
        let found = self.sought(before, target, lever);
        if self.followed || !self.is_followable || !self.turns(lever, &found)? {
            return found;
        }
        let exactly = Self {
            followed: true,
            ..*self
        };
        exactly.sought(&exactly.before()?, target, lever)
    }

    /// Whether noise and signal have different axes where `lever` stands in `found`, or at an end of its way, if the target is not on it.
    fn turns(
        &self,
        lever: &dyn Lever,
        found: &Result<Designed, DesignError>,
    ) -> Result<bool, DesignError> {
        let are_turned = |changed: &Changed| {
            let learnt = changed.recipe.problem(&changed.problem);
            let learnt = learnt.map_err(AnswerError::input)?;
            Ok(is_turned(&learnt))
        };
        match found {
            Ok(designed) => are_turned(&designed.changed),
            Err(DesignError::Beyond { .. } | DesignError::Jump { .. }) => {
                let travel = lever.travel(self.problem, self.settings)?;
                let ends = [*travel.positions.start(), *travel.positions.end()];
                let mut turned = false;
                for end in ends {
                    turned |= are_turned(&(travel.at)(end)?)?;
                }
                Ok(turned)
            }
            Err(_) => Ok(false),
        }
    }

    /// That movement by one way to predict.
    fn sought(
        &self,
        before: &DesignPrediction,
        target: Target,
        lever: &dyn Lever,
    ) -> Result<Designed, DesignError> {
        target.check()?;
        target.check_at(before)?;
        let stop = Stop::here();
        let travel = lever.travel(self.problem, self.settings)?;
        let mut known = Vec::new();
        let at = |position: f64| -> Result<f64, DesignError> {
            stop.asked().map_err(AnswerError::work)?;
            let changed = (travel.at)(position)?;
            let predicted = self.predicted(&changed.problem, &changed.recipe)?;
            let value = target.of(&predicted);
            known.push((position, changed, predicted));
            Ok(value)
        };
        let (wanted, now) = (target.value(), target.of(before));
        // A bound may be met by more than its value.
        let sought = if target.is_met(before) {
            Sought::At(0.0)
        } else {
            nearest(&travel.positions, wanted, now, at)?
        };
        // Having no values, and having been stopped, look the same to the search.
        stop.asked().map_err(AnswerError::work)?;
        let found = match sought {
            Sought::Jump { near, far } if !target.is_bound() => {
                return Err(DesignError::Jump {
                    what: target.what(),
                    target: wanted,
                    near: near.1,
                    far: far.1,
                    words: (travel.at)(far.0)?.words,
                });
            }
            Sought::At(found)
            | Sought::Jump {
                far: (found, _), ..
            } => found,
            Sought::Beyond { low, high, ends } => {
                let (furthest, value) = if wanted < low.1 { low } else { high };
                if !target.is_met_by(value, before.uncertainty.max(NEAR)) {
                    let range = [*travel.positions.start(), *travel.positions.end()];
                    let limits = range.into_iter().zip(travel.limits);
                    let mut limits = limits.filter(|(end, _)| *end == furthest);
                    return Err(DesignError::Beyond {
                        what: target.what(),
                        target: wanted,
                        low: low.1,
                        high: high.1,
                        limit: limits.find_map(|(_, limit)| limit),
                        ends: ends.map(|end| end.map(Box::new)),
                    });
                }
                // As near as the numbers are known, or as a target is met.
                furthest
            }
        };
        let is_found = |(position, ..): &(f64, _, _)| *position == found;
        let (position, changed, after) = match known.into_iter().find(is_found) {
            Some(known) => known,
            // At rest.
            None => (found, (travel.at)(found)?, before.clone()),
        };
        Ok(Designed {
            lever: lever.key(),
            position,
            changed,
            after,
        })
    }
}

/// The least movement of `lever` at which SGD on `problem`, by the recipe, η, B and data of `settings`, is predicted to end at `target`, to a
/// relative 10⁻⁶ or better, if it is predicted that exactly.
///
/// # Errors
/// When the target is beyond the lever's reach, with what is possible, the theory has no answer, or it was asked to stop.
pub fn design(
    problem: &Problem,
    settings: &SimulateSettings,
    target: Target,
    lever: &dyn Lever,
) -> Result<Designed, DesignError> {
    let question = Question::new(problem, settings)?;
    question.answer(&question.before()?, target, lever)
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
