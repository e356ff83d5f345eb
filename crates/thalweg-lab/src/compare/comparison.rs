//! A finished run beside every predictor, at each measured step and at the last.

use std::collections::HashMap;

use serde::Serialize;
use thalweg::fluctuation::student;
use thalweg::simulate::SimulateError;

use super::predictor::{Answer, NoAnswer, Predictor, Question, Values, start_alike, starts};
use super::slow_flow::differs;
use super::{Belief, EXACT_DRIFT, predictors};
use crate::answer::known_digits;
use crate::quantity::{self, Quantity};
use crate::run::{AtStep, Measurements, SeedMean, departures, note_on_law};
use crate::spec::Experiment;
use crate::store::{StoredRun, divergence, last_divergence};

/// The most starts from which a path is followed.
const MOST_PATHS: usize = 16;

/// The most steps at which the predictors are asked.
const MOST_STEPS: usize = 200;

/// How errors and z are to be read, wherever a comparison is shown.
pub const READING: &str = "±: standard error of the mean over the seeds. z: SGD − theory in standard errors, seed by seed \
    where the theory follows each seed from its own start; with many seeds chance alone takes z beyond ±2 about one time in \
    twenty.";

/// A run and what is predicted of it.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// The last step.
    pub step: u64,
    /// How many seeds were run.
    pub seeds: usize,
    /// How many of them diverged.
    pub diverged: usize,
    /// The last step at which one did.
    pub diverged_by: Option<u64>,
    /// What is to be known of them, in a sentence.
    pub divergence: Option<String>,
    /// How many digits of the predicted numbers the problem's covariances fix.
    pub known_digits: usize,
    /// The seeds from whose starts a predictor follows the run, the first of those that did not diverge.
    pub followed: Vec<u64>,
    /// Where the run is not what the predictors speak of, in sentences.
    pub departures: Vec<String>,
    /// The steps at which the predictors were asked: measured ones, the first and the last among them.
    pub steps: Vec<u64>,
    /// What was measured, quantity by quantity.
    pub measured: Vec<MeasuredQuantity>,
    /// What is predicted, predictor by predictor.
    pub predicted: Vec<Predicted>,
}

/// One quantity of the run.
#[derive(Clone, Debug, Serialize)]
pub struct MeasuredQuantity {
    /// Which one.
    #[serde(serialize_with = "by_key")]
    pub quantity: Quantity,
    /// Mean and standard error over the seeds left, at each measured step.
    pub course: Vec<AtStep<SeedMean>>,
    /// The same at the last step; none where no seed is left.
    pub end: Option<SeedMean>,
}

/// One predictor.
#[derive(Clone, Debug, Serialize)]
pub struct Predicted {
    /// In data.
    pub key: &'static str,
    /// At the head of a column.
    pub name: &'static str,
    /// In a legend.
    pub legend: &'static str,
    /// What its numbers do not contain.
    pub leaves_out: Option<&'static str>,
    /// What it answered, or why it did not.
    pub answer: Result<Answered, String>,
}

/// A predictor's answer beside the run.
#[derive(Clone, Debug, Serialize)]
pub struct Answered {
    /// For each measured quantity, in the same order.
    pub series: Vec<Option<PredictedQuantity>>,
    /// How far it is to be believed.
    pub belief: Option<Belief>,
    /// The same start by start, as the predictor gave it.
    #[serde(skip)]
    pub values: Values,
}

/// One predicted quantity.
#[derive(Clone, Debug, Serialize)]
pub struct PredictedQuantity {
    /// At each of the comparison's steps, the mean over the seeds that are followed; one number where it depends
    /// on no step.
    pub course: Vec<f64>,
    /// At the last step.
    pub end: f64,
    /// (measured − predicted)/standard error there; seed by seed where each seed has its own prediction.
    pub z: Option<f64>,
}

impl PredictedQuantity {
    /// Whether it is one number for all steps.
    pub fn is_level(&self) -> bool {
        self.course.len() == 1
    }
}

impl Predicted {
    /// Whether it says the same of every step.
    pub fn is_timeless(&self) -> bool {
        let answer = self.answer.as_ref().ok();
        let series = answer.into_iter().flat_map(|a| a.series.iter().flatten());
        let mut levels = series.map(PredictedQuantity::is_level);
        levels.all(|level| level)
    }

    /// How far it is to be believed, where it has an answer and that is known.
    pub fn belief(&self) -> Option<&Belief> {
        self.answer.as_ref().ok()?.belief.as_ref()
    }

    /// What is said of the measured quantity of this index.
    pub fn series(&self, index: usize) -> Option<&PredictedQuantity> {
        self.answer.as_ref().ok()?.series[index].as_ref()
    }
}

