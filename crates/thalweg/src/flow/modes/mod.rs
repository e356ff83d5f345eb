//! Networks whose layers, inputs and noise share their axes: D numbers for each mode in place of D matrices.
//!
//! In the bases of [`Axes`] every matrix is diagonal, and along the minima it stays so by any of the drifts. So does Theorem 1's minimum if noise and signal share
//! their axes, and whatever starts from it.

mod along;
mod axes;
#[cfg(test)]
mod tests;

use super::{
    FlowError, FlowSettings, Statistics,
    manifold::to_manifold,
    point::{Model, Point},
    rosenbrock,
    trajectory::{Waypoint, condition_number},
    walk::Walk,
};
use crate::problem::{Problem, Weights};
use along::ModeFlow;
use axes::Axes;

/// The slow flow of one network's modes from one start.
pub(super) struct Modes<'a> {
    model: &'a Model,
    axes: Axes,
    flow: ModeFlow,
    start: Vec<f64>,
}

impl<'a> Modes<'a> {
    /// That from the minimum `start`; nothing where not all axes are shared.
    pub(super) fn new(model: &'a Model, start: &[f64]) -> Option<Self> {
        if !model.follows_generators(&model.forces) {
            return None;
        }
        let axes = Axes::shared(model, &model.layers(start))?;
        let (flow, start) = ModeFlow::new(&axes, model.forces);
        Some(Self {
            model,
            axes,
            flow,
            start,
        })
    }

    /// The flow from there on.
    pub(super) fn walk(
        &self,
        settings: FlowSettings,
        horizon: f64,
    ) -> Result<impl Walk, FlowError> {
        let FlowSettings {
            tolerance,
            max_steps,
            ..
        } = settings;
        let start = self.start.clone();
        let run = rosenbrock::Integrator::new(&self.flow, start, tolerance, max_steps, horizon)?;
        Ok(Walking { modes: self, run })
    }
}

struct Walking<'a> {
    modes: &'a Modes<'a>,
    run: rosenbrock::Integrator<'a, ModeFlow>,
}

impl Walk for Walking<'_> {
    fn advance(&mut self, end: f64) -> Result<(), FlowError> {
        self.run.advance(end)
    }

    fn time(&self) -> f64 {
        self.run.time
    }

    fn weights_at(&self, time: f64) -> Result<Vec<f64>, FlowError> {
        let Modes {
            model, axes, flow, ..
        } = self.modes;
        let mut weights = model.flatten(&axes.layers(&flow.weights(&self.run.state_at(time))));
        to_manifold(model, &mut weights)?;
        Ok(weights)
    }

    fn size(&self) -> Result<[f64; 2], FlowError> {
        let [sharpness, fluctuation, _] = self.modes.flow.measured(&self.run.state);
        Ok([sharpness, fluctuation])
    }

    fn place(&self) -> Vec<f64> {
        self.modes.flow.weights(&self.run.state)
    }

    fn waypoint(&self, problem: &Problem, time: f64) -> Result<Waypoint, FlowError> {
        let Modes {
            model, axes, flow, ..
        } = self.modes;
        let state = self.run.state_at(time);
        let [sharpness, fluctuation, lambda_max] = flow.measured(&state);
        let shapes = model.widths().windows(2).map(|h| (h[1], h[0]));
        let values = axes.singular_values(&flow.weights(&state)).into_iter();
        let layer_conditions = values
            .zip(shapes)
            .map(|(mut values, (rows, columns))| {
                values.resize(rows.min(columns), 0.0);
                values.sort_by(|a, b| b.total_cmp(a));
                condition_number(&values, rows.max(columns))
            })
            .collect();
        let point = Point::new(model, model.layers(&self.weights_at(time)?));
        Ok(Waypoint {
            slow_time: time,
            step: None,
            sharpness,
            lambda_max,
            fluctuation,
            layer_conditions,
            distance: point.residual.norm_l2() / model.scale(),
            weights: Weights::new(problem, point.layers)?,
        })
    }

    fn statistics(&self) -> Statistics {
        self.run.statistics
    }
}
