//! The flow along the minima, by the integrator that the drift and the size of the network ask for.

use super::{
    Drift, FlowError, FlowSettings, Statistics, bdf,
    exact::{ExactFlow, LargeExactFlow},
    lift::Lift,
    point::Model,
    rosenbrock::{self, System},
    symmetric::SymmetricFlow,
    wide::WideFlow,
};

/// One integration along the minima in progress.
pub(super) trait Walk {
    /// One accepted step. `end` only serves the size of the step and the message of an error.
    fn advance(&mut self, end: f64) -> Result<(), FlowError>;
    /// The slow time reached.
    fn time(&self) -> f64;
    /// The weights at `time`, which lies in the last step.
    fn weights_at(&self, time: f64) -> Vec<f64>;
    /// What the integrator did.
    fn statistics(&self) -> Statistics;
}

/// With more unknowns in the generators than this the linear systems are solved by iterations: from there on that is quicker.
const MOST_DENSE_GENERATORS: usize = 80;

/// With more weights than this the exact drift's Jacobian by differences is dearer than iterations without it.
const MOST_DIFFERENCES: usize = 100;

/// What `follow` makes of the flow from `start`, of which the first step lies within `horizon`.
///
/// # Errors
/// Those of `follow`, and where the network is too large for the drift.
pub(super) fn walk<T>(
    model: &Model,
    start: Vec<f64>,
    settings: &FlowSettings,
    horizon: f64,
    follow: impl FnOnce(&mut dyn Walk) -> Result<T, FlowError>,
) -> Result<T, FlowError> {
    let FlowSettings {
        tolerance,
        max_steps,
        drift,
        ..
    } = *settings;
    let (parameters, most) = (model.dim(), drift.most_weights());
    if parameters > most {
        return Err(FlowError::TooLarge { parameters, most });
    }
    match drift {
        Drift::Symmetric if Lift::new(&model.layers(&start)).unknowns() > MOST_DENSE_GENERATORS => {
            let (flow, state) = WideFlow::new(model, &start)?;
            follow(&mut bdf::Integrator::new(
                flow, state, tolerance, max_steps, horizon,
            )?)
        }
        Drift::Symmetric => {
            let flow = SymmetricFlow { model };
            follow(&mut rosenbrock::Integrator::new(
                &flow, start, tolerance, max_steps, horizon,
            )?)
        }
        Drift::Exact if parameters > MOST_DIFFERENCES && model.forces.follow_generators() => {
            let (flow, state) = LargeExactFlow::new(model, &start)?;
            follow(&mut bdf::Integrator::new(
                flow, state, tolerance, max_steps, horizon,
            )?)
        }
        Drift::Exact => {
            let flow = ExactFlow::new(model);
            follow(&mut rosenbrock::Integrator::new(
                &flow, start, tolerance, max_steps, horizon,
            )?)
        }
    }
}

impl<S: System> Walk for rosenbrock::Integrator<'_, S> {
    fn advance(&mut self, end: f64) -> Result<(), FlowError> {
        self.advance(end)
    }

    fn time(&self) -> f64 {
        self.time
    }

    fn weights_at(&self, time: f64) -> Vec<f64> {
        self.state_at(time)
    }

    fn statistics(&self) -> Statistics {
        self.statistics
    }
}

impl Walk for bdf::Integrator<WideFlow<'_>> {
    fn advance(&mut self, end: f64) -> Result<(), FlowError> {
        self.advance(end)
    }

    fn time(&self) -> f64 {
        self.time
    }

    fn weights_at(&self, time: f64) -> Vec<f64> {
        self.system.restored(&self.state_at(time))
    }

    fn statistics(&self) -> Statistics {
        self.statistics
    }
}

impl Walk for bdf::Integrator<LargeExactFlow<'_>> {
    fn advance(&mut self, end: f64) -> Result<(), FlowError> {
        self.advance(end)
    }

    fn time(&self) -> f64 {
        self.time
    }

    fn weights_at(&self, time: f64) -> Vec<f64> {
        self.system.symmetric.restored(&self.state_at(time))
    }

    fn statistics(&self) -> Statistics {
        self.statistics
    }
}
