//! What is drawn at once of a setting: where SGD ends, the landscape, the marks on it, and the slow flow.

use serde_json::{Value, json};
use thalweg::flow::{self, Drift, FlowSettings, MOST_MISALIGNMENT, Times, Trajectory, Waypoint};
use thalweg::problem::{Problem, Weights};
use thalweg::simulate::InitialWeights;
use thalweg::theory::{Minimum, TheoryError, Valley, functionals};
use thalweg_lab::answer::{AnswerError, PredictAnswer, Prepared, with_causes};
use thalweg_lab::compare::Belief;
use thalweg_lab::spec::Experiment;

use super::map::Map;
use super::setting::Setting;
use super::watch::frame_steps;

/// One point of the landscape.
#[derive(Clone, Debug)]
pub struct Mark {
    /// In data.
    pub key: &'static str,
    /// In the legend.
    pub name: &'static str,
    /// ‖W_1 e_1‖ and ‖W_1 e_2‖.
    pub gains: [f64; 2],
    /// T, in loss/weight².
    pub sharpness: f64,
    /// F, in loss²/weight².
    pub fluctuation: f64,
}

impl Mark {
    fn new(
        key: &'static str,
        name: &'static str,
        problem: &Problem,
        weights: &Weights,
    ) -> Result<Self, TheoryError> {
        let parts = functionals(problem, weights)?;
        Ok(Self {
            key,
            name,
            gains: Valley::gains(weights),
            sharpness: parts.sharpness,
            fluctuation: parts.fluctuation,
        })
    }

    fn json(&self) -> Value {
        json!({
            "key": self.key,
            "name": self.name,
            "gains": self.gains,
            "sharpness": self.sharpness,
            "fluctuation": self.fluctuation,
        })
    }
}

/// Everything about a setting that needs no run of SGD.
#[derive(Debug)]
pub struct Picture {
    /// Of what.
    pub setting: Setting,
    /// What `thalweg predict --json` prints.
    pub prediction: Value,
    /// T and F over the gains; nothing beyond two layers, where the minima have more directions.
    pub map: Option<Map>,
    /// The start, the flattest minimum, where SGD ends.
    pub marks: Vec<Mark>,
    /// The slow flow from the start, at the steps of the frames.
    pub flow: Trajectory,
    /// By which drift.
    pub drift: Drift,
    /// What a reader should know beside the numbers, in sentences.
    pub notes: Vec<String>,
}

impl Picture {
    /// Computes it.
    ///
    /// # Errors
    /// When theory or flow has no answer for the setting.
    pub fn new(setting: &Setting) -> Result<Self, AnswerError> {
        let experiment = setting.experiment().map_err(input)?;
        let settings = &experiment.settings;
        let step = Some((settings.learning_rate, settings.batch));
        let prepared = Prepared::new(&experiment.problem, settings.recipe.clone(), step)?;
        let answer = PredictAnswer::new(&prepared, true)?;
        let problem: &Problem = &prepared.problem;
        // As `simulate` sets the exact drift beside a run.
        let drift = if answer.misalignment > MOST_MISALIGNMENT {
            Drift::Exact
        } else {
            Drift::Symmetric
        };
        let flow = flow(&experiment, &prepared, drift)?;
        let mut notes = prepared.notes();
        let marks = marks(&experiment, &answer, drift, &mut notes).map_err(work)?;
        let seen = flow.snapshots.iter().map(|s| Valley::gains(&s.weights));
        let shown: Vec<_> = seen.chain(marks.iter().map(|mark| mark.gains)).collect();
        let map = (problem.depth() == 2)
            .then(|| Map::new(problem, &shown))
            .transpose()
            .map_err(work)?;
        if map.is_none() {
            notes.push(format!(
                "With {} layers the minima have more than two directions, so that there is no map: SGD and the flow are drawn over the gains of the \
                 first layer alone.",
                problem.depth()
            ));
        }
        Ok(Self {
            setting: *setting,
            prediction: answer.json(),
            map,
            marks,
            flow,
            drift,
            notes,
        })
    }

