//! SGD while it runs: where every seed is, at steps that lie closer at the beginning.

use serde_json::{Value, json};
use thalweg::simulate::{Ensemble, SimulateError};
use thalweg::theory::Valley;
use thalweg_lab::run::SeedMean;
use thalweg_lab::spec::Experiment;

/// Pictures of a run after its start.
pub const FRAMES: usize = 240;

/// Steps of all seeds between two looks at whether to stop: some milliseconds.
const CHUNK: u64 = 10_000;

/// The step of each frame of a run of `steps`: it grows with the square of the frame, since the way along the valley slows down.
///
/// ```
/// let steps = thalweg_serve::valley::frame_steps(1_000_000);
/// assert_eq!((steps[0], steps[120], steps[240]), (0, 250_000, 1_000_000));
/// ```
pub fn frame_steps(steps: u64) -> Vec<u64> {
    let at = |i: usize| {
        let part = i as f64 / FRAMES as f64;
        (part * part * steps as f64).round() as u64
    };
    (0..=FRAMES).map(at).collect()
}

/// All seeds at one step.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Its number, from 0.
    pub number: usize,
    /// t.
    pub step: u64,
    /// ‖W_1 e_1‖, ‖W_1 e_2‖, T and F of each seed; nothing for one that has diverged.
    pub seeds: Vec<Option<[f64; 4]>>,
}

impl Frame {
    /// The mean of T (which = 2) or F (which = 3) over the seeds that have not diverged.
    pub fn mean(&self, which: usize) -> Option<SeedMean> {
        let values: Vec<f64> = self
            .seeds
            .iter()
            .flatten()
            .map(|seed| seed[which])
            .collect();
        SeedMean::of(&values)
    }

    /// As one JSON object, with means over the seeds and their standard errors.
    pub fn json(&self) -> Value {
        let mean = |which| {
            let mean = self.mean(which);
            json!({ "mean": mean.map(|m| m.mean), "standard_error": mean.and_then(|m| m.standard_error) })
        };
        let diverged = self.seeds.iter().filter(|seed| seed.is_none()).count();
        json!({
            "number": self.number,
            "step": self.step,
            "seeds": self.seeds,
            "diverged": diverged,
            "sharpness": mean(2),
            "fluctuation": mean(3),
        })
    }
}

/// A run that is watched frame by frame. Its numbers are those of `thalweg simulate` for the same experiment and seeds.
pub struct Watch {
    ensemble: Ensemble,
    steps: Vec<u64>,
    next: usize,
}

impl Watch {
    /// The run of `experiment`, from its start.
    ///
    /// # Errors
    /// When the settings do not fit the problem.
    pub fn new(experiment: &Experiment) -> Result<Self, SimulateError> {
        let (problem, settings) = (&experiment.problem, &experiment.settings);
        Ok(Self {
            ensemble: Ensemble::start(problem, settings, &experiment.seeds)?,
            steps: frame_steps(experiment.steps),
            next: 0,
        })
    }

    /// Makes the next frame the one of this number, however far it is: no number of a run depends on where it was looked at.
    pub fn skip_to(&mut self, number: usize) {
        self.next = self.next.max(number);
    }

    /// Runs to the next frame; nothing after the last one, or as soon as `stop` says so.
    pub fn next_frame(&mut self, stop: &dyn Fn() -> bool) -> Option<Frame> {
        let &step = self.steps.get(self.next)?;
        while self.ensemble.step() < step {
            if stop() {
                return None;
            }
            self.ensemble.run_to(step.min(self.ensemble.step() + CHUNK));
        }
        let weights = self.ensemble.weights().into_iter();
        let seeds = weights.zip(self.ensemble.observe()).map(|(weights, seen)| {
            let ([first, second], seen) = (Valley::gains(&weights?), seen?);
            Some([first, second, seen.sharpness, seen.fluctuation])
        });
        let frame = Frame {
            number: self.next,
            step,
            seeds: seeds.collect(),
        };
        self.next += 1;
        Some(frame)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Setting;
    use super::*;

    fn watch() -> Watch {
        let setting = Setting::from_query("steps=20000").unwrap();
        Watch::new(&setting.experiment().unwrap()).unwrap()
    }

    /// As the simulator itself has it at that step.
    #[test]
    fn frames_are_the_simulators_own_numbers_wherever_one_begins() {
        let mut from_start = watch();
        let never = || false;
        let last = std::iter::from_fn(|| from_start.next_frame(&never))
            .last()
            .unwrap();
        let mut late = watch();
        late.skip_to(FRAMES);
        let only = late.next_frame(&never).unwrap();
        assert_eq!(last.json(), only.json());
        let experiment = Setting::from_query("steps=20000")
            .unwrap()
            .experiment()
            .unwrap();
        let mut ensemble =
            Ensemble::start(&experiment.problem, &experiment.settings, &experiment.seeds).unwrap();
        ensemble.run_to(20_000);
        let seen: Vec<f64> = ensemble
            .observe()
            .into_iter()
            .flatten()
            .map(|o| o.sharpness)
            .collect();
        assert_eq!(only.mean(2), SeedMean::of(&seen));
        assert!(late.next_frame(&never).is_none());
    }

    #[test]
    fn it_stops_when_told() {
        let mut watch = watch();
        assert!(watch.next_frame(&|| true).is_some(), "the start is there");
        watch.skip_to(FRAMES);
        assert!(watch.next_frame(&|| true).is_none());
    }
}
