//! Finds the position of a lever at which SGD is predicted to end where it should.

use thalweg::Stop;
use thalweg::flow::FlowError;
use thalweg::problem::Problem;
use thalweg::recipe::Recipe;

use super::lever::{Changed, Lever, LeverError};
use crate::answer::{AnswerError, PredictAnswer, Prepared};

/// Where SGD should end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// T, in loss/weight².
    Sharpness(f64),
    /// T/T_min.
    Ratio(f64),
    /// λ_max, in loss/weight².
    LambdaMax(f64),
}

/// What is predicted of one problem and recipe.
#[derive(Clone, Copy, Debug, PartialEq)]
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
    /// What is predicted before.
    pub before: DesignPrediction,
    /// What is predicted after.
    pub after: DesignPrediction,
}

/// Why a lever does not reach a target.
#[derive(Debug, thiserror::Error)]
pub enum DesignError {
    /// The target is beyond what the lever can do.
    #[error("{lever} takes {what} from {low:.6} to {high:.6} here, which {target:.6} is beyond")]
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

impl Target {
    /// Its symbol.
    pub fn what(self) -> &'static str {
        match self {
            Self::Sharpness(_) => "T",
            Self::Ratio(_) => "T/T_min",
            Self::LambdaMax(_) => "λ_max",
        }
    }

    /// The number that is wanted.
    pub fn value(self) -> f64 {
        match self {
            Self::Sharpness(value) | Self::Ratio(value) | Self::LambdaMax(value) => value,
        }
    }

    /// What `predicted` has of the targeted quantity.
    pub fn of(self, predicted: &DesignPrediction) -> f64 {
        match self {
            Self::Sharpness(_) => predicted.sharpness,
            Self::Ratio(_) => predicted.sharpness / predicted.min_sharpness,
            Self::LambdaMax(_) => predicted.lambda_max,
        }
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

/// Positions at which the lever is tried before the target is sought between two of them.
const TRIED: usize = 24;

/// Halvings of that interval: what is left is rounding.
const HALVINGS: usize = 50;

/// A target is met where the prediction is this close to it, relatively.
const MET: f64 = 1e-9;

/// The least movement of `lever` at which SGD on `problem`, trained by `recipe` at η and B = `step`, is predicted to end at `target`.
///
/// The lever is tried at 24 positions on either side of rest, and the target sought by bisection between the two nearest to
/// rest that have it between them.
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
    let at = |position: f64| -> Result<(Changed, DesignPrediction), DesignError> {
        stop.asked().map_err(AnswerError::work)?;
        let changed = lever.at(position, problem, recipe, step)?;
        let predicted = predicted(&changed.problem, &changed.recipe, step)?;
        Ok((changed, predicted))
    };
    let before = predicted(problem, recipe, step)?;
    let wanted = target.value();
    let off = |predicted: &DesignPrediction| target.of(predicted) - wanted;
    let (mut low, mut high) = (target.of(&before), target.of(&before));
    // Two positions with the target between them, the first nearer to rest, and how far off the prediction is there.
    let mut bracket: Option<(f64, f64, f64)> = None;
    let range = lever.positions();
    for end in [*range.start(), *range.end()] {
        if end == 0.0 {
            continue;
        }
        let mut last = (0.0, off(&before));
        for i in 1..=TRIED {
            let position = end * i as f64 / TRIED as f64;
            let here = match at(position) {
                // Beyond it no minimum is left.
                Err(DesignError::Answer(error)) if outweighs(&error) => break,
                found => off(&found?.1),
            };
            (low, high) = (low.min(here + wanted), high.max(here + wanted));
            // The end of the range may be the target itself, but for rounding.
            let met = i == TRIED && (here / wanted).abs() < MET;
            let nearer = bracket.is_none_or(|(_, _, far)| position.abs() < far.abs());
            if nearer && (last.1 * here <= 0.0 || met) {
                bracket = Some((last.0, last.1, position));
                break;
            }
            last = (position, here);
        }
    }
    let Some((mut near, side, mut far)) = bracket else {
        return Err(DesignError::Beyond {
            lever: lever.name(),
            what: target.what(),
            target: wanted,
            low,
            high,
        });
    };
    for _ in 0..HALVINGS {
        let middle = 0.5 * (near + far);
        if off(&at(middle)?.1) * side > 0.0 {
            near = middle;
        } else {
            far = middle;
        }
    }
    let (changed, after) = at(far)?;
    Ok(Designed {
        lever: lever.key(),
        position: far,
        changed,
        before,
        after,
    })
}

/// Whether `error` is that a weight decay leaves no minimum.
fn outweighs(error: &AnswerError) -> bool {
    let AnswerError::Input(error) = error else {
        return false;
    };
    matches!(error.downcast_ref(), Some(FlowError::DecayOutweighs { .. }))
}

fn predicted(
    problem: &Problem,
    recipe: &Recipe,
    step: (f64, usize),
) -> Result<DesignPrediction, DesignError> {
    let prepared = Prepared::new(problem, recipe.clone(), Some(step))?;
    let answer = PredictAnswer::new(&prepared, false)?;
    let [sharpness, lambda_max, fluctuation] = answer.sharpness_lambda_max_fluctuation();
    Ok(DesignPrediction {
        sharpness,
        min_sharpness: answer.prediction.min_sharpness,
        lambda_max,
        fluctuation,
        relaxation_steps: answer.run.as_ref().and_then(|run| run.relaxation),
    })
}

#[cfg(test)]
mod tests {
    use super::super::lever;
    use super::*;
    use thalweg::problem::covariance;

