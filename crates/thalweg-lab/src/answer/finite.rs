//! SGD at a finite step size, averaged over its fluctuations.

use serde_json::{Value, json};
use thalweg::flow::{self, FiniteTrajectory};
use thalweg::problem::Weights;

use super::flow::failure;
use super::{AnswerError, CONVENTION, FlowTimes, Prepared, notes};
use crate::compare::{Belief, finite_believed_on, not_plain};
use crate::quantity;

/// The finite-step theory from one start.
#[derive(Debug)]
pub struct FiniteAnswer<'p> {
    /// Of what.
    pub prepared: &'p Prepared<'p>,
    /// The seed of a random start.
    pub seed: Option<u64>,
    /// η, the learning rate, in weight²/loss.
    pub learning_rate: f64,
    /// B, the samples in a minibatch.
    pub batch: usize,
    /// The means at the times asked for.
    pub trajectory: FiniteTrajectory,
}

#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error(
        "the finite-step theory depends on the step size and the batch: `learning_rate` and `batch` are needed"
    )]
    NoStep,
    #[error(
        "the finite-step theory is for plain SGD, changes of labels and Gaussian input noise included: it has no momentum, weight decay, SAM or \
         dropout, and `{field}` is {value}; leave that out, follow another drift, or simulate"
    )]
    Recipe { field: &'static str, value: f64 },
}

impl<'p> FiniteAnswer<'p> {
    /// Follows SGD on what is `prepared` from `start`, which the random `seed` gave, if one did.
    ///
    /// # Errors
    /// Without η and B, when gradient flow cannot take the start to a minimum, or when the theory has no answer for this network,
    /// recipe, η and B.
    pub fn new(
        prepared: &'p Prepared<'p>,
        (start, seed): (&Weights, Option<u64>),
        times: &FlowTimes,
    ) -> Result<Self, AnswerError> {
        let problem = &prepared.problem;
        let (learning_rate, batch) = prepared
            .step
            .ok_or_else(|| AnswerError::input(Refused::NoStep))?;
        if let Some((field, value)) = not_plain(&prepared.recipe) {
            return Err(AnswerError::input(Refused::Recipe { field, value }));
        }
        let trajectory = match times {
            FlowTimes::Steps(steps) => flow::finite_path(problem, start, steps),
            FlowTimes::Slow(times) => {
                flow::finite_step(problem, start, learning_rate, batch, times)
            }
        };
        Ok(Self {
            prepared,
            seed,
            learning_rate,
            batch,
            trajectory: trajectory.map_err(failure)?,
        })
    }

    /// Whether to believe it.
    pub fn belief(&self) -> Belief {
        let Prepared { data, switches, .. } = &self.prepared;
        finite_believed_on(data, *switches, self.trajectory.validity.clone())
    }

    /// As one JSON object.
    pub fn json(&self) -> Value {
        let path = &self.trajectory.snapshots;
        let steps: Option<Vec<u64>> = path.iter().map(|s| s.step).collect();
        let slow_times: Vec<f64> = path.iter().map(|s| s.slow_time).collect();
        let fluctuations: Vec<_> = path
            .iter()
            .map(|s| s.relative_weighted_fluctuation)
            .collect();
        let conditions: Vec<_> = path.iter().map(|s| &s.layer_conditions).collect();
        let mut object = json!({
            "convention": CONVENTION,
            "notes": notes(self.prepared.problem.caveats()),
            "recipe": self.prepared.notes(),
            "known_digits": self.prepared.problem.known_digits(),
            "drift": "finite",
            "seed": self.seed,
            "learning_rate": self.learning_rate,
            "batch": self.batch,
            "step": steps,
            "slow_time": slow_times,
            "layer_conditions": conditions,
            "relative_weighted_fluctuation": fluctuations,
            "validity": self.belief(),
        });
        for quantity in quantity::compared() {
            let values = path.iter().map(|s| quantity.at_finite_step(s));
            object[&*quantity.key] = values.collect();
        }
        object
    }
}
