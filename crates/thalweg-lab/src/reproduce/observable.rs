//! The quantities that figures show, each as it is measured and as the slow flow gives it.

use thalweg::flow::Snapshot;

use super::ReproduceError;
use super::claim::{Claim, Reach, Source, beyond};
use super::linear::{Flows, relaxation};
use super::statistics::Trials;
use super::tolerance::SGD;
use crate::plot::{Axis, Look, Panel};
use crate::spec::Experiment;

/// One quantity on both sides.
#[derive(Clone, Copy, Debug)]
pub struct Observable {
    /// In the table of measurements.
    pub key: &'static str,
    /// On an axis.
    pub label: &'static str,
    /// In a sentence.
    pub name: &'static str,
    /// As the slow flow gives it.
    pub flow: fn(&Snapshot) -> f64,
}

/// T = tr Hessian.
pub const SHARPNESS: Observable = Observable {
    key: "sharpness",
    label: "sharpness T = tr Hessian",
    name: "T",
    flow: |s| s.sharpness,
};

/// λ_max.
pub const LAMBDA_MAX: Observable = Observable {
    key: "lambda_max",
    label: "largest Hessian eigenvalue λ_{max}",
    name: "λ_{max}",
    flow: |s| s.lambda_max,
};

/// F = E‖∇ℓ‖².
pub const FLUCTUATION: Observable = Observable {
    key: "fluctuation",
    label: "fluctuation F = E‖grad ℓ‖²",
    name: "F",
    flow: |s| s.fluctuation,
};

/// Condition numbers of W_1, W_2, W_3.
pub const CONDITIONS: [Observable; 3] = [
    condition("condition_number_1", "κ(W_{1})", |s| s.layer_conditions[0]),
    condition("condition_number_2", "κ(W_{2})", |s| s.layer_conditions[1]),
    condition("condition_number_3", "κ(W_{3})", |s| s.layer_conditions[2]),
];

const fn condition(
    key: &'static str,
    name: &'static str,
    flow: fn(&Snapshot) -> f64,
) -> Observable {
    Observable {
        key,
        label: "condition number of a layer",
        name,
        flow,
    }
}

impl Observable {
    /// The claim that SGD, averaged over the end of its run, is where the slow flow is.
    pub fn against_flow(
        self,
        what: &str,
        (_, trials): (&Experiment, &Trials),
        flows: &Flows,
    ) -> Claim {
        let (measured, flow) = (trials.end(self.key), flows.end(self.flow));
        // Trial by trial, since each flow begins where its run does.
        let beside = measured.with(&flow, |_, flow| flow).mean();
        let difference = measured.with(&flow, |sgd, flow| sgd - flow).mean();
        let predicted = beside.map_or_else(|_| flows.mean_end(self.flow), |flow| flow.value);
        Claim {
            difference_error: difference.ok().and_then(|over| over.error),
            range: Some(flows.range()),
            beside_flow: true,
            ..Claim::new(
                format!(
                    "{what}: {} follows the slow flow to the end of the run",
                    self.name
                ),
                beyond(""),
                (measured.mean(), predicted),
                "slow flow, same starts, same steps",
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
        source: Source,
        limit: f64,
        (experiment, trials): (&Experiment, &Trials),
        flows: &Flows,
    ) -> Result<Claim, ReproduceError> {
        let by = source.place.clone();
        Ok(Claim {
            reach: Some(Reach {
                steps: trials.last(),
                flow: flows.mean_end(self.flow),
                relaxation: relaxation(experiment)?,
            }),
            range: flows.limit_range(),
            ..Claim::new(
                format!("{what}: {} converges to its exact value", self.name),
                source,
                (trials.end(self.key).mean(), limit),
                by,
                SGD,
            )
        })
    }

    /// Its axis for networks: sharpness moves by a part of itself, fluctuation by factors.
    pub fn axis(self) -> Axis {
        if self.key == FLUCTUATION.key {
            Axis::log(self.label)
        } else {
            Axis::linear(self.label)
        }
    }

    /// A panel with one curve for each of `runs`, by name.
    pub fn panel(self, title: impl Into<String>, runs: &[(&str, &Trials)]) -> Panel {
        let panel = Panel::new(title, Axis::linear("step t"), self.axis());
        let curves = runs.iter().enumerate();
        curves.fold(panel, |panel, (i, (name, trials))| {
            panel.with(*name, trials.curve(self.key), Look::measured(i))
        })
    }
}
