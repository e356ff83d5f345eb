//! How figures show a quantity, and what they claim of it.

use super::ReproduceError;
use super::compared::Compared;
use super::linear::relaxation;
use crate::claims::{Citation, Claim, Reach, beyond};
use crate::claims::{SGD, Tolerance};
use crate::plot::{Axis, Look, Panel};
use crate::statistics::Trials;
use thalweg_lab::quantity::{FLUCTUATION, Quantity};
use thalweg_lab::spec::Experiment;

/// So many relaxation times after its start a path is at its end.
const RELAXED: f64 = 20.0;

/// A quantity in figures.
pub trait Shown {
    /// The claim that SGD, averaged over the end of its run, is where `flow` takes it, or the finite-step theory where the step size
    /// is too large for the flow: [`Compared::best`].
    fn against_flow(&self, what: &str, trials: &Trials, flow: &Compared) -> Claim;

    /// The claim that SGD ends at its exact limit, which the flow must reach for it to be testable. Where the step size is too large
    /// for that limit, it is the finite-step theory's end instead, if that is in its range, and if it says otherwise.
    ///
    /// # Errors
    /// When the problem has no such limit.
    fn against_limit(
        &self,
        what: &str,
        source: Citation,
        runs: (&Experiment, &Trials),
        flow: &Compared,
    ) -> Result<Claim, ReproduceError>;

    /// The claim that it ends larger under anisotropic noise than under isotropic noise: the mean log ratio of pairs
    /// that share all but the noise.
    fn larger(&self, what: &str, source: Citation, pair: [&Trials; 2]) -> Claim;

    /// Its axis for networks: sharpness moves by a part of itself, fluctuation by factors.
    fn axis_of_networks(&self) -> Axis;

    /// A panel with one curve for each of `runs`, by name.
    fn panel(&self, title: &str, runs: &[(&str, &Trials)]) -> Panel;
}

impl Shown for Quantity {
    fn against_flow(&self, what: &str, trials: &Trials, flow: &Compared) -> Claim {
        let best = flow.best(self);
        let by = best.unwrap_or(flow);
        let (measured, path) = (trials.end(&self.key), by.end(self));
        // Trial by trial, since each flow begins where its run does.
        let along = measured.with(&path, |_, path| path).mean();
        let difference = measured.with(&path, |sgd, path| sgd - path).mean();
        let predicted = along.map_or_else(|_| by.mean_end(self), |path| path.value);
        Claim {
            difference_error: difference.ok().and_then(|over| over.error),
            range: flow.range().filter(|_| best.is_none()),
            beside_flow: by.leaves_something_out(),
            beside: flow.beside(Some(by), self),
            ..Claim::new(
                format!(
                    "{what}: {} follows the {} to the end of the run",
                    self.symbol,
                    by.name()
                ),
                beyond(""),
                (measured.mean(), predicted),
                format!("{}, same starts, same steps", by.name()),
                by.tolerance(),
            )
        }
    }

    fn against_limit(
        &self,
        what: &str,
        source: Citation,
        (experiment, trials): (&Experiment, &Trials),
        flow: &Compared,
    ) -> Result<Claim, ReproduceError> {
        let (measured, limit) = (trials.end(&self.key).mean(), flow.limit(self)?);
        let relaxation = relaxation(experiment)?;
        let reach = |by: &Compared| Reach {
            by: by.name(),
            steps: trials.last(),
            flow: by.mean_end(self),
            relaxation,
        };
        let range = flow.limit_range();
        let end = match range.filter(|range| range.exceeded()) {
            Some(_) => flow.finite_step_end(experiment, self, RELAXED * relaxation)?,
            None => None,
        };
        if let Some((by, end, tolerance)) = end {
            return Ok(Claim {
                reach: Some(reach(by)),
                beside: Vec::from_iter(flow.limit_beside(self)),
                ..Claim::new(
                    format!(
                        "{what}: {} converges to its exact value, as the finite-step theory corrects it for this η",
                        self.symbol
                    ),
                    // The corrected value is none of the paper's.
                    beyond(format!("in place of {}", source.place)),
                    (measured, end),
                    "finite-step theory, t → ∞",
                    tolerance,
                )
            });
        }
        let by = source.place.clone();
        Ok(Claim {
            reach: Some(reach(flow)),
            range,
            beside: flow.beside(None, self),
            ..Claim::new(
                format!("{what}: {} converges to its exact value", self.symbol),
                source,
                (measured, limit),
                by,
                SGD,
            )
        })
    }

    fn larger(
        &self,
        what: &str,
        source: Citation,
        [anisotropic, isotropic]: [&Trials; 2],
    ) -> Claim {
        let ratio = anisotropic.end(&self.key).over(&isotropic.end(&self.key));
        Claim::ratio(
            format!(
                "{what}: {} ends larger under anisotropic noise",
                self.symbol
            ),
            source,
            ratio.geometric_mean(),
            Tolerance::Above {},
        )
    }

    fn axis_of_networks(&self) -> Axis {
        if *self == FLUCTUATION {
            Axis::log(self.with_unit())
        } else {
            Axis::linear(self.with_unit())
        }
    }

    fn panel(&self, title: &str, runs: &[(&str, &Trials)]) -> Panel {
        let panel = Panel::new(title, Axis::linear("step t"), self.axis_of_networks());
        let curves = runs.iter().enumerate();
        curves.fold(panel, |panel, (i, (name, trials))| {
            panel.with(*name, trials.curve(&self.key), Look::measured(i))
        })
    }
}