fn by_key<S: serde::Serializer>(quantity: &Quantity, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&quantity.key)
}

impl Comparison {
    /// Compares all quantities of `run` with each predictor that has something to say of it.
    ///
    /// # Errors
    /// When the run's own problem or starting weights cannot be made again.
    pub fn of(run: &StoredRun<Experiment>) -> Result<Self, SimulateError> {
        let settings = run.experiment.settings_to_the_end();
        let learnt = settings.recipe.problem(&run.experiment.problem)?;
        let mut comparison = Self::new(run, &predictors(&learnt, &settings), quantity::compared())?;
        let each = || comparison.predicted.iter();
        let departs = each().position(|p| p.belief().is_some_and(differs));
        let is_asked = each().any(|p| p.key == EXACT_DRIFT.key());
        if let (Some(at), false) = (departs, is_asked) {
            let exact = Self::new(run, &[&EXACT_DRIFT], quantity::compared())?;
            comparison.predicted.splice(at + 1..at + 1, exact.predicted);
        }
        Ok(comparison)
    }

    /// Compares `quantities` of `run` with each of `predictors`.
    ///
    /// # Errors
    /// When the run's own starting weights cannot be made again.
    pub fn new(
        run: &StoredRun<Experiment>,
        predictors: &[&dyn Predictor],
        quantities: Vec<Quantity>,
    ) -> Result<Self, SimulateError> {
        let Experiment {
            problem,
            steps: last,
            ..
        } = &run.experiment;
        let settings = &run.experiment.settings_to_the_end();
        let steps: Vec<u64> = measured_steps(&run.measurements, *last);
        let survivors = run.outcomes.iter().filter(|o| o.diverged_at.is_none());
        let most = if start_alike(settings) {
            usize::MAX
        } else {
            MOST_PATHS
        };
        let seeds: Vec<u64> = survivors.map(|o| o.seed).take(most).collect();
        let starts = starts(problem, settings, &seeds)?;
        let learnt = settings.recipe.problem(problem)?;
        let question = Question {
            problem: &learnt,
            settings,
            starts: &starts,
            steps: &steps,
            quantities: &quantities,
        };
        let measured: Vec<MeasuredQuantity> = quantities
            .iter()
            .map(|quantity| MeasuredQuantity {
                course: run.measurements.mean(&quantity.key),
                end: run.measurements.window(&quantity.key, *last..=*last),
                quantity: quantity.clone(),
            })
            .collect();
        let predicted = predictors
            .iter()
            .map(|predictor| Predicted {
                key: predictor.key(),
                name: predictor.name(),
                legend: predictor.legend(&question),
                leaves_out: predictor.leaves_out(),
                answer: predictor
                    .answer(&question)
                    .map(|answer| answered(answer, &measured, &run.measurements, &question))
                    .map_err(|NoAnswer(reason)| reason),
            })
            .collect();
        let diverged = run.outcomes.iter().filter(|o| o.diverged_at.is_some());
        Ok(Self {
            step: *last,
            seeds: run.experiment.seeds.len(),
            diverged: diverged.count(),
            diverged_by: last_divergence(&run.outcomes),
            divergence: divergence(&run.outcomes),
            known_digits: known_digits(&learnt, &question.forces()),
            followed: starts.iter().flat_map(|from| from.seeds.clone()).collect(),
            departures: departures(settings)
                .into_iter()
                .chain(note_on_law(&settings.data))
                .collect(),
            steps,
            measured,
            predicted,
        })
    }

    /// The verdict on the first prediction that carries one, and whose it is.
    pub fn belief(&self) -> Option<(&Predicted, &Belief)> {
        let mut each = self.predicted.iter();
        each.find_map(|predicted| Some((predicted, predicted.belief()?)))
    }

