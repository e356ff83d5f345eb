//! The way of SGD down to the minima and along them.

use serde_json::{Value, json};
use thalweg::flow::{
    self, Descent, Drift, FlowError, FlowSettings, Relaxation, Steps, Times, Trajectory, Waypoint,
};
use thalweg::problem::{Problem, Weights};
use thalweg::recipe::Forces;

use super::{AnswerError, CONVENTION, Prepared, notes};
use crate::compare::{Belief, believed_on, fits, quick_relaxation};
use crate::memory;
use crate::quantity;

/// The flow from one start.
#[derive(Debug)]
pub struct FlowAnswer<'p> {
    /// Of what.
    pub prepared: &'p Prepared<'p>,
    /// The problem that is in effect learnt.
    pub problem: &'p Problem,
    /// The seed of a random start.
    pub seed: Option<u64>,
    /// The way to the minimum at which the slow times begin; with times in steps it is part of the trajectory.
    pub descent: Option<Descent>,
    /// The weights and what follows from them, at the times asked for.
    pub trajectory: Trajectory,
    /// How far it is to be believed on the samples that SGD is run on, where the times are steps.
    pub belief: Option<Belief>,
    /// By which drift.
    pub drift: Drift,
    /// In slow time; none where there is no limit.
    pub relaxation: Option<Relaxation>,
    /// η and B, where the times are steps.
    pub step: Option<(f64, usize)>,
}

/// The times at which the flow is wanted.
#[derive(Clone, Debug)]
pub enum FlowTimes {
    /// Steps of a run, counted from the start.
    Steps(Steps),
    /// Slow times u = η²t/B, counted from the minimum that gradient flow reaches.
    Slow(Vec<f64>),
}

impl FlowTimes {
    /// Step 0 and `points` steps of equal ratio over four decades up to `last`, or fewer where they coincide.
    pub fn log_spaced(learning_rate: f64, batch: usize, last: u64, points: usize) -> Self {
        const DECADES: f64 = 4.0;
        let mut steps = vec![0];
        steps.extend((1..=points).map(|i| {
            let exponent = DECADES * (i as f64 / points as f64 - 1.0);
            (last as f64 * 10f64.powf(exponent)).round() as u64
        }));
        steps.dedup();
        Self::Steps(Steps {
            learning_rate,
            batch,
            steps,
        })
    }
}

impl<'p> FlowAnswer<'p> {
    /// Follows what is `prepared` from `start`, which the random `seed` gave, if one did.
    ///
    /// # Errors
    /// When there is not the memory, gradient flow cannot take the start to a minimum, or an integration fails.
    pub fn new(
        prepared: &'p Prepared<'p>,
        (start, seed): (&Weights, Option<u64>),
        times: FlowTimes,
        drift: Drift,
    ) -> Result<Self, AnswerError> {
        let problem = &prepared.problem;
        let forces = prepared.forces;
        if let Some((_, batch)) = prepared.step {
            fits(&prepared.data, batch).map_err(AnswerError::input)?;
        }
        memory::fits(
            flow::memory(problem.widths(), drift),
            // Its largest products are those of a matrix of about half as many columns with one of them.
            memory::multiplying(problem.parameters() / 4),
            "narrower or fewer layers need less",
        )
        .map_err(AnswerError::input)?;
        let settings = FlowSettings {
            drift,
            forces,
            momentum: prepared.recipe.momentum,
            sam: prepared.recipe.sam,
            ..FlowSettings::default()
        };
        let (descent, trajectory, step) = match times {
            FlowTimes::Steps(steps) => {
                let step = (steps.learning_rate, steps.batch);
                let path = flow::path(problem, start, &steps, &settings)
                    .and_then(|path| path.under(problem, &prepared.recipe, step))
                    .map_err(failure)?;
                (None, path, Some(step))
            }
            FlowTimes::Slow(times) => {
                let descent = flow::descend(problem, start, &settings).map_err(failure)?;
                let times = Times::Slow(times);
                let along = flow::slow_flow(problem, &descent.weights, &times, &settings);
                (Some(descent), along.map_err(failure)?, None)
            }
        };
        let validity = trajectory.validity.clone();
        Ok(Self {
            belief: validity.zip(step).map(|(validity, (_, batch))| {
                believed_on(
                    (problem, &prepared.data),
                    batch,
                    prepared.switches,
                    validity,
                )
            }),
            prepared,
            problem,
            seed,
            descent,
            trajectory,
            drift,
            relaxation: relaxation(problem, drift, forces),
            step,
        })
    }

