//! What is drawn at once of a setting: where SGD ends, the landscape, the marks on it, and the slow flow.

use serde_json::{Value, json};
use thalweg::flow::{self, Drift, FlowSettings, Times, Trajectory, Waypoint};
use thalweg::problem::{Problem, Weights};
use thalweg::simulate::InitialWeights;
use thalweg::theory::{Minimum, TheoryError, Valley};
use thalweg_lab::answer::{AnswerError, PredictAnswer, Prepared, with_causes};
use thalweg_lab::compare::Belief;
use thalweg_lab::spec::Experiment;

use super::map::Map;
use super::mark::{Kind, Mark};
use super::setting::Setting;
use super::watch::{FRAMES, frame_steps};

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
    /// The slow flow from the start, at the steps of the frames, and at more between the first of them.
    pub flow: Trajectory,
    /// By which drift.
    pub drift: Drift,
    /// How far each prediction is to be believed: of what, and the sentence.
    pub verdicts: Vec<(&'static str, String)>,
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
        let drift = if flow::is_turned(problem) {
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
        let of_flow = flow.validity.clone().map(Belief::from);
        let of_flow = of_flow.map(|belief| ("Slow flow", belief.sentence));
        let at_rest = match drift {
            Drift::Symmetric => "Where SGD ends",
            Drift::Exact => "Least fluctuation",
        };
        let of_end = answer.run.as_ref();
        let of_end = of_end.map(|run| (at_rest, run.belief.sentence.clone()));
        Ok(Self {
            setting: *setting,
            prediction: answer.json(),
            map,
            marks,
            verdicts: of_end.into_iter().chain(of_flow).collect(),
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
        let verdicts = self.verdicts.iter();
        let verdicts = verdicts.map(|(of, sentence)| json!({ "of": of, "sentence": sentence }));
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
            "verdicts": verdicts.collect::<Vec<_>>(),
            "notes": self.notes,
        })
    }
}

/// The most by which the time grows from one point of the flow to the next, beyond the first steps: what relaxes exponentially then does at most
/// a twenty-fifth of its way between the two, however short its relaxation time is.
const LATER: f64 = 1.1;

/// The steps of the frames, and before those that lie as close more: the flow may have done all its way at the first frames.
fn way_steps(steps: u64) -> Vec<u64> {
    let mut all = frame_steps(steps);
    // From frame i to the next the time grows by (1 + 1/i)².
    let close = 1.0 / (LATER.sqrt() - 1.0) / FRAMES as f64;
    let last = LATER * close * close * steps as f64;
    let mut step = 1.0;
    while step < last {
        all.push(step as u64);
        step = (step * LATER).round().max(step + 1.0);
    }
    all.sort_unstable();
    all.dedup();
    all
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
        steps: way_steps(experiment.steps),
    };
    let accuracy = FlowSettings {
        drift,
        forces: prepared.forces,
        ..FlowSettings::default()
    };
    let step = (settings.learning_rate, settings.batch);
    flow::slow_flow(&prepared.problem, start(experiment), &times, &accuracy)
        .and_then(|flow| flow.under(&prepared.problem, &settings.recipe, step))
        .map_err(work)
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
        Mark::new(Kind::Start, "start", problem, start(experiment))?,
        Mark::new(Kind::Flattest, "flattest minimum", problem, &flattest)?,
    ];
    let noise_alone = "least fluctuation (Theorem 1)";
    match (&answer.end, drift) {
        (None, Drift::Symmetric) => {
            let name = "SGD’s end: least fluctuation (Theorem 1)";
            marks.push(Mark::new(Kind::End, name, problem, &theorem)?);
        }
        (Some(end), Drift::Symmetric) => {
            marks.push(Mark::new(Kind::Theorem, noise_alone, problem, &theorem)?);
            let name = "SGD’s end: noise and decay in balance";
            marks.push(Mark::new(Kind::End, name, problem, &end.at.weights)?);
        }
        (_, Drift::Exact) => {
            marks.push(Mark::new(Kind::Theorem, noise_alone, problem, &theorem)?);
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
                    marks.push(Mark::new(Kind::End, name, problem, &end.weights)?);
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The flow relaxes in some hundred steps of twenty million: its way on the map is a line that bends, and has no corner.
    #[test]
    fn a_short_relaxation_is_drawn_smoothly() {
        for query in [
            "learning_rate=0.1&batch=1&steps=20000000&gain_1=3&gain_2=2",
            "learning_rate=0.1&batch=1&strength=3&anisotropy=20&steps=20000000&gain_1=6&gain_2=4",
            "learning_rate=0.1&weight_decay=0.01&gain_1=8&gain_2=0.3&steps=20000000",
        ] {
            let picture = Picture::new(&Setting::from_query(query).unwrap()).unwrap();
            let spans = picture.map.as_ref().unwrap().gains.clone().map(|gains| {
                let last = gains[gains.len() - 1];
                (gains[0].ln(), (last / gains[0]).ln())
            });
            let place = |at: &Waypoint| {
                let gains = Valley::gains(&at.weights);
                [0, 1].map(|axis| (gains[axis].ln() - spans[axis].0) / spans[axis].1)
            };
            let way: Vec<[f64; 2]> = picture.flow.snapshots.iter().map(place).collect();
            let pieces = way.windows(2).map(|pair| {
                let [x, y] = [0, 1].map(|axis| pair[1][axis] - pair[0][axis]);
                (x.hypot(y), y.atan2(x).to_degrees())
            });
            // Shorter ones cannot be seen: a map is 400 pixels wide.
            let pieces: Vec<(f64, f64)> = pieces.filter(|(length, _)| *length > 0.002).collect();
            assert!(pieces.len() > 20, "{query}: {}", pieces.len());
            for pair in pieces.windows(2) {
                let turn = (pair[1].1 - pair[0].1 + 180.0).rem_euclid(360.0) - 180.0;
                assert!(turn.abs() < 12.0, "{query}: {pair:?}");
            }
        }
    }

    /// What is left out of SAM and of the step's size counts, at the end and on the way, as `predict` and `flow` count it.
    #[test]
    fn verdicts_have_what_is_left_out() {
        for (query, of_end, of_flow) in [
            (
                "strength=0.1&sam=0.1&learning_rate=0.003&anisotropy=3&steps=2000000",
                "3.7 %",
                "does not hold",
            ),
            (
                "strength=0.1&anisotropy=20&learning_rate=0.02&steps=3000000",
                "8.3 %",
                "5.1 %",
            ),
        ] {
            let picture = Picture::new(&Setting::from_query(query).unwrap()).unwrap();
            let [end, flow] = &picture.verdicts[..] else {
                panic!("{query}: {:?}", picture.verdicts)
            };
            assert!(
                end.1.contains(of_end) && flow.1.contains(of_flow),
                "{query}: {end:?} {flow:?}"
            );
        }
    }

    /// SGD's frames have the flow beside them at the same step, and the first steps are not skipped.
    #[test]
    fn the_way_has_the_steps_of_all_frames() {
        for steps in [10_000, 1_000_000, 20_000_000] {
            let way = way_steps(steps);
            assert!(frame_steps(steps).iter().all(|step| way.contains(step)));
            assert!(way.len() < FRAMES + 150, "{}", way.len());
            for pair in way.windows(2) {
                // Steps are whole.
                assert!(
                    pair[1] as f64 <= pair[0] as f64 * LATER + 1.0,
                    "{steps}: {pair:?}"
                );
            }
        }
    }
}