    /// What is to be known beside the numbers, sentence by sentence.
    pub fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::from_iter(self.divergence.clone());
        remarks.extend(self.on_the_seeds_followed());
        let answered = self.predicted.iter().filter(|p| p.answer.is_ok());
        remarks.extend(answered.filter_map(|p| p.leaves_out).map(str::to_owned));
        remarks.extend(self.departures.clone());
        if let Some((predicted, belief)) = self.belief() {
            remarks.push(belief.sentence.clone());
            if predicted.is_timeless() {
                remarks.push(format!(
                    "This holds for the {} alone: no prediction here says how far towards it {} steps lead.",
                    predicted.name, self.step
                ));
            }
            // Where the first is out of its range another may be in its own.
            let others = self.predicted.iter().filter(|_| !belief.in_range);
            let others = others.filter_map(|p| Some((p.name, p.belief()?)));
            let believed = others.filter(|(_, belief)| belief.in_range);
            remarks.extend(believed.map(|(name, b)| format!("Of the {name}: {}", b.sentence)));
            remarks.extend(self.also_outside());
        }
        for predicted in &self.predicted {
            if let Err(reason) = &predicted.answer {
                remarks.push(format!("No {}: {reason}.", predicted.name));
            }
        }
        remarks
    }

    /// Which paths beside the first that has a verdict are outside their range.
    fn also_outside(&self) -> Option<String> {
        let (first, belief) = self.belief()?;
        let outside = self.predicted.iter().filter(|predicted| {
            let verdict = predicted.belief();
            predicted.key != first.key
                && !predicted.is_timeless()
                && verdict.is_some_and(|verdict| !verdict.in_range)
        });
        let names: Vec<String> = outside.map(|p| format!("the {}", p.name)).collect();
        let begin = if belief.in_range {
            "Outside"
        } else {
            "Also outside"
        };
        (!names.is_empty()).then(|| {
            format!(
                "{begin} the range in which it is to be believed: {}.",
                names.join(", ")
            )
        })
    }

    /// What is to be known of z and of predictions that follow single starts, where not all are followed, or few.
    fn on_the_seeds_followed(&self) -> Option<String> {
        let follows = |p: &&Predicted| p.answer.is_ok() && !p.is_timeless();
        let name = self.predicted.iter().find(follows)?.name;
        let (followed, left) = (self.followed.len(), self.seeds - self.diverged);
        if followed < left {
            return Some(format!(
                "The {name} is followed from the first {followed} of the {left} starts: its column is the mean over these, and \
                 its z compares these seeds alone."
            ));
        }
        (2..=FEW).contains(&followed).then(|| {
            format!(
                "With {followed} seeds z scatters more than a normal number does: chance alone takes it beyond ±{:.1} one time \
                 in twenty.",
                student::reach(followed - 1)
            )
        })
    }
}

/// So many seeds are few: beyond them 1.96 and Student's value differ by less than a fifth.
const FEW: usize = 9;

/// Up to [`MOST_STEPS`] of the steps at which anything was measured, and the last.
fn measured_steps(measurements: &Measurements, last: u64) -> Vec<u64> {
    let all = measurements.mean(&quantity::SHARPNESS.key);
    let stride = all.len().div_ceil(MOST_STEPS).max(1);
    let mut steps: Vec<u64> = all.iter().step_by(stride).map(|point| point.step).collect();
    if steps.last() != Some(&last) {
        steps.push(last);
    }
    steps
}

fn answered(
    answer: Answer,
    measured: &[MeasuredQuantity],
    measurements: &Measurements,
    question: &Question<'_>,
) -> Answered {
    let series = measured
        .iter()
        .enumerate()
        .map(|(i, measured)| match &answer.values {
            Values::Level(levels) => {
                levels
                    .get(i)
                    .copied()
                    .flatten()
                    .map(|level| PredictedQuantity {
                        course: vec![level],
                        end: level,
                        z: measured.end.and_then(|end| end.z(level)),
                    })
            }
            Values::Paths(paths) => {
                let at = |step: usize| -> Option<f64> {
                    let values: Option<Vec<f64>> =
                        paths.iter().map(|path| *path.get(step)?.get(i)?).collect();
                    Some(SeedMean::of(&values?)?.mean)
                };
                let course: Option<Vec<f64>> = (0..question.steps.len()).map(at).collect();
                let course = course?;
                let end = *course.last()?;
                let z = difference(i, paths, &measured.quantity, measurements, question);
                Some(PredictedQuantity { course, end, z })
            }
        });
    Answered {
        series: series.collect(),
        belief: answer.belief,
        values: answer.values,
    }
}

/// (measured − predicted)/standard error at the last step, seed by seed; none at step 0, where SGD's weights are those that the theory starts from.
fn difference(
    i: usize,
    paths: &[Vec<Vec<Option<f64>>>],
    quantity: &Quantity,
    measurements: &Measurements,
    question: &Question<'_>,
) -> Option<f64> {
    let last = *question.steps.last().filter(|step| **step > 0)?;
    let measured = measurements.window_by_seed(&quantity.key, last..=last);
    let measured: HashMap<u64, f64> = measured.into_iter().collect();
    let differences: Vec<f64> = question
        .starts
        .iter()
        .zip(paths)
        .flat_map(|(from, path)| from.seeds.iter().map(move |seed| (*seed, path)))
        .filter_map(|(seed, path)| Some(measured.get(&seed)? - (*path.last()?.get(i)?)?))
        .collect();
    SeedMean::of(&differences)?.z(0.0)
}
