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

/// A quantity in figures.
pub trait Shown {
    /// The claim that SGD, averaged over the end of its run, is where `flow` takes it.
    fn against_flow(&self, what: &str, trials: &Trials, flow: &Compared) -> Claim;

    /// The claim that SGD ends at its exact limit, which the flow must reach for it to be testable.
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
        let (measured, path) = (trials.end(&self.key), flow.end(self));
        // Trial by trial, since each flow begins where its run does.
        let beside = measured.with(&path, |_, path| path).mean();
        let difference = measured.with(&path, |sgd, path| sgd - path).mean();
        let predicted = beside.map_or_else(|_| flow.mean_end(self), |path| path.value);
        Claim {
            difference_error: difference.ok().and_then(|over| over.error),
            range: flow.range(),
            beside_flow: flow.leaves_something_out(),
            ..Claim::new(
                format!(
                    "{what}: {} follows the {} to the end of the run",
                    self.symbol,
                    flow.name()
                ),
                beyond(""),
                (measured.mean(), predicted),
                format!("{}, same starts, same steps", flow.name()),
                SGD,
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
        let by = source.place.clone();
        Ok(Claim {
            reach: Some(Reach {
                steps: trials.last(),
                flow: flow.mean_end(self),
                relaxation: relaxation(experiment)?,
            }),
            range: flow.limit_range(),
            ..Claim::new(
                format!("{what}: {} converges to its exact value", self.symbol),
                source,
                (trials.end(&self.key).mean(), flow.limit(self)?),
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
            Axis::log(self.axis)
        } else {
            Axis::linear(self.axis)
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