    /// How long it takes in steps, where the times are steps.
    pub fn relaxation_steps(&self) -> Option<f64> {
        let (learning_rate, batch) = self.step?;
        Some(self.relaxation.as_ref()?.steps(learning_rate, batch))
    }

    /// As one JSON object.
    pub fn json(&self) -> Value {
        let all = |of: fn(&Waypoint) -> f64| -> Vec<f64> {
            self.trajectory.snapshots.iter().map(of).collect()
        };
        let steps: Option<Vec<u64>> = self.trajectory.snapshots.iter().map(|s| s.step).collect();
        let conditions: Vec<_> = self
            .trajectory
            .snapshots
            .iter()
            .map(|s| &s.layer_conditions)
            .collect();
        let limit = self.trajectory.limit.as_ref().ok().map(|limit| {
            let values = quantity::compared().into_iter();
            let values = values.map(|q| (q.key.to_string(), json!(q.at_limit(limit))));
            Value::Object(values.collect())
        });
        let mut object = json!({
            "convention": CONVENTION,
            "notes": notes(self.problem.caveats()),
            "recipe": self.prepared.notes(),
            "known_digits": self.prepared.known_digits(),
            "drift": match self.drift {
                Drift::Symmetric => "symmetric",
                Drift::Exact => "exact",
            },
            "seed": self.seed,
            "learning_rate": self.step.and(self.prepared.learning_rate),
            "batch": self.step.map(|(_, batch)| batch),
            "descent_time": self.descent.as_ref().map(|descent| descent.time),
            "step": steps,
            "slow_time": all(|s| s.slow_time),
            "distance": all(|s| s.distance),
            "layer_conditions": conditions,
            "limit": limit,
            "relaxation_slow_time": self.relaxation.as_ref().map(Relaxation::slow_time),
            "relaxation_steps": self.relaxation_steps(),
            "validity": self.belief,
        });
        for quantity in quantity::compared() {
            let snapshots = self.trajectory.snapshots.iter();
            let values: Vec<_> = snapshots.map(|s| quantity.on_flow(s)).collect();
            object[&*quantity.key] = json!(values);
        }
        object
    }
}

/// That of `drift`, where it is quickly found and anything moves.
fn relaxation(problem: &Problem, drift: Drift, forces: Forces) -> Option<Relaxation> {
    let relaxation = quick_relaxation(drift, problem, forces)?;
    (!relaxation.rates.is_empty()).then_some(relaxation)
}

/// What the user can mend, and what not.
pub(super) fn failure(error: FlowError) -> AnswerError {
    match error {
        FlowError::Stopped(_)
        | FlowError::TooManySteps { .. }
        | FlowError::StepTooSmall { .. }
        | FlowError::Decomposition { .. } => AnswerError::work(error),
        _ => AnswerError::input(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_decades_of_steps_are_evenly_spaced_in_their_logarithm() {
        let steps = |last, points| match FlowTimes::log_spaced(0.1, 5, last, points) {
            FlowTimes::Steps(steps) => steps,
            FlowTimes::Slow(_) => panic!("steps were asked for"),
        };
        let found = steps(100_000, 4);
        assert_eq!((found.learning_rate, found.batch), (0.1, 5));
        assert_eq!(found.steps, [0, 100, 1000, 10_000, 100_000]);
        // 10^(1/2) apart, and none twice.
        assert_eq!(steps(100, 8).steps, [0, 1, 3, 10, 32, 100]);
    }
}
