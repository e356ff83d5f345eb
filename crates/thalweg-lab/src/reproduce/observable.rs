//! The quantities that figures show, each as SGD measures it and as the slow flow gives it.

use thalweg::flow::Snapshot;
use thalweg::simulate::Observation;

use super::ReproduceError;
use super::claim::{Claim, Reach, SGD, SLOW_FLOW};
use super::sgd::{Flows, Runs};

/// One quantity on both sides.
#[derive(Clone, Copy, Debug)]
pub struct Observable {
    /// On an axis.
    pub label: &'static str,
    /// In a sentence.
    pub name: &'static str,
    /// As measured.
    pub sgd: fn(&Observation) -> Option<f64>,
    /// As the slow flow gives it.
    pub flow: fn(&Snapshot) -> f64,
}

/// T = tr Hessian.
pub const SHARPNESS: Observable = Observable {
    label: "sharpness T = tr Hessian",
    name: "T",
    sgd: |o| Some(o.sharpness),
    flow: |s| s.sharpness,
};

/// λ_max.
pub const LAMBDA_MAX: Observable = Observable {
    label: "largest Hessian eigenvalue λ_{max}",
    name: "λ_{max}",
    sgd: |o| o.lambda_max,
    flow: |s| s.lambda_max,
};

/// F = E‖∇ℓ‖².
pub const FLUCTUATION: Observable = Observable {
    label: "fluctuation F = E‖grad ℓ‖²",
    name: "F",
    sgd: |o| Some(o.fluctuation),
    flow: |s| s.fluctuation,
};

/// Condition numbers of W_1, W_2, W_3.
pub const CONDITIONS: [Observable; 3] = [
    condition(
        "κ(W_{1})",
        |o| o.condition_numbers[0],
        |s| s.layer_conditions[0],
    ),
    condition(
        "κ(W_{2})",
        |o| o.condition_numbers[1],
        |s| s.layer_conditions[1],
    ),
    condition(
        "κ(W_{3})",
        |o| o.condition_numbers[2],
        |s| s.layer_conditions[2],
    ),
];

const fn condition(
    name: &'static str,
    sgd: fn(&Observation) -> Option<f64>,
    flow: fn(&Snapshot) -> f64,
) -> Observable {
    Observable {
        label: "condition number of a layer",
        name,
        sgd,
        flow,
    }
}

impl Observable {
    /// The claim that SGD, averaged over the end of its run, is where the slow flow is.
    pub fn against_flow(self, what: &str, runs: &Runs, flows: &Flows) -> Claim {
        let (measured, flow) = (runs.trials.end(&self.sgd), flows.end(&self.flow));
        // Seed by seed, since each flow begins where its run does.
        let beside = measured.with(&flow, |_, flow| flow).estimate();
        let difference = measured.with(&flow, |sgd, flow| sgd - flow).estimate();
        let predicted =
            beside.map_or_else(|_| flows.mean_end(&self.flow), |flow| flow.estimate.mean);
        Claim {
            difference_error: difference
                .ok()
                .and_then(|over| over.estimate.standard_error),
            range: Some(flows.range()),
            ..Claim::sampled(
                format!(
                    "{what}: {} follows the slow flow to the end of the run",
                    self.name
                ),
                "beyond the paper",
                (measured.estimate(), predicted),
                format!("{SLOW_FLOW}, same starts, same steps"),
                SGD,
            )
        }
    }

    /// The claim that SGD ends at the exact `limit`, which the flow must reach for it to be testable.
    ///
    /// # Errors
    /// When the problem has no such limit.
    pub fn against_limit(
        self,
        what: &str,
        source: &str,
        limit: f64,
        runs: &Runs,
        flows: &Flows,
    ) -> Result<Claim, ReproduceError> {
        Ok(Claim {
            reach: Some(Reach {
                steps: runs.trials.last(),
                flow: flows.mean_end(&self.flow),
                relaxation: runs.relaxation()?,
            }),
            range: flows.limit_range(),
            ..Claim::sampled(
                format!("{what}: {} converges to its exact value", self.name),
                source,
                (runs.trials.end(&self.sgd).estimate(), limit),
                source,
                SGD,
            )
        })
    }
}