    fn problem() -> Problem {
        let one = || faer::Mat::<f64>::identity(2, 2);
        let input = covariance::from_deviations(&[2.0, 0.5]);
        Problem::new(input, one(), covariance::from_deviations(&[1.0, 0.2]), 2).unwrap()
    }

    fn by(key: &str, target: Target) -> Result<Designed, DesignError> {
        let lever = lever(key).unwrap();
        design(&problem(), &Recipe::default(), (0.005, 10), target, lever)
    }

    /// Each lever meets targets inside its range, and what it changes predicts them.
    #[test]
    fn targets_are_met() {
        let before = by("added_noise", Target::Ratio(1.0)).unwrap().before;
        for (key, target) in [
            ("added_noise", Target::Ratio(1.0)),
            ("added_noise", Target::Ratio(1.1)),
            ("added_noise", Target::Sharpness(3.0 * before.sharpness)),
            ("weight_decay", Target::Sharpness(0.97 * before.sharpness)),
            ("weight_decay", Target::LambdaMax(0.97 * before.lambda_max)),
            ("label_weights", Target::Ratio(1.2)),
            ("whitening", Target::Sharpness(0.97 * before.sharpness)),
        ] {
            let found = by(key, target).unwrap();
            let again = predicted(&found.changed.problem, &found.changed.recipe, (0.005, 10));
            let met = target.of(&again.unwrap());
            assert!(
                (met / target.value() - 1.0).abs() < 1e-6,
                "{key} {target:?}: {met}"
            );
        }
        // λ_max(Σε) I − Σε makes the noise isotropic.
        let flattest = by("added_noise", Target::Ratio(1.0)).unwrap();
        let added = flattest.changed.recipe.added_noise_covariance.unwrap();
        assert!(added[(0, 0)].abs() < 1e-9 && (added[(1, 1)] - 0.96).abs() < 1e-6);
    }

    #[test]
    fn impossible_targets_say_what_is_possible() {
        let words = by("weight_decay", Target::Sharpness(1e-3))
            .unwrap_err()
            .to_string();
        assert!(words.contains("weight decay takes T from"), "{words}");
        let words = by("added_noise", Target::Ratio(0.5))
            .unwrap_err()
            .to_string();
        assert!(words.contains("at least 1"), "{words}");
    }
}
