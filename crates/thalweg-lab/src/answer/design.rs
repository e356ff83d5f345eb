//! What must be changed for SGD to end at a chosen sharpness, predicted and simulated before and after.

use std::collections::HashSet;

use faer::Mat;
use serde_json::{Map, Value, json};
use thalweg::Stop;
use thalweg::problem::Problem;
use thalweg::recipe::{LabelWeights, Recipe};
use thalweg::simulate::SimulateSettings;
use thalweg::words::shown;

use super::{AnswerError, CONVENTION, PredictAnswer, SimulatedEnd, notes, with_causes};
use crate::design::{DesignError, DesignPrediction, Designed, Lever, Question, Target};

/// SGD where it is predicted to end, if it was simulated, or why it could not be.
pub type Simulated = Option<Result<SimulatedEnd, AnswerError>>;

/// What each lever needs, of those that reach the target.
pub struct DesignAnswer {
    /// Where SGD should end.
    pub target: Target,
    /// η, the learning rate in weight²/loss, and B, the samples in a minibatch.
    pub step: (f64, usize),
    /// Without any change. Where it meets the target, no lever is moved.
    pub before: (DesignPrediction, Simulated),
    /// With each lever that reaches the target.
    pub designs: Vec<(&'static dyn Lever, Designed, Simulated)>,
    /// Why the others do not.
    pub unreached: Vec<(&'static dyn Lever, DesignError)>,
    /// What rounding did to the covariances, in sentences.
    pub notes: Vec<String>,
    /// What the theory makes of each entry of the recipe and of the data, in sentences.
    pub recipe: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
#[error("no lever takes {} to {}{}: {}", target.what(), shown(target.value()), if target.is_bound() { " or below" } else { "" }, reasons.join("; "))]
struct Unreached {
    target: Target,
    reasons: Vec<String>,
}

impl DesignAnswer {
    /// Sets each of `levers` so that SGD on `problem`, by the recipe, η, B and data of `settings`, is predicted to end at `target`, and
    /// simulates each, and the problem as it is, until `more`, asked for anew each time, says that time is up.
    ///
    /// # Errors
    /// When no lever reaches the target, the theory has no answer where nothing is changed, or it was asked to stop.
    pub fn new<M: FnMut() -> bool>(
        problem: &Problem,
        settings: &SimulateSettings,
        target: Target,
        levers: &[&'static dyn Lever],
        mut more: impl FnMut() -> Option<M>,
    ) -> Result<Self, AnswerError> {
        target.check().map_err(AnswerError::input)?;
        let question = Question::new(problem, settings)?;
        let before = question.before()?;
        target.check_at(&before).map_err(AnswerError::input)?;
        let is_met = target.is_met(&before);
        let (mut designs, mut unreached) = (Vec::new(), Vec::new());
        let mut seen = HashSet::new();
        let levers = levers.iter().filter(|lever| seen.insert(lever.key()));
        for &lever in levers.filter(|_| !is_met) {
            match question.answer(&before, target, lever) {
                Ok(found) => designs.push((lever, found)),
                Err(error) => {
                    Stop::here().asked().map_err(AnswerError::work)?;
                    unreached.push((lever, error));
                }
            }
        }
        if designs.is_empty() && !is_met {
            return Err(AnswerError::input(Unreached {
                target,
                reasons: unreached.iter().map(why_not).collect(),
            }));
        }
        let step = (settings.learning_rate, settings.batch);
        let mut simulated = |problem: &Problem, recipe: &Recipe| -> Simulated {
            let more = more()?;
            let simulate = || {
                let prepared = question.prepared(problem, recipe)?;
                PredictAnswer::new(&prepared, false)?.simulated_at(problem, step, more)
            };
            Some(simulate())
        };
        let before = (before, simulated(problem, &settings.recipe));
        let designs = designs.into_iter().map(|(lever, found)| {
            let end = simulated(&found.changed.problem, &found.changed.recipe);
            (lever, found, end)
        });
        Ok(Self {
            target,
            step,
            designs: designs.collect(),
            before,
            unreached,
            notes: notes(problem.caveats()),
            recipe: question.notes()?,
        })
    }

    /// Whether the target is met without any change.
    pub fn is_met(&self) -> bool {
        self.target.is_met(&self.before.0)
    }

    /// As one JSON object.
    pub fn json(&self) -> Value {
        let designs = self.designs.iter().map(|(lever, found, simulated)| {
            let recipe = &found.changed.recipe;
            let added = recipe.added_noise_covariance.as_ref().map(rows);
            let weights = match &recipe.label_weights {
                Some(LabelWeights::Matrix(weights)) => json!(rows(weights)),
                Some(LabelWeights::Whiten) => json!("whiten"),
                None => Value::Null,
            };
            json!({
                "lever": lever.key(),
                "change": found.changed.words,
                "position": found.position,
                "weight_decay": recipe.weight_decay,
                "added_noise_covariance": added,
                "label_weights": weights,
                "predicted": numbers(&found.after),
                "simulated": ran(simulated),
                "not_simulated": refused(simulated),
            })
        });
        let unreached = self.unreached.iter();
        let unreached =
            unreached.map(|(lever, error)| (lever.key().to_owned(), json!(error.to_string())));
        json!({
            "convention": CONVENTION,
            "notes": self.notes,
            "recipe": self.recipe,
            "target": {
                "quantity": self.target.what(),
                "value": self.target.value(),
                "or_below": self.target.is_bound(),
            },
            "met_already": self.is_met(),
            "learning_rate": self.step.0,
            "batch": self.step.1,
            "before": {
                "predicted": numbers(&self.before.0),
                "simulated": ran(&self.before.1),
                "not_simulated": refused(&self.before.1),
            },
            "designs": designs.collect::<Vec<_>>(),
            "no_answer": unreached.collect::<Map<_, _>>(),
        })
    }
}

/// Why a lever does not reach the target, in words that begin with its name.
pub fn why_not((lever, error): &(&'static dyn Lever, DesignError)) -> String {
    format!("{}: {error}", lever.name())
}

fn ran(simulated: &Simulated) -> Option<Value> {
    simulated.as_ref()?.as_ref().ok().map(SimulatedEnd::json)
}

/// Why SGD could not be simulated.
fn refused(simulated: &Simulated) -> Option<String> {
    let error = simulated.as_ref()?.as_ref().err()?;
    Some(with_causes(error))
}

fn numbers(predicted: &DesignPrediction) -> Value {
    json!({
        "sharpness": predicted.sharpness,
        "min_sharpness": predicted.min_sharpness,
        "lambda_max": predicted.lambda_max,
        "stability_number": predicted.stability_number,
        "fluctuation": predicted.fluctuation,
        "relaxation_steps": predicted.relaxation_steps,
        "warning": predicted.warning,
    })
}

fn rows(matrix: &Mat<f64>) -> Vec<Vec<f64>> {
    let row = |i: usize| (0..matrix.ncols()).map(|j| matrix[(i, j)]).collect();
    (0..matrix.nrows()).map(row).collect()
}

#[cfg(test)]
mod tests {
    use thalweg::problem::covariance;
    use thalweg::simulate::SampleSource;

    use super::*;
    use crate::design::LEVERS;

    /// A set smaller than a minibatch cannot be reshuffled: that takes the simulations away and nothing else.
    #[test]
    fn what_cannot_be_simulated_is_designed_all_the_same() {
        let one = || Mat::<f64>::identity(2, 2);
        let noise = covariance::from_deviations(&[1.0, 0.2]);
        let problem = Problem::new(one(), one(), noise, 2).unwrap();
        let mut settings = SimulateSettings::new(0.005, 10);
        settings.data.source = SampleSource::Finite {
            samples: 5,
            replacement: false,
        };
        let levers = [crate::design::lever("added_noise").unwrap()];
        let target = Target::Sharpness(9.0);
        let answer = DesignAnswer::new(&problem, &settings, target, &levers, || Some(|| false));
        let json = answer.unwrap().json();
        for place in [&json["before"], &json["designs"][0]] {
            let words = place["not_simulated"].as_str().unwrap();
            assert!(
                place["simulated"].is_null() && words.contains("samples"),
                "{words}"
            );
        }
    }

    /// Every lever would say the same of it.
    #[test]
    fn a_target_that_no_network_has_is_refused_once() {
        let one = || Mat::<f64>::identity(2, 2);
        let noise = covariance::from_deviations(&[1.0, 0.2]);
        let problem = Problem::new(one(), one(), noise, 2).unwrap();
        let target = Target::Ratio(0.5);
        let settings = SimulateSettings::new(0.005, 10);
        let refused =
            DesignAnswer::new(&problem, &settings, target, LEVERS, || None::<fn() -> bool>);
        assert_eq!(
            with_causes(&refused.err().unwrap()),
            "a target of 0.5 for T/T_min cannot be met: it is at least 1, at the flattest minimum"
        );
    }
}
