//! The quantities that figures of networks show.

use super::super::trials::PerSeed;
use super::runs::{NetworkObservation, NetworkTrials};
use crate::plot::{Axis, Look, Panel, Point};

/// One measured quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetworkObservable {
    /// T = tr Hessian.
    Sharpness,
    /// λ_max.
    LambdaMax,
    /// F = E‖∇ℓ‖².
    Fluctuation,
}

impl NetworkObservable {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Sharpness, Self::LambdaMax, Self::Fluctuation];

    /// On an axis.
    pub fn label(self) -> &'static str {
        match self {
            Self::Sharpness => "sharpness T = tr Hessian",
            Self::LambdaMax => "largest Hessian eigenvalue λ_{max}",
            Self::Fluctuation => "fluctuation F = E‖grad ℓ‖²",
        }
    }

    /// In a sentence.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sharpness => "T",
            Self::LambdaMax => "λ_{max}",
            Self::Fluctuation => "F",
        }
    }

    /// Its axis: sharpness moves by a part of itself, fluctuation by factors.
    pub fn axis(self) -> Axis {
        match self {
            Self::Sharpness | Self::LambdaMax => Axis::linear(self.label()),
            Self::Fluctuation => Axis::log(self.label()),
        }
    }

    fn of(self, observation: &NetworkObservation) -> Option<f64> {
        match self {
            Self::Sharpness => observation.sharpness,
            Self::LambdaMax => observation.lambda_max,
            Self::Fluctuation => observation.fluctuation,
        }
    }

    /// The mean over the seeds along the run.
    pub fn curve(self, runs: &NetworkTrials) -> Vec<Point> {
        runs.curve(&|observation| self.of(observation))
    }

    /// Each seed's mean over the last fifth of the run.
    pub fn end(self, runs: &NetworkTrials) -> PerSeed {
        runs.end(&|observation| self.of(observation))
    }

    /// Each seed's value at the measured step of this index.
    pub fn at(self, runs: &NetworkTrials, index: usize) -> PerSeed {
        runs.at(index, &|observation| self.of(observation))
    }

    /// A panel with one curve for each of `runs`, by name.
    pub fn panel(self, title: impl Into<String>, runs: &[(&str, &NetworkTrials)]) -> Panel {
        let panel = Panel::new(title, Axis::linear("step t"), self.axis());
        let curves = runs.iter().enumerate();
        curves.fold(panel, |panel, (i, (name, trials))| {
            panel.with(*name, self.curve(trials), Look::measured(i))
        })
    }
}
