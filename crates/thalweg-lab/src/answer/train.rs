//! A training at its end: what became of sharpness, fluctuation and the rest.

use serde_json::{Value, json};

use super::notes;
use thalweg::optimizer::Optimizer;

use crate::quantity::{self, PRECONDITIONED_LAMBDA_MAX, Quantity, SHARPNESS};
use crate::run::{Change, Direction, SeedMean};
use crate::spec::NetworkExperiment;
use crate::store::{StoredRun, last_divergence};

/// A finished training and what became of each quantity.
#[derive(Debug)]
pub struct TrainAnswer<'r> {
    /// The training.
    pub run: &'r StoredRun<NetworkExperiment>,
    /// From the start to the last fifth of the steps; nothing where no seed was measured at both.
    pub changes: Vec<(Quantity, Option<Change>)>,
    /// The measured steps over which the end is averaged.
    pub end_steps: Vec<u64>,
    /// How stable the optimiser is at the end, where it divides gradients by P.
    pub preconditioned: Option<Preconditioned>,
}

/// λ_max(P⁻¹∇²L) of the loss that is descended, and where the optimiser turns unstable.
#[derive(Clone, Copy, Debug)]
pub struct Preconditioned {
    /// Over the last fifth of the steps; nothing where no seed was measured throughout.
    pub end: Option<SeedMean>,
    /// 2(1 + β₁)/((1 − β₁)η) at the η with which the last fifth of the steps begins.
    pub threshold: f64,
}

impl<'r> TrainAnswer<'r> {
    /// Looks at the start and at the last fifth of the steps.
    pub fn new(run: &'r StoredRun<NetworkExperiment>) -> Self {
        let with_change = |quantity: Quantity| {
            let change = run.measurements.change(&quantity.key, run.experiment.steps);
            (quantity, change)
        };
        Self {
            run,
            changes: quantity::trained_with(&run.experiment)
                .into_iter()
                .map(with_change)
                .collect(),
            preconditioned: preconditioned(run),
            end_steps: run
                .measurements
                .steps_in(&SHARPNESS.key, quantity::end(run.experiment.steps)),
        }
    }

    /// What became of `quantity`.
    pub fn change(&self, quantity: &Quantity) -> Option<&Change> {
        let found = self.changes.iter().find(|(q, _)| q == quantity);
        found?.1.as_ref()
    }

    /// How many seeds diverged.
    pub fn diverged(&self) -> usize {
        let outcomes = &self.run.outcomes;
        outcomes.iter().filter(|o| o.diverged_at.is_some()).count()
    }

    /// As one JSON object.
    pub fn json(&self) -> Value {
        let experiment = &self.run.experiment;
        let mut object = json!({
            "name": experiment.name,
            "convention": experiment.loss_words(),
            "steps": experiment.steps,
            "seeds": experiment.seeds.len(),
            "diverged": self.diverged(),
            "diverged_by": last_divergence(&self.run.outcomes),
            "end_steps": self.end_steps,
            "notes": notes(&experiment.caveats()),
        });
        for (quantity, change) in &self.changes {
            object[&*quantity.key] = json!(change.as_ref().map(|change| json!({
                "start": of(change.start),
                "end": of(change.end),
                "factor": change.factor.map(of),
                "direction": word(change.direction),
            })));
        }
        if let Some(words) = experiment.intervention_words() {
            object["with"] = json!(words);
        }
        if let Some(found) = self.preconditioned {
            object[&*PRECONDITIONED_LAMBDA_MAX.key] = json!({
                "end": found.end.map(of),
                "stability_threshold": found.threshold,
            });
        }
        object
    }
}

fn preconditioned(run: &StoredRun<NetworkExperiment>) -> Option<Preconditioned> {
    let Optimizer::AdamW(adam) = &run.experiment.settings.optimizer.update else {
        return None;
    };
    let steps = run.experiment.steps;
    let key = &PRECONDITIONED_LAMBDA_MAX.key;
    Some(Preconditioned {
        end: run.measurements.window(key, quantity::end(steps)),
        threshold: adam.stability_threshold(*quantity::end(steps).start()),
    })
}

fn word(direction: Direction) -> &'static str {
    match direction {
        Direction::Rose => "rose",
        Direction::Fell => "fell",
        Direction::Unclear => "unclear",
        Direction::OneSeed => "one seed",
        Direction::NotPositive => "not positive",
    }
}

fn of(estimate: SeedMean) -> Value {
    json!({
        "mean": estimate.mean,
        "standard_error": estimate.standard_error,
        "count": estimate.count,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_direction_has_its_own_word() {
        for (direction, expected) in [
            (Direction::Rose, "rose"),
            (Direction::Fell, "fell"),
            (Direction::Unclear, "unclear"),
            (Direction::OneSeed, "one seed"),
        ] {
            assert_eq!(word(direction), expected);
        }
        let estimate = SeedMean {
            mean: 2.5,
            standard_error: Some(0.125),
            count: 3,
        };
        let expected = json!({ "mean": 2.5, "standard_error": 0.125, "count": 3 });
        assert_eq!(of(estimate), expected);
    }
}