    /// As one JSON object.
    pub fn json(&self) -> Value {
        let all = |of: &dyn Fn(&Waypoint) -> f64| -> Vec<f64> {
            self.flow.snapshots.iter().map(of).collect()
        };
        let steps: Vec<_> = self.flow.snapshots.iter().map(|s| s.step).collect();
        let gains = self
            .flow
            .snapshots
            .iter()
            .map(|s| Valley::gains(&s.weights));
        let belief = self.flow.validity.clone().map(Belief::from);
        json!({
            "query": self.setting.query(),
            "prediction": self.prediction,
            "maps": self.map.as_ref().map(Map::json),
            "marks": self.marks.iter().map(Mark::json).collect::<Vec<_>>(),
            "flow": {
                "name": match self.drift {
                    Drift::Symmetric => "slow flow",
                    Drift::Exact => "slow flow by SGD’s exact drift",
                },
                "step": steps,
                "gains": gains.collect::<Vec<_>>(),
                "sharpness": all(&|s| s.sharpness),
                "fluctuation": all(&|s| s.fluctuation),
            },
            "validity": belief,
            "notes": self.notes,
        })
    }
}

fn flow(
    experiment: &Experiment,
    prepared: &Prepared<'_>,
    drift: Drift,
) -> Result<Trajectory, AnswerError> {
    let settings = &experiment.settings;
    let times = Times::Steps {
        learning_rate: settings.learning_rate,
        batch: settings.batch,
        steps: frame_steps(experiment.steps),
    };
    let accuracy = FlowSettings {
        drift,
        forces: prepared.forces,
        ..FlowSettings::default()
    };
    flow::slow_flow(&prepared.problem, start(experiment), &times, &accuracy).map_err(work)
}

fn start(experiment: &Experiment) -> &Weights {
    match &experiment.settings.init {
        InitialWeights::Given(start) => start,
        _ => unreachable!("a setting gives its start"),
    }
}

fn marks(
    experiment: &Experiment,
    answer: &PredictAnswer<'_>,
    drift: Drift,
    notes: &mut Vec<String>,
) -> Result<Vec<Mark>, TheoryError> {
    let problem = answer.problem;
    let forces = answer.prepared.forces;
    let theorem = answer.prediction.minimum.weights()?;
    let flattest = Minimum::flattest(problem)?.weights()?;
    let mut marks = vec![
        Mark::new("start", "start", problem, start(experiment))?,
        Mark::new("flattest", "flattest minimum", problem, &flattest)?,
    ];
    let noise_alone = "least fluctuation (Theorem 1)";
    match (&answer.end, drift) {
        (None, Drift::Symmetric) => {
            let name = "SGD’s end: least fluctuation (Theorem 1)";
            marks.push(Mark::new("end", name, problem, &theorem)?);
        }
        (Some(end), Drift::Symmetric) => {
            marks.push(Mark::new("theorem", noise_alone, problem, &theorem)?);
            let name = "SGD’s end: noise and decay in balance";
            marks.push(Mark::new("end", name, problem, &end.at.weights)?);
        }
        (_, Drift::Exact) => {
            marks.push(Mark::new("theorem", noise_alone, problem, &theorem)?);
            notes.push(
                "Noise and signal have different axes: SGD does not end at Theorem 1’s minimum, however small the step. The flow is that of SGD’s \
                 exact drift."
                    .to_owned(),
            );
            let settings = FlowSettings {
                drift,
                forces,
                ..FlowSettings::default()
            };
            match flow::rest(problem, &settings) {
                Ok(end) => {
                    let name = "SGD’s end, by its exact drift";
                    marks.push(Mark::new("end", name, problem, &end.weights)?);
                }
                Err(error) => notes.push(with_causes(&error)),
            }
        }
    }
    Ok(marks)
}

fn input(error: super::SettingError) -> AnswerError {
    AnswerError::Input(Box::new(error))
}

fn work(error: impl std::error::Error + Send + Sync + 'static) -> AnswerError {
    AnswerError::Work(Box::new(error))
}
